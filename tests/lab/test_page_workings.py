"""Around the grid: the outline, the map, heads, the formula bar, and how the selected number was made."""

from __future__ import annotations

import re
from typing import Any

import pytest
from browsing import PROMPT, Lab, Visit

from workings.display.words import number

JEDI = "blocks.2.attn.pattern[0, 13, 8]"


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_the_panel_says_what_explain_says(visit: Visit) -> None:
    told = visit.lab.model.trace(PROMPT).explain("blocks.2.attn.pattern", 0, 13, 8)
    visit.go(JEDI)
    panel = plain(visit.page.locator(".workings-body").inner_text())
    for part in (told.sentence, told.operation, told.formula, told.numbers):
        assert plain(part) in panel
    links = visit.words(".workings-body .links .link")
    for source in told.sources[:8]:
        assert f"{source.name}[{', '.join(map(str, source.index))}]" in links
    assert "blocks.2.attn.z" in links, "what it feeds into"


def test_what_a_number_feeds_into_is_followed_to_the_same_row(visit: Visit) -> None:
    visit.go("blocks.1.resid_post[5, 20]")
    visit.page.click(".workings-body .link:text-is('blocks.2.resid_pre')")
    visit.wait("document.querySelector('.workings-body .address').innerText === 'blocks.2.resid_pre[5, 20]'")


def listed(visit: Visit, title: str) -> Any:
    return visit.page.locator(".workings-body section", has=visit.page.locator(f"h4:text-is('{title}')"))


def test_used_by_names_what_the_model_goes_on_with_and_apart_from_it_who_looks_on(visit: Visit) -> None:
    visit.go("blocks.2.resid_post[5, 20]")
    assert listed(visit, "Used by").locator(".link").all_inner_texts() == ["blocks.3.resid_pre"]
    beside = listed(visit, "Also read by").locator(".link").all_inner_texts()
    assert beside and all(name.startswith("blocks.2.resid_post.sae.") for name in beside)


def test_many_tables_that_look_on_are_one_line_until_it_is_opened(visit: Visit) -> None:
    visit.go("W_E[5, 20]")
    assert listed(visit, "Used by").locator(".link").all_inner_texts() == ["embed", "logits"]
    also = listed(visit, "Also read by")
    line, links = also.locator("summary"), also.locator(".link")
    assert not links.first.is_visible()
    line.focus()
    visit.page.keyboard.press("Enter")
    links.first.wait_for()
    assert line.inner_text() == f"{links.count()} tables of lenses or of the autoencoder"
    assert all(name.endswith("lens.logits") for name in links.all_inner_texts())


def test_terms_are_bars_with_words_and_lead_to_their_numbers(visit: Visit) -> None:
    visit.go("blocks.3.mlp.pre[13, 7]")
    assert visit.page.locator(".terms .signed .ink").count() > 3
    link = visit.page.locator(".terms .link").first
    link.click()
    visit.wait("!document.querySelector('.workings-body .address').innerText.startsWith('blocks.3.mlp.pre')")


def test_the_formula_bar_shows_the_cells_formula(visit: Visit) -> None:
    visit.go("blocks.1.resid_post[5, 20]")
    visit.wait("document.querySelector('.formula-bar').innerText === '=resid_mid[5, 20] + mlp_out[5, 20]'")
    visit.go("W_E[5, 20]")
    visit.wait("!document.querySelector('.formula-bar').innerText.includes('resid_mid')")
    shown = float(visit.page.locator(".formula-bar").inner_text().replace("−", "-"))
    assert shown == pytest.approx(visit.value(), rel=1e-3)


def test_every_table_and_weight_stands_in_the_outline_and_opens(visit: Visit) -> None:
    names = {
        text.split(":")[0] for text in visit.page.locator(".entry").evaluate_all("all => all.map(one => one.title)")
    }
    assert set(visit.lab.model.trace(PROMPT).names()) | {"W_E", "blocks.0.attn.W_Q", "ids"} <= names
    visit.page.click("summary:text-is('Block 1')")
    visit.page.click("details[open] .entry:text-is('mlp.post')")
    visit.wait("document.querySelector('.name-box').value.startsWith('blocks.1.mlp.post')")
    assert visit.words(".entry[aria-current=true]") == ["mlp.post"]


