"""What heads do, and knocking parts out, as a person sees them: kinds that lead to maps, switches and a panel that make edits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from browsing import PROMPT, Lab, Visit, a_lab
from by_hand import by_hand

import workings
from tiny import Tiny, model_of

TAB = "[role=tab]:text-is('{}')"


def shown_next(trace: workings.Trace) -> tuple[str, str]:
    token, share = trace.top(1)[0]
    return token.replace(" ", "␣"), f"{share:.1%}"


def habits(visit: Visit) -> None:
    visit.show("attention")
    visit.page.click(TAB.format("What heads do"))
    visit.page.wait_for_selector(".kinds td button")


def knock_out(visit: Visit, what: str, by: str) -> None:
    """By the panel above the grid."""
    visit.page.click("text=Knock out …")
    offered = visit.page.locator(".knock-panel select").nth(0)
    offered.select_option(label=next(text for text in offered.locator("option").all_inner_texts() if what in text))
    visit.page.locator(".knock-panel select").nth(1).select_option(by)
    visit.page.click("text=Knock it out")
    visit.settled()


@pytest.fixture(scope="module")
def hand() -> Iterator[Lab]:
    with a_lab(by_hand()) as running:
        yield running


# What heads do


def test_the_maps_of_kinds_are_those_of_the_library_and_a_cell_leads_to_its_head(visit: Visit) -> None:
    found = workings.head_scores(visit.lab.model)
    habits(visit)
    assert found.measured() in visit.page.locator(".habits").inner_text()
    want = np.stack(list(found.scores.values())).ravel()
    shown = [0.0 if text == "·" else float(text) for text in visit.words(".kinds td button")]
    assert shown == pytest.approx(list(want * 100), abs=0.51)
    assert "No head of storybook" in visit.page.locator(".habits").inner_text()
    cell = visit.page.locator(".kinds section").nth(2).locator("td button").nth(3 * 4 + 1)
    assert cell.get_attribute("title") == f"Block 3, head 1: induction {found.scores['induction'][3, 1]:.1%}"
    cell.click()
    visit.wait("document.querySelector('.large-map').getAttribute('aria-label').includes('Block 3, head 1')")
    visit.wait("said => document.querySelector('.habit').innerText.startsWith(said)", found.sentence(3, 1))


def test_arrow_keys_walk_the_map_and_enter_goes_to_the_head(visit: Visit) -> None:
    habits(visit)
    visit.page.click(TAB.format("First token"))
    visit.wait("document.querySelectorAll('.kinds section').length === 1")
    cells = visit.page.locator(".kinds td button")
    assert [cell.get_attribute("tabindex") for cell in cells.all()].count("0") == 1
    cells.nth(0).focus()
    for key in ("ArrowLeft", "ArrowDown", "ArrowRight", "ArrowDown", "ArrowUp"):
        visit.page.keyboard.press(key)
    assert visit.page.evaluate("document.activeElement.title").startswith("Block 1, head 1: first token")
    visit.page.keyboard.press("Enter")
    visit.wait("document.querySelector('.large-map').getAttribute('aria-label').includes('Block 1, head 1')")


def test_the_address_carries_the_kind_that_is_shown(visit: Visit, browser: Any, lab: Lab) -> None:
    habits(visit)
    visit.page.click(TAB.format("Induction"))
    visit.wait("location.hash.includes('kind=induction') && location.hash.includes('block=all')")
    other = Visit(browser, lab).open(visit.hash(), ".kinds td button")
    assert other.page.locator(".kinds section").count() == 1
    assert other.words(".kinds h4")[0].startswith("Induction: looks at what came after")
    other.close()


def test_who_looks_at_whom_is_told_as_by_the_library_and_leads_to_head_and_token(visit: Visit) -> None:
    habits(visit)
    visit.page.wait_for_selector(".looks button")
    want = workings.looks(visit.lab.model.trace(PROMPT), 8)
    told = visit.words(".looks button")
    for text, look in zip(told, want, strict=True):
        assert text.startswith(
            f"Block {look.block}, head {look.head}: “{look.token.strip()}” looks at “{look.at[0].token.strip()}” "
        )
        assert text.count("%") == len(look.at)
    top, kinds = (visit.page.locator(one).bounding_box()["y"] for one in (".looks", ".kinds"))
    assert top < kinds
    at = next(i for i, text in enumerate(told) if text.startswith("Block 3, head 1"))
    visit.page.locator(".looks button").nth(at).click()
    visit.wait("document.querySelector('.large-map').getAttribute('aria-label').includes('Block 3, head 1')")
    visit.wait("document.querySelector('.told').innerText.startsWith('her looks at Jedi')")


@pytest.mark.parametrize("what", [".looks button", ".kinds td button"])
def test_the_focus_goes_to_the_heads_tab_and_back_again(visit: Visit, what: str) -> None:
    habits(visit)
    visit.page.wait_for_selector(".looks button")
    visit.page.locator(what).nth(3).focus()
    said = visit.page.evaluate("document.activeElement.innerText + document.activeElement.title")
    for _ in range(2):
        visit.page.keyboard.press("Enter")
        visit.wait("document.activeElement.matches('.small-map[aria-selected=true]')")
        visit.page.evaluate("history.back()")
        visit.wait("said => document.activeElement.innerText + document.activeElement.title === said", said)


def test_heads_written_by_hand_carry_their_kinds_on_their_maps(browser: Any, hand: Lab) -> None:
    visit = Visit(browser, hand).open("#prompt=&ids=7,3,5,1,2,3&show=attention&block=blocks.1.attn.pattern", ".habit")
    visit.wait("document.querySelector('.small-map').innerText.includes('induction')")
    assert visit.words(".small-map") == ["Head 0\ninduction", "Head 1\nfirst token"]
    visit.page.click(TAB.format("Block 0"))
    visit.wait("document.querySelector('.small-map').innerText.includes('previous token')")
    assert visit.words(".small-map") == ["Head 0\nprevious token", "Head 1\nsame token"]
    assert "No head" not in visit.page.locator(".habits").inner_text()
    complaints, _ = visit.complaints, visit.close()
    assert not complaints


def test_a_model_that_reads_too_little_shows_its_maps_and_says_why_there_are_no_kinds(browser: Any) -> None:
    with a_lab(model_of(Tiny(n_ctx=5))) as short:
        visit = Visit(browser, short).open("#prompt=&ids=7,3,5&show=attention", ".small-map")
        assert visit.words(".small-map") == ["Head 0", "Head 1", "Head 2"]
        visit.page.click(TAB.format("What heads do"))
        visit.wait("document.querySelector('.habits').innerText.includes('at least 3 tokens that come twice')")
        visit.close()


def test_what_heads_do_can_be_kept_as_a_picture(visit: Visit) -> None:
    habits(visit)
    visit.page.click("text=Export")
    with visit.page.expect_download() as kept:
        visit.page.click("text=Picture of this view")
    assert kept.value.suggested_filename == "attention.png"


# Knocking out


def test_a_head_is_knocked_out_by_one_click_by_zero_or_by_its_mean_and_comes_back(visit: Visit) -> None:
    trace = visit.lab.model.trace(PROMPT)
    before = visit.next_tokens()
    visit.show("attention")
    visit.page.wait_for_selector(".small-map")
    visit.settled()
    before_it = visit.page.locator(".map-room").bounding_box()
    visit.settled()
    visit.switch(".knock input")
    visit.page.wait_for_selector(".edits li")
    visit.settled()
    assert visit.words(".edits .what") == ["knocked out: block 2, head 0, by zero\nblocks.2.attn.z[0, :, :]"]
    assert visit.words(".small-map")[0] == "Head 0\nknocked out"
    assert visit.page.locator(".map-room").bounding_box() == before_it
    assert visit.next_tokens()[0] == shown_next(workings.knock_out(trace, "blocks.2.attn.z", head=0))
    visit.page.select_option(".knock select", "mean")
    visit.wait("document.querySelector('.edits').innerText.includes('knocked out: block 2, head 0, by its mean')")
    visit.settled()
    assert visit.page.locator(".edits li").count() == 1
    assert visit.next_tokens()[0] == shown_next(workings.knock_out(trace, "blocks.2.attn.z", head=0, by="mean"))
    visit.settled()
    visit.switch(".knock input", on=False)
    visit.page.wait_for_selector(".edit-list", state="hidden")
    visit.settled()
    assert visit.next_tokens() == before


def test_a_mean_of_another_sentence_is_not_called_its_mean_and_can_be_taken_afresh(visit: Visit) -> None:
    visit.show("attention")
    visit.page.wait_for_selector(".small-map")
    visit.page.select_option(".knock select", "mean")
    visit.settled()
    visit.switch(".knock input")
    by = "by => { const select = document.querySelector('.knock select'); return select.selectedOptions[0].innerText === by; }"
    visit.page.wait_for_selector(".edits li")
    visit.settled()
    visit.wait(by, "by its mean")
    visit.type_sentence("Mike is a vet. Anna is a Jedi. She picked up her")
    visit.wait(by, "by other numbers")
    assert visit.words(".edits .what button") == ["knocked out: block 2, head 0, by a row of other numbers"]
    visit.page.select_option(".knock select", "mean")
    visit.wait(by, "by its mean")
    visit.settled()
    assert visit.words(".knock option") == ["by zero", "by its mean"]
    trace = visit.lab.model.trace("Mike is a vet. Anna is a Jedi. She picked up her")
    assert visit.next_tokens()[0] == shown_next(workings.knock_out(trace, "blocks.2.attn.z", head=0, by="mean"))


def test_undo_and_redo_work_from_the_switch(visit: Visit) -> None:
    visit.show("attention")
    visit.page.wait_for_selector(".small-map")
    visit.settled()
    visit.switch(".knock input")
    visit.page.wait_for_selector(".edits li")
    visit.page.keyboard.press("Control+z")
    visit.page.wait_for_selector(".edit-list", state="hidden")
    assert not visit.page.is_checked(".knock input")
    visit.page.keyboard.press("Control+y")
    visit.page.wait_for_selector(".edits li")
    assert visit.page.is_checked(".knock input")


def test_a_head_that_an_older_address_silenced_is_knocked_out_too(browser: Any, lab: Lab) -> None:
    edits = '[{"table":"blocks.2.attn.z","index":[0,":",":"],"scale":0}]'
    visit = Visit(browser, lab).open(f"#prompt={PROMPT}&show=attention&edits={edits}", ".small-map")
    visit.wait("document.querySelector('.knock input').checked")
    assert visit.page.input_value(".knock select") == "zero"
    visit.close()


def test_a_head_and_an_mlp_are_knocked_out_above_the_grid_as_in_python_and_undone(visit: Visit) -> None:
    model, before = visit.lab.model, visit.next_tokens()
    visit.go("blocks.2.attn.z[0, 13, 0]")
    knock_out(visit, "head 0, at every token", "zero")
    one = workings.knock_out(model.trace(PROMPT), "blocks.2.attn.z", head=0)
    assert visit.next_tokens()[0] == shown_next(one)
    visit.go("blocks.0.mlp_out[13, 0]")
    knock_out(visit, "the whole table", "mean")
    both = workings.knock_out(one, "blocks.0.mlp_out", by="mean")
    assert visit.next_tokens()[0] == shown_next(both) != before[0]
    assert visit.value() == pytest.approx(float(both["blocks.0.mlp_out"][13, 0]), rel=1e-5)
    assert visit.page.locator(".edits li").count() == 2
    for left in (shown_next(one), before[0]):
        visit.page.click("[aria-label=Undo]")
        visit.settled()
        assert visit.next_tokens()[0] == left


def test_one_row_is_knocked_out_alone(visit: Visit) -> None:
    visit.go("blocks.2.attn.z[0, 13, 0]")
    knock_out(visit, "“her”, position 13 only", "mean")
    want = workings.knock_out(visit.lab.model.trace(PROMPT), "blocks.2.attn.z", head=0, positions=13, by="mean")
    visit.wait("document.querySelector('.edits').innerText.includes('blocks.2.attn.z[0, 13:14, :]')")
    assert visit.words(".edits .what button") == ["knocked out: block 2, head 0 at “her” only, by its mean"]
    assert visit.next_tokens()[0] == shown_next(want)


OTHER = "Mike is a chef. Anna is a Jedi. He picked up his"


def test_a_part_is_knocked_out_by_another_sentence_as_in_python(visit: Visit, browser: Any, lab: Lab) -> None:
    model = visit.lab.model
    visit.go("blocks.2.attn.z[0, 13, 0]")
    knock_out(visit, "head 0, at every token", "other")
    want = workings.knock_out(
        model.trace(PROMPT), "blocks.2.attn.z", head=0, by=model.trace(OTHER)
    )  # the one it begins with
    assert visit.next_tokens()[0] == shown_next(want)
    assert visit.words(".edits .what button") == ["blocks.2.attn.z[0, 0:14, :]"]
    typed = "Mike is a chef. Anna is a chef. She picked up his"
    visit.page.click("text=Knock out …")
    visit.page.select_option("[aria-label='By what']", "other")
    visit.page.fill("[aria-label^='The other sentence']", typed)
    visit.page.keyboard.press("Enter")
    visit.wait("document.querySelector('.knock-panel').hidden")
    want = workings.knock_out(model.trace(PROMPT), "blocks.2.attn.z", head=0, by=model.trace(typed))
    assert visit.next_tokens()[0] == shown_next(want)
    assert visit.page.locator(".edits li").count() == 1  # in the place of the other
    again = Visit(browser, lab).open(visit.hash())
    assert again.next_tokens() == visit.next_tokens()
    again.page.click("text=Knock out …")
    assert again.page.input_value("[aria-label^='The other sentence']") == typed
    again.page.keyboard.press("Escape")
    again.show("patching")
    assert again.page.input_value(".second-box") == typed
    again.close()


def test_another_sentence_is_asked_for_only_where_it_counts_and_one_that_does_not_fit_is_said_so(visit: Visit) -> None:
    field = visit.page.locator("[aria-label^='The other sentence']")
    visit.go("blocks.1.mlp_out[13, 0]")
    visit.page.click("text=Knock out …")
    assert not field.is_visible()
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("End")
    assert field.is_visible()
    visit.page.keyboard.press("Tab")
    assert field.evaluate("one => one === document.activeElement")
    visit.page.keyboard.type("Mike is")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector(".trouble.shown")
    assert "both need as many" in visit.page.locator(".trouble").inner_text()
    assert visit.page.locator(".edits li").count() == 0
    visit.go("blocks.0.attn.pattern[0, 13, 0]")
    visit.page.click("text=Knock out …")
    assert visit.page.locator(".knock-panel option[value=other]").is_enabled()


def test_a_mean_travels_in_the_address(visit: Visit, browser: Any, lab: Lab) -> None:
    visit.go("blocks.0.mlp_out[13, 0]")
    knock_out(visit, "the whole table", "mean")
    visit.page.wait_for_selector(".edits li")
    other = Visit(browser, lab).open(visit.hash())
    other.page.wait_for_selector(".edits li")
    other.settled()
    assert other.next_tokens() == visit.next_tokens()
    assert other.value() == visit.value()
    other.close()


def test_what_makes_no_sense_is_said_or_not_offered(visit: Visit) -> None:
    visit.go("logits[13, 0]")
    visit.page.click("text=Knock out …")
    assert visit.page.evaluate("document.activeElement.getAttribute('aria-label')") == "What is knocked out"
    visit.page.keyboard.press("Escape")
    assert not visit.page.locator(".knock-panel").is_visible()
    assert visit.page.evaluate("document.activeElement.innerText") == "Knock out …"
    visit.go("blocks.0.attn.pattern[0, 13, 0]")
    visit.page.click("text=Knock out …")
    assert visit.page.locator(".knock-panel option[value=mean]").is_disabled()
    visit.page.keyboard.press("Escape")
    visit.go("blocks.1.mlp_out[13, 0]")
    for _ in range(2):
        knock_out(visit, "the whole table", "zero")
    visit.page.wait_for_selector(".trouble.shown")
    assert "The table blocks.1.mlp_out is knocked out already, by zero" in visit.page.locator(".trouble").inner_text()
    visit.go("W_E[0, 0]")
    visit.wait("document.querySelector('.knock-out').hidden")


IN_SIGHT = """() => {
    const [room, spot, corner] = ['.map-room', '.map-spot', '.map-edge.left'].map((one) => document.querySelector(one).getBoundingClientRect());
    const top = document.querySelector('.map-edge.above').getBoundingClientRect().bottom;
    return spot.width > 0 && spot.left >= corner.right - 1 && spot.top >= top - 1 && spot.right <= room.right + 1 && spot.bottom <= Math.min(room.bottom, innerHeight) + 1;
}"""


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (900, 700)])
def test_a_map_of_many_tokens_takes_the_width_and_what_is_pointed_at_is_in_sight(
    browser: Any, lab: Lab, width: int, height: int
) -> None:
    visit = Visit(browser, lab, width, height)
    visit.open(f"#prompt={' '.join([PROMPT + ' lightsaber.'] * 7)}&show=attention", ".small-map")
    visit.settled()
    assert len(visit.words(".chip")) > 90
    room, map_ = (visit.page.locator(one).bounding_box() for one in (".map-room", ".large-map"))
    assert map_["width"] > room["width"] - 40
    last = "() => { const [room, map] = ['.map-room', '.large-map'].map((one) => document.querySelector(one).getBoundingClientRect()); return Math.abs(map.bottom - room.bottom) < 20; }"
    if width > 1200:
        visit.wait(last)  # the last token's row
    assert visit.page.locator(".told").bounding_box()["y"] > visit.page.locator(".small-map").first.bounding_box()["y"]
    visit.page.focus(".large-map")
    for _ in range(75):
        visit.page.keyboard.press("ArrowUp")
    visit.wait(IN_SIGHT)
    complaints, _ = visit.complaints, visit.close()
    assert not complaints


@pytest.mark.parametrize("width", [900, 1440])
def test_it_all_fits(browser: Any, lab: Lab, width: int) -> None:
    visit = Visit(browser, lab, width, 700, color_scheme="dark").open()
    habits(visit)
    visit.page.wait_for_selector(".looks button")
    wide = "one => { const it = document.querySelector(one); return it.scrollWidth - it.clientWidth; }"
    assert visit.page.evaluate(wide, ".habits") <= 1
    visit.show("numbers")
    visit.go("blocks.2.attn.z[0, 13, 0]")
    visit.page.click("text=Knock out …")
    visit.page.select_option("[aria-label='By what']", "other")
    box = visit.page.locator(".knock-panel").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["y"] + box["height"] <= 700
    visit.close()
