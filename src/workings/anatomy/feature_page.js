// The page of all features: finds cards, and draws them some at a time. Texts are put in as text, never as markup.
"use strict";
const AT_ONCE = 40;
const cards = JSON.parse(document.getElementById("cards").textContent);
const list = document.querySelector(".cards");
const search = document.querySelector("input");
const order = document.querySelector("select");
const status = document.querySelector("[role=status]");
const more = document.querySelector(".more");
for (const card of cards) {
  const tokens = [...card.examples.map((example) => example.tokens.join("")), ...card.promotes.map(([token]) => token)];
  card.text = [card.number, card.label ?? "", ...tokens].join(" \n ").toLowerCase();
}
let found = [];
let shown = 0;

function make(kind, text = "", className = "") {
  const element = document.createElement(kind);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

function example(one, largest) {
  const line = make("p", "", "shaded");
  one.tokens.forEach((token, place) => {
    const mark = make("span", token.replace(/\n/g, "↵"));
    mark.style.setProperty("--s", Math.min(Math.max(one.acts[place] / (largest || 1), 0), 1).toFixed(2));
    mark.title = String(one.acts[place]);
    line.append(mark);
  });
  return line;
}

function words(title, pairs) {
  const line = make("p", title, "tokens-of");
  pairs.forEach(([token, weight], place) => {
    line.append(place ? ", " : " ", make("b", JSON.stringify(token)), ` ${weight}`);
  });
  return line;
}

function draw(card) {
  const box = make("article", "", "card");
  const head = make("h2", `${card.number}${card.label ? ` · ${card.label}` : ""}`);
  head.append(make("small", `fires for ${(100 * card.density).toPrecision(2)}% of tokens, at most with ${card.largest}`));
  box.append(head, ...card.examples.map((one) => example(one, card.largest)));
  if (!card.examples.length) box.append(make("p", "It fired nowhere in these texts.", "soft"));
  if (card.promotes.length) box.append(words("speaks for", card.promotes), words("speaks against", card.suppresses));
  return box;
}

function showMore() {
  list.append(...found.slice(shown, shown + AT_ONCE).map(draw));
  shown = Math.min(shown + AT_ONCE, found.length);
  status.textContent = `${shown} of ${found.length} shown`;
  more.hidden = shown === found.length;
}

function find() {
  const asked = search.value.trim().toLowerCase();
  const own = (card) => String(card.number) === asked || (card.label ?? "").toLowerCase() === asked;
  found = cards.filter((card) => card.text.includes(asked));
  const by = { number: (a, b) => a.number - b.number, density: (a, b) => b.density - a.density, largest: (a, b) => b.largest - a.largest };
  found.sort((a, b) => (asked ? own(b) - own(a) : 0) || by[order.value](a, b));
  list.replaceChildren();
  shown = 0;
  showMore();
}

search.addEventListener("input", find);
order.addEventListener("change", find);
more.addEventListener("click", showMore);
find();