def test_the_map_marks_where_one_is_and_takes_one_elsewhere(visit: Visit) -> None:
    marked: Any = "[...document.querySelectorAll('.map-picture g.here title')].map(t => t.textContent).join()"
    visit.go("blocks.0.resid_mid[0, 0]")
    assert "resid_mid" in visit.page.evaluate(marked)
    visit.go("logits[0, 0]")
    assert "logits" in visit.page.evaluate(marked)
    visit.page.locator(".map-picture g:has(title)").first.dispatch_event("click")
    visit.wait("!document.querySelector('.name-box').value.startsWith('logits')")


def test_heads_are_tabs(visit: Visit) -> None:
    visit.go(JEDI)
    visit.page.locator(".heads button").nth(2).click()
    visit.wait("document.querySelector('.name-box').value === 'blocks.2.attn.pattern[2, 13, 8]'")
    visit.page.locator("regular-table").focus()
    visit.page.keyboard.press("]")
    visit.wait("document.querySelector('.name-box').value === 'blocks.2.attn.pattern[3, 13, 8]'")
    want = visit.lab.model.trace(PROMPT)["blocks.2.attn.pattern"][3, 13, 8]
    visit.wait("document.querySelector('.workings-body .address').innerText.startsWith('blocks.2.attn.pattern[3')")
    assert visit.value() == pytest.approx(float(want), rel=1e-5)


def test_a_token_pointed_at_tells_its_merges_and_what_it_looks_at(visit: Visit) -> None:
    visit.show("attention")
    visit.wait("document.querySelector('.told').innerText.includes('looks at')")
    visit.page.locator(".chip").nth(8).hover()
    visit.wait("document.querySelectorAll('.tip .merges li').length > 1")
    steps = visit.words(".tip .merges li")
    assert steps[-1].replace("\n", "") == "␣Jedi" and len(steps[0].split()) >= 4
    shades = visit.page.locator(".chip").evaluate_all("all => all.map(one => one.style.backgroundColor)")
    assert any(shades) and visit.page.locator(".chip.asking").count() == 1


def test_colours_can_be_taken_away(visit: Visit) -> None:
    visit.go("blocks.1.resid_post[5, 20]")
    count = "document.querySelectorAll('td[class*=above-], td[class*=below-]').length"
    visit.wait(f"{count} > 20")
    visit.page.click("text=Colours")
    visit.wait(f"{count} === 0")


def test_a_number_is_edited_by_a_double_click_and_scaled_by_a_star(visit: Visit) -> None:
    visit.go("blocks.1.resid_post[13, 3]")
    before = visit.value()
    visit.page.locator("td.cursor").dblclick()
    visit.page.fill(".editor", "*2")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector("td.edited")
    visit.wait("b => Number(document.querySelector('.workings-body .value').innerText.replace('−', '-')) !== b", before)
    assert visit.value() == pytest.approx(2 * before, rel=1e-6)
    assert "underlined ones changed" in visit.page.locator(".hint").inner_text()


def test_an_edited_weight_shows_what_was_learnt_beside_what_was_typed(visit: Visit) -> None:
    was = number(float(visit.lab.model.trace(PROMPT)["W_E"][404, 0]))
    visit.go("W_E[404, 0]")
    visit.edit("3")
    visit.wait("document.querySelector('.workings-body .value').innerText === '3'")
    panel = plain(visit.page.locator(".workings-body").inner_text())
    assert f"set to 3 (it was {was})" in panel and f"learnt = {was}" in panel
    assert "was learnt in training; nothing" not in panel
    assert visit.page.locator(".formula-bar").inner_text() == "=3"


def test_an_edited_token_id_shows_which_token_it_was(visit: Visit) -> None:
    trace = visit.lab.model.trace(PROMPT)
    visit.go("ids[2]")
    visit.edit("643")
    visit.wait("document.querySelector('.workings-body .value').innerText === '643'")
    said = f"set to 643, {trace.spell(643)!r} (it was {trace.ids[2]}, {trace.tokens[2]!r})"
    assert said in plain(visit.page.locator(".workings-body").inner_text())


