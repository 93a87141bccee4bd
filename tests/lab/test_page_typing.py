"""Numbers that are typed into cells: taken for the cell and the sentence that they were typed for, or told."""

from __future__ import annotations

import pytest
from browsing import STUDENT, Visit
from holding import Held

CELL = "blocks.3.mlp_out[4, 1]"


@pytest.fixture
def typing(visit: Visit) -> Visit:
    """A visit with the editor open over `CELL`."""
    visit.type_sentence(STUDENT)
    visit.go(CELL)
    visit.page.keyboard.press("F2")
    return visit


def edits(visit: Visit) -> list[str]:
    visit.settled()
    return [" ".join(text.split()) for text in visit.words(".edits li .what")]


@pytest.mark.parametrize(
    "away",
    [
        "td:right-of(td.cursor) >> nth=0",
        "[data-screen=lens]",
        ".sentence-box",
        "text=Export",
    ],
)
def test_a_number_that_is_typed_is_taken_where_one_clicks_elsewhere(typing: Visit, away: str) -> None:
    typing.page.fill(".editor", "9")
    typing.page.click(away)
    typing.page.wait_for_selector(".edits li")
    assert edits(typing) == [f"{CELL} = 9"]
    assert not typing.page.locator(".editor").count()


def test_the_click_that_leaves_a_cell_goes_where_it_was_meant(typing: Visit) -> None:
    typing.page.fill(".editor", "9")
    typing.page.click(".sentence-box")
    typing.wait("document.activeElement.className === 'sentence-box'")
    typing.show("numbers")
    typing.go("blocks.3.mlp_out[2, 0]")
    typing.page.keyboard.press("F2")
    typing.page.fill(".editor", "8")
    typing.page.click("td:right-of(td.cursor) >> nth=0")
    assert edits(typing) == [f"{CELL} = 9", "blocks.3.mlp_out[2, 0] = 8"]
    assert typing.address() == "blocks.3.mlp_out[2, 1]"
    typing.wait("document.activeElement.localName === 'regular-table'")


def test_escape_alone_throws_away_what_was_typed(typing: Visit) -> None:
    typing.page.fill(".editor", "9")
    typing.page.keyboard.press("Escape")
    typing.page.keyboard.press("ArrowRight")
    assert typing.address() == "blocks.3.mlp_out[4, 2]" and edits(typing) == []


def test_a_cell_that_is_left_as_it_was_is_not_edited(typing: Visit) -> None:
    typing.page.click("[data-screen=lens]")
    assert edits(typing) == []
    typing.go(CELL)
    typing.page.keyboard.press("F2")
    typing.page.fill(".editor", "")
    typing.page.click("[data-screen=lens]")
    assert edits(typing) == [] and not typing.page.locator(".trouble.shown").count()


def test_what_is_no_number_is_told_when_its_cell_is_left(typing: Visit) -> None:
    typing.page.fill(".editor", "nine")
    typing.page.click("[data-screen=lens]")
    assert "“nine” is not a number" in typing.words(".trouble")[0] and edits(typing) == []


def test_a_number_goes_to_its_own_cell_when_one_goes_back(visit: Visit) -> None:
    visit.go("blocks.1.resid_post[2, 3]")
    visit.go("blocks.1.mlp.post[5, 6]")
    visit.page.keyboard.press("F2")
    visit.page.fill(".editor", "7")
    visit.page.go_back()
    visit.wait("!document.querySelector('.editor')")
    assert edits(visit) == ["blocks.1.mlp.post[5, 6] = 7"]
    assert visit.address() == "blocks.1.resid_post[2, 3]"


def test_the_editor_stays_over_its_cell_however_far_one_scrolls(visit: Visit) -> None:
    visit.go("W_E[3, 1]")
    visit.page.keyboard.press("F2")
    visit.page.fill(".editor", "9")
    over = """() => {
        const [a, b] = ['.editor', 'td.cursor'].map(name => document.querySelector(name)?.getBoundingClientRect());
        return b && Math.abs(a.top - b.top) < 2 && Math.abs(a.left - b.left) < 2;
    }"""
    visit.page.evaluate("document.querySelector('regular-table').scrollTop = 5000")
    visit.wait("!document.querySelector('td.cursor') && document.querySelector('.editor').style.opacity === '0'")
    visit.page.evaluate("document.querySelector('regular-table').scrollTop = 28")
    visit.wait(f"({over})() && document.querySelector('.editor').style.opacity === ''")
    visit.show("lens")
    assert edits(visit) == ["W_E[3, 1] = 9"]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("leave", ["Enter", "a click"])
