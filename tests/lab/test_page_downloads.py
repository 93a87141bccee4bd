"""What can be taken along from the page: each file is clicked for, kept, and opened again with something else."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from browsing import PROMPT, Lab, Visit

import workings

PIXELS = """async (address) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), {width: image.width, height: image.height});
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const pixels = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
    return [image.width, image.height, new Set(pixels).size];
}"""


def keep(visit: Visit, item: str, folder: Path) -> Path:
    """Click for a file in the export menu, as a person does, and keep it under the name that the browser would give it."""
    visit.page.click("text=Export")
    with visit.page.expect_download() as coming:
        visit.page.click(f"[role=menuitem]:has-text('{item}')")
    path = folder / coming.value.suggested_filename
    coming.value.save_as(path)
    return path


def picture(visit: Visit, path: Path) -> tuple[int, int, int]:
    """Width, height and number of different colours of a picture, as the browser decodes it."""
    address = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    width, height, colours = visit.page.evaluate(PIXELS, address)
    return width, height, colours


def test_the_workbook_opens_elsewhere_and_holds_the_sentence(visit: Visit, tmp_path: Path) -> None:
    path = keep(visit, "Excel workbook", tmp_path)
    assert path.name == "storybook.xlsx"
    sheets = openpyxl.load_workbook(path, read_only=True)
    assert any(
        cell == PROMPT for sheet in sheets for row in sheet.iter_rows(max_row=60, values_only=True) for cell in row
    )
    sheets.close()


def test_the_report_opens_by_itself_and_says_what_comes_next(visit: Visit, tmp_path: Path) -> None:
    path = keep(visit, "Report", tmp_path)
    assert path.name == "report.html"
    asked: list[str] = []
    alone = visit.context.browser.new_context(offline=True)
    page = alone.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert PROMPT in page.locator("h1").inner_text()
    assert "lightsaber" in page.locator(".lead").inner_text() and "99.9%" in page.locator(".lead").inner_text()
    assert asked == [path.as_uri()]
    alone.close()


def test_the_report_shows_the_lens_that_is_looked_through(visit: Visit, tmp_path: Path) -> None:
    assert "called the logit lens" in keep(visit, "Report", tmp_path).read_text(encoding="utf-8")
    visit.show("lens")
    visit.page.select_option(".lens-view select", "tuned")
    visit.page.fill(".lens-view .word-field", "phone")
    visit.page.keyboard.press("Enter")
    visit.settled()
    text = keep(visit, "Report", tmp_path).read_text(encoding="utf-8")
    assert "called the tuned lens" in text and "How “␣phone” stands there" in text


def test_the_edits_are_a_file_that_python_reads(visit: Visit, tmp_path: Path) -> None:
    visit.go("blocks.1.resid_post[13, 3]")
    visit.edit("40")
    path = keep(visit, "Save edits", tmp_path)
    assert path.name == "edits.json" and json.loads(path.read_text())["model"] == "storybook"
    loaded = workings.load_edits(path)
    trace = loaded.apply(visit.lab.model.trace(PROMPT))
    visit.go("logits[13, 766]")
    assert visit.value() == pytest.approx(float(trace["logits"][13, 766]), rel=1e-5)


@pytest.mark.parametrize(
    ("screen", "name"),
    [
        ("lens", "lens.png"),
        ("attention", "attention.png"),
        ("reasons", "reasons.png"),
        ("patching", "patching.png"),
        ("numbers", "probabilities.png"),
    ],
)
def test_each_view_is_kept_as_a_picture_that_is_not_blank(visit: Visit, tmp_path: Path, screen: str, name: str) -> None:
    visit.show(screen)
    visit.settled()
    path = keep(visit, "Picture", tmp_path)
    assert path.name == name
    width, height, colours = picture(visit, path)
    assert min(width, height) >= 14 and max(width, height) >= 350 and colours > 10


def test_the_picture_of_a_sheet_has_a_square_for_every_number_below_lines_that_name_it(
    visit: Visit, tmp_path: Path
) -> None:
    line, margin, least = 22.5, 15, 510  # pixels, where the page's letters are 15 high
    visit.go("blocks.2.attn.pattern[0, 13, 8]")
    width, height, _ = picture(visit, keep(visit, "Picture", tmp_path))
    assert (width, height) == (least, 14 * 24 + 2 * line + margin)
    visit.go("blocks.2.attn.W_Q[0, 0, 0]")
    width, height, _ = picture(visit, keep(visit, "Picture", tmp_path))
    rows, columns = visit.lab.model.trace(PROMPT)["blocks.2.attn.W_Q"].shape[1:]
    times = 1600 // rows
    assert width == max(least, times * columns)
    assert abs(height - (times * rows + line + margin)) <= 0.5  # of no sentence


def test_a_picture_of_attention_is_as_large_in_a_small_window(browser: Any, lab: Lab, tmp_path: Path) -> None:
    sizes = set()
    for width, height in ((900, 600), (1150, 900)):
        visit = Visit(browser, lab, width, height).open()
        visit.type_sentence("The student picked up his")
        visit.show("attention")
        visit.page.wait_for_selector(".told b")
        visit.settled()
        sizes.add(picture(visit, keep(visit, "Picture", tmp_path))[:2])
        visit.close()
    ((width, height),) = sizes
    assert width >= 470 and height >= 390


@pytest.mark.parametrize("screen", ["features", "compare"])
def test_a_picture_is_not_offered_where_there_is_none(visit: Visit, screen: str) -> None:
    visit.show(screen)
    visit.page.click("text=Export")
    offered = visit.page.locator("[role=menuitem]", has_text="Picture of this view")
    assert offered.get_attribute("aria-disabled") == "true"
    assert "only of maps, bars and sheets" in offered.inner_text()
    offered.click(force=True)
    assert offered.is_visible() and not visit.page.locator(".trouble:visible").count()
    visit.page.keyboard.press("Escape")
    visit.show("lens")
    visit.page.click("text=Export")
    assert offered.get_attribute("aria-disabled") == "false" and "PNG" in offered.inner_text()


def test_numbers_are_copied_into_a_spreadsheet_as_they_are(visit: Visit) -> None:
    visit.go("blocks.2.attn.pattern[0, 0, 0]")
    visit.page.keyboard.press("Control+a")
    copied = visit.copy()
    numbers = np.array([[float(cell) for cell in line.split("\t")] for line in copied.split("\n")])
    assert np.allclose(numbers, visit.lab.model.trace(PROMPT)["blocks.2.attn.pattern"][0], rtol=2e-6, atol=0)