def test_a_hundred_tokens_keep_the_attention_map_readable_while_one_points(visit: Visit) -> None:
    visit.type_sentence("Mike is quick. Anna is a chef. " * 12)
    visit.show("attention")
    visit.wait("document.querySelector('.told').innerText.includes(' looks ')")
    n = len(visit.words(".chip"))
    assert n > 90
    small = visit.page.locator(".small-map").first.element_handle()
    box = visit.page.locator(".large-map").bounding_box()
    visit.page.evaluate(
        """() => {
            const map = document.querySelector(".large-map"), {left, top, height} = map.getBoundingClientRect();
            for (let i = 0; i < 20; i++) map.dispatchEvent(new MouseEvent("mousemove", {clientX: left + 90, clientY: top + height - 3 - i, bubbles: true}));
        }"""
    )
    assert box["width"] < 2000
    assert " takes " in visit.page.locator(".told").inner_text()
    assert small.evaluate("one => one.isConnected"), "pointing at the large map leaves the small ones alone"


EDGES = """async (x) => {
    const dots = (canvas, x, y, width, height) => [...canvas.getContext("2d").getImageData(x, y, width, height).data].join();
    const map = document.querySelector(".large-map");
    let room = map.parentElement;  // what scrolls
    while (getComputedStyle(room).overflowY !== "auto") room = room.parentElement;
    const above = document.querySelector(".map-edge.above"), left = document.querySelector(".map-edge.left");
    room.scrollTo(x, 200);
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const box = (one) => { const {left, top, width, height} = one.getBoundingClientRect(); return {left, top, width, height}; };
    return {
        scrolled: [room.scrollLeft, room.scrollTop], room: box(room), map: box(map), above: box(above), left: box(left),
        same: dots(map, 0, 0, left.width, left.height) === dots(left, 0, 0, left.width, left.height)
            && dots(map, 0, 0, above.width, above.height) === dots(above, 0, 0, above.width, above.height),
        written: new Set(dots(left, 0, 0, left.width, left.height).split(",")).size,
    };
}"""


@pytest.mark.parametrize(("width", "across"), [(900, 60), (1440, 0)])
def test_the_words_along_a_large_map_stay_in_sight_beside_their_rows_and_columns(
    browser: Any, lab: Lab, width: int, across: int
) -> None:
    visit = Visit(browser, lab, width=width, height=700).open()
    visit.type_sentence("Mike is quick. Anna is a chef. " * 4)
    visit.show("attention")
    visit.wait("document.querySelector('.told').innerText.includes(' looks ')")
    seen = visit.page.evaluate(EDGES, across)
    assert seen["scrolled"] == [across, 200], "the map is larger than its room"
    room, map, above, left = (seen[name] for name in ("room", "map", "above", "left"))
    assert above["top"] == room["top"] and left["left"] >= room["left"], "at the edges of what is visible"
    assert left["left"] - map["left"] == across
    assert (left["top"], above["left"]) == (map["top"], map["left"]), "each word at its row, or column"
    assert (left["height"], above["width"]) == (map["height"], map["width"])
    assert seen["same"] and seen["written"] > 20, "the words are those of the map"
    target = visit.page.evaluate(
        "([x, y]) => document.elementFromPoint(x, y).className", [left["left"] + 5, room["top"] + 150]
    )
    assert target == "large-map", "they are in nobody's way"
    assert not visit.complaints
    visit.close()


def test_only_what_an_edit_changed_is_marked(visit: Visit) -> None:
    visit.go(JEDI)
    visit.edit("0")
    visit.page.wait_for_selector("td.edited")
    visit.settled()
    assert visit.page.locator("td.changed").count() == 0, "no other share of the row follows from this one"
    visit.go("blocks.2.resid_mid[13, 0]")
    visit.page.wait_for_selector("td.changed")
    rows = visit.page.locator("tr:has(td.changed)").count()
    assert rows == 1, "earlier tokens do not see a later one"