def test_a_number_for_a_sentence_that_is_gone_is_told_and_put_nowhere(typing: Visit, leave: str, late: bool) -> None:
    typing.page.keyboard.press("Escape")
    held = Held(typing, "/api/view")
    typing.page.fill(".sentence-box", "Mike is a chef. Anna is")
    held.came()
    typing.page.click("td.cursor")
    typing.page.keyboard.press("F2")
    typing.page.fill(".editor", "9")
    if not late:
        held.release()
        typing.wait("document.querySelectorAll('.chip').length === 7")
    typing.page.keyboard.press("Enter") if leave == "Enter" else typing.show("lens")
    held.release()
    typing.wait("document.querySelectorAll('.chip').length === 7")
    typing.page.wait_for_selector(".trouble.shown")
    assert "The sentence changed before “9” was put into it" in typing.words(".trouble")[0]
    assert edits(typing) == []


def test_a_number_that_is_typed_while_the_model_writes_holds(typing: Visit) -> None:
    typing.page.fill(".editor", "0.5")
    held = Held(typing, "/api/write")
    typing.page.evaluate("document.querySelector('.prompt .primary').click()")  # the editor stays open
    held.came()
    held.release()
    typing.wait("document.querySelectorAll('.chip').length > 7")
    typing.page.keyboard.press("Enter")
    typing.page.wait_for_selector(".edits li")
    assert edits(typing) == [f"{CELL} = 0.5"] and not typing.page.locator(".trouble.shown").count()


# Pasting


def paste(visit: Visit, text: str) -> None:
    visit.page.evaluate("text => navigator.clipboard.writeText(text)", text)
    visit.page.keyboard.press("Control+v")


def test_a_rectangle_of_numbers_is_pasted_as_one_edit(visit: Visit) -> None:
    visit.go("blocks.2.attn.pattern[1, 4, 2]")
    paste(visit, "0.5\t\u22121\r\n2e-1\t4\r\n")
    visit.page.wait_for_selector(".edits li")
    assert edits(visit) == ["blocks.2.attn.pattern[1, 4:6, 2:4] = 4 numbers"]
    for index, value in (("4, 3", -1), ("5, 2", 0.2), ("5, 3", 4)):
        visit.go(f"blocks.2.attn.pattern[1, {index}]")
        assert visit.value() == pytest.approx(value)
    visit.page.click("[aria-label=Undo]")
    visit.wait("!document.querySelector('.edits li')")
    assert visit.page.is_disabled("[aria-label=Undo]")


def test_what_was_copied_is_pasted_elsewhere_and_one_number_into_all_that_is_chosen(visit: Visit) -> None:
    visit.go("blocks.1.resid_post[2, 3]")
    visit.page.keyboard.press("Shift+ArrowDown")
    column = [float(line) for line in visit.copy().split("\n")]
    visit.go("blocks.0.resid_post[7, 1]")
    visit.page.keyboard.press("Control+v")
    visit.page.wait_for_selector(".edits li")
    visit.go("blocks.0.resid_post[8, 1]")
    assert visit.value() == pytest.approx(column[1])
    visit.page.keyboard.press("Shift+ArrowRight")
    paste(visit, "3")
    visit.page.wait_for_selector(".edits li:nth-child(2)")
    assert edits(visit)[1] == "blocks.0.resid_post[8, 1:3] = 3"
    visit.go("blocks.0.ln1.w[0, 126]")
    paste(visit, "1\t2")
    visit.page.wait_for_selector(".edits li:nth-child(3)")
    assert edits(visit)[2] == "blocks.0.ln1.w[0:1, 126:128] = one row of 2 numbers" and not visit.words(".edits .note")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1\tone", "“one” is none"),
        ("1,5", "“1,5” is none"),
        ("1\t2\n3", "these rows differ"),
        ("1\t2", "1 by 2 numbers do not fit from here on: blocks.1.resid_post has 14 by 128."),
        ("\n".join(["1\t" * 1000 + "1"] * 2), "2,002 numbers are too many to paste"),
    ],
)
def test_what_cannot_be_pasted_is_told(visit: Visit, text: str, told: str) -> None:
    visit.go("blocks.1.resid_post[13, 127]")
    paste(visit, text)
    visit.page.wait_for_selector(".trouble.shown")
    assert told in visit.words(".trouble")[0] and edits(visit) == []
