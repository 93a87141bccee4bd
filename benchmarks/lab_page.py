"""How fast the lab is, measured at the browser: page, tiles, explanations, edits, scrolling, for storybook and at GPT-2 small's shape.

Run in the development environment, where Playwright and Chromium are, with the cores that `workings lab` would take:
`OPENBLAS_NUM_THREADS=1 PYTHONPATH=tests/lab:benchmarks python benchmarks/lab_page.py` on two.
"""

from __future__ import annotations

import gzip
import os
import statistics
import sys
from typing import Any

from browsing import PROMPT, Visit, a_browser, a_lab
from checkpoint import make_checkpoint

import workings
from workings.lab.static import PAGE

CHANGE = """
const changed = (selector, act) => new Promise((done) => {
  const start = performance.now();
  const watch = new MutationObserver(() => { watch.disconnect(); requestAnimationFrame(() => done(performance.now() - start)); });
  watch.observe(document.querySelector(selector), {childList: true, subtree: true, characterData: true});
  setTimeout(() => { watch.disconnect(); done(2000); }, 2000);
  act();
});
const grid = document.querySelector("regular-table");
const press = (key, target = grid) => target.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
const rest = (ms) => new Promise((done) => setTimeout(done, ms));
"""
SELECT = """
for (let i = 0; i < 40; i++) {
  times.push(await changed(".workings-body", () => press("ArrowRight")));
  await rest(60);
}
"""
EDIT = """
for (let i = 0; i < 20; i++) {
  press("F2");
  await rest(60);
  const input = document.querySelector(".editor");
  input.value = String(1 + i / 7);
  times.push(await changed(".next-bars", () => press("Enter", input)));
  await rest(500);
}
"""
SCROLL = """
const seen = () => document.querySelector("regular-table tbody th").textContent;
let last = performance.now(), stop = last + 3000, top = grid.scrollTop, left = grid.scrollLeft, before = "", moved = 0;
await new Promise((done) => {
  const frame = (now) => {
    times.push(now - last);
    last = now;
    if (seen() !== before) moved += 1;
    before = seen();
    grid.scrollTo((left += 17), (top += 61));
    now < stop ? requestAnimationFrame(frame) : done();
  };
  requestAnimationFrame(frame);
});
times.push(moved);
"""
WEIGHTS = ("W_E", "W_pos", "blocks.0.mlp.W_in", "blocks.1.mlp.W_out")  # each scrolled through
TABLES = ("mlp.pre[0, 0]", "resid_mid[0, 0]", "attn.q[0, 0, 0]")  # each opened in every block
TILES = "times.push(...performance.getEntriesByType('resource').filter(e => e.name.includes('/api/tile')).map(e => e.duration));"


def measure(visit: Visit, script: str) -> list[float]:
    return list(visit.page.evaluate(f"async () => {{ const times = []; {CHANGE} {script} return times; }}"))


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]


def report(name: str, times: list[float], unit: str = "ms") -> None:
    print(
        f"  {name:44} median {statistics.median(times):6.0f}  p95 {p95(times):6.0f} {unit}   ({len(times)} times)",
        flush=True,
    )


def scroll(visit: Visit) -> None:
    """Three seconds of scrolling both ways at once, by more than two rows a frame."""
    *frames, moved = measure(visit, SCROLL)
    seconds = sum(frames) / 1000
    print(
        f"  {'frames a second while scrolling':44} {len(frames) / seconds:6.0f}  new numbers in {moved / len(frames):.0%} of them; "
        f"load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def run(browser: Any, model: Any, hash: str, positions: int) -> None:
    with a_lab(model) as lab:
        Visit(browser, lab).open(hash).close()  # the first visit works everything out; the second is what is felt
        visit = Visit(browser, lab).open(hash)
        ready = visit.page.evaluate(
            "performance.getEntriesByType('resource').find(e => e.name.includes('/api/explain')).responseEnd"
        )
        report("page ready, the first number explained", [ready])
        block = model.config.n_layers // 2
        visit.go(f"blocks.{block}.mlp.post[{positions - 1}, 5]")
        report("a number selected, its workings shown (MLP)", measure(visit, SELECT))
        visit.go(f"blocks.{block}.resid_post[{positions - 1}, 5]")
        report("a number selected, its workings shown (stream)", measure(visit, SELECT))
        visit.go(f"blocks.{block}.resid_post[{positions // 2}, 5]")
        report("an edit mid-way, new next-token bars shown", measure(visit, EDIT))
        visit.page.click("text=Take all out")
        visit.settled()
        visit.page.evaluate("performance.clearResourceTimings(), performance.setResourceTimingBufferSize(5000)")
        for table in WEIGHTS:
            visit.go(f"{table}[0, 0]")
            scroll(visit)
        for table in TABLES:
            for layer in range(model.config.n_layers):
                visit.go(f"blocks.{layer}.{table}")
        report("a tile", measure(visit, TILES))
        visit.close()


def main(folder: str) -> None:
    print(f"script: {len(gzip.compress((PAGE / 'page.js').read_bytes(), 9)):,} bytes gzipped")
    with a_browser() as browser:
        storybook = workings.load("storybook")
        print("storybook, 14 tokens")
        run(browser, storybook, "", len(storybook.trace(PROMPT).tokens))
        print("GPT-2 small's shape, 64 tokens")
        ids = ",".join(str(37 * i % 50257) for i in range(64))
        run(browser, workings.load(str(make_checkpoint(folder))), f"#prompt=&ids={ids}", 64)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "build/gpt2-small-random")
