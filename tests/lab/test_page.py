"""The lab's page, driven as a person would, against the real server and the Python API's numbers."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import numpy as np
import pytest
from browsing import PROMPT, Lab, Visit

from workings.lab.writing import Writing

JEDI = "blocks.2.attn.pattern[0, 13, 8]"


def of(trace: Any, address: str) -> float:
    name, index = re.fullmatch(r"(.+)\[(.+)\]", address).groups()
    return float(trace[name][tuple(int(part) for part in index.split(","))])


def test_it_begins_with_a_sentence_its_tokens_and_the_next_one(visit: Visit) -> None:
    trace = visit.lab.model.trace(PROMPT)
    assert [chip.lstrip("␣") for chip in visit.words(".chip")] == [token.strip() for token in trace.tokens]
    (word, share), *_ = visit.next_tokens()
    assert word.lstrip("␣") == trace.top(1)[0][0].strip() and share == "99.9%"
    assert visit.address().startswith("probabilities[13, ")
    assert visit.value() == pytest.approx(trace.top(1)[0][1], abs=1e-6)


def test_typing_another_sentence_changes_what_comes_next(visit: Visit) -> None:
    visit.type_sentence("If today is Tuesday, tomorrow is")
    visit.wait("document.querySelector('.next-bars .word').innerText.includes('Wednesday')")
    assert len(visit.words(".chip")) == len(visit.lab.model.trace("If today is Tuesday, tomorrow is").tokens)


def test_a_walk_through_the_grid_shows_the_numbers_of_python(visit: Visit) -> None:
    trace = visit.lab.model.trace(PROMPT)
    for address in (JEDI, "blocks.1.mlp.post[5, 400]", "W_E[766, 127]", "blocks.0.attn.W_Q[3, 100, 31]", "ids[4]"):
        visit.go(address)
        assert visit.address() == address
        assert visit.value() == pytest.approx(of(trace, address), rel=2e-6, abs=1e-9)


def test_every_digit_is_shown_on_demand_and_survives_float32(visit: Visit) -> None:
    visit.go("blocks.3.resid_post[13, 0]")
    visit.page.select_option("[aria-label=Digits]", "all")
    number = visit.lab.model.trace(PROMPT)["blocks.3.resid_post"][13, 0]
    visit.wait("document.querySelector('td.cursor')?.innerText.length > 7")
    assert float(visit.cursor().replace("−", "-")) == pytest.approx(float(number), rel=2e-6)
    assert visit.cursor() == visit.words(".workings-body .value")[0]


def test_three_sources_are_followed_back_and_back_again(visit: Visit) -> None:
    visit.show("numbers")
    been = [visit.address()]
    for _ in range(3):
        visit.page.locator(".links .link").first.click()
        visit.wait("a => document.querySelector('.workings-body .address').innerText !== a", been[-1])
        been.append(visit.address())
    assert len(set(been)) == 4
    for before in reversed(been[:-1]):
        visit.page.click("[aria-label=Back]")
        visit.wait("a => document.querySelector('.workings-body .address').innerText === a", before)
    visit.page.click("[aria-label=Forward]")
    visit.wait("a => document.querySelector('.workings-body .address').innerText === a", been[1])


def test_an_edit_changes_the_next_token_as_in_python_and_undo_takes_it_back(visit: Visit) -> None:
    visit.go("blocks.2.attn.pattern[0, 13, 8]")
    visit.edit("0")
    edited = visit.lab.model.trace(PROMPT).edit("blocks.2.attn.pattern", (0, 13, 8), value=0.0)
    visit.page.wait_for_selector("td.edited")
    assert visit.value() == 0
    visit.go("blocks.3.resid_post[13, 5]")
    assert visit.value() == pytest.approx(float(edited["blocks.3.resid_post"][13, 5]), rel=1e-5)
    visit.page.wait_for_selector("td.changed")
    assert "Without your edits" in visit.page.locator(".legend").inner_text()
    visit.page.keyboard.press("Control+z")
    visit.page.wait_for_selector(".edit-list", state="hidden")
    visit.wait("!document.querySelector('td.changed')")
    untouched = visit.lab.model.trace(PROMPT)
    assert visit.value() == pytest.approx(float(untouched["blocks.3.resid_post"][13, 5]), rel=1e-5)
    visit.page.keyboard.press("Control+y")
    visit.page.wait_for_selector(".edit-list", state="visible")


def test_an_edit_is_switched_off_and_on_in_the_list(visit: Visit) -> None:
    visit.go("blocks.1.resid_post[13, 3]")
    visit.edit("40")
    after = visit.next_tokens()
    visit.switch(".edits input[role=switch]", on=False)
    before = visit.next_tokens()
    assert before[0][1] == "99.9%" and before != after
    visit.switch(".edits input[role=switch]")
    assert visit.next_tokens() == after


def test_a_whole_selection_is_edited_at_once(visit: Visit) -> None:
    visit.go("blocks.0.attn.pattern[1, 0, 0]")
    visit.page.keyboard.press("Control+a")
    visit.edit("*0")
    assert visit.words(".edits .link") == ["knocked out: block 0, head 1, pattern, by zero"]
    assert "blocks.0.attn.pattern[1, :, :]" in visit.page.locator(".edits").inner_text()
    edited = visit.lab.model.trace(PROMPT).edit("blocks.0.attn.pattern", (1, slice(None), slice(None)), scale=0.0)
    visit.go("logits[13, 766]")
    assert visit.value() == pytest.approx(float(edited["logits"][13, 766]), rel=1e-5)


def test_what_is_not_a_number_is_refused_in_plain_words(visit: Visit) -> None:
    visit.go("blocks.1.resid_post[13, 3]")
    visit.edit("tomato")
    assert "“tomato” is not a number" in visit.page.locator(".trouble").inner_text()
    visit.page.keyboard.press("Escape")
    assert not visit.page.locator(".editor").count()


@pytest.mark.parametrize("typed", ["1e39", "-3.5e38", "*1e300", "+=1e999"])
def test_a_number_that_is_too_large_is_refused_in_plain_words_and_no_edit_is_made(visit: Visit, typed: str) -> None:
    visit.go("blocks.1.resid_post[13, 3]")
    visit.edit(typed)
    told = visit.page.locator(".trouble").inner_text()
    assert f"“{typed}” is too large. The largest number here is 3.4e38" in told and "float32" not in told
    assert visit.page.locator(".edits li").count() == 0
    visit.page.fill(".editor", "3.4e38")
    visit.page.keyboard.press("Enter")
    visit.settled()
    assert visit.words(".edits li .number") == ["= 3.40e+38"]
    assert visit.page.locator(".edits .note").count() == 0


def test_a_wrong_address_is_refused_with_the_right_one(visit: Visit) -> None:
    visit.show("numbers")
    for typed, told in (
        ("blocks.9.attn.q[0, 0, 0]", "There is no table named"),
        ("logits[99, 0]", "In logits the place pos goes from 0 to 13"),
        ("logits[1]", "has 2 places, [pos, d_vocab]"),
    ):
        visit.page.fill(".name-box", typed)
        visit.page.keyboard.press("Enter")
        visit.wait("told => document.querySelector('.trouble').innerText.includes(told)", told)
        assert visit.page.get_attribute(".name-box", "aria-invalid") == "true"


def test_writing_on_adds_tokens_and_can_be_stopped(visit: Visit) -> None:
    visit.type_sentence("Mike is")
    visit.page.click("text=Write on")
    visit.wait("document.querySelectorAll('.chip').length > 6")
    visit.page.wait_for_selector("text=Write on")
    visit.settled()
    text = visit.page.input_value(".sentence-box")
    assert text.startswith("Mike is ")
    assert visit.lab.model.generate("Mike is", max_new_tokens=40).startswith(text[:20])


def test_writing_on_is_stopped(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = Writing.next

    def slow(self: Writing) -> Any:
        time.sleep(0.1)
        return quick(self)

    monkeypatch.setattr(Writing, "next", slow)
    visit.type_sentence("Mike is")
    visit.page.click("text=Write on")
    visit.wait("document.querySelectorAll('.chip').length > 2")
    visit.page.click("text=Stop")
    visit.page.wait_for_selector("text=Write on")
    visit.settled()
    assert 2 < len(visit.words(".chip")) < 42
    assert not visit.words(".trouble p")


def test_edits_are_saved_to_a_file_and_loaded_again(visit: Visit, tmp_path: Any) -> None:
    visit.go("blocks.1.resid_post[13, 3]")
    visit.edit("40")
    after = visit.next_tokens()
    visit.page.click("text=Export")
    with visit.page.expect_download() as coming:
        visit.page.click("text=Save edits")
    path = tmp_path / "edits.json"
    coming.value.save_as(path)
    assert json.loads(path.read_text())["edits"][0]["table"] == "blocks.1.resid_post"
    visit.page.click("text=Take all out")
    visit.settled()
    assert visit.next_tokens() != after
    visit.page.set_input_files("input[type=file]", path)
    visit.page.wait_for_selector(".edits li")
    visit.settled()
    assert visit.next_tokens() == after


def test_a_copied_address_opens_to_the_same_state(visit: Visit, browser: Any, lab: Lab) -> None:
    visit.type_sentence("Mike is a chef. Anna is")
    visit.go("blocks.1.attn.pattern[2, 4, 3]")
    visit.edit("0.5")
    visit.settled()
    other = Visit(browser, lab).open(visit.hash())
    other.page.wait_for_selector("td.edited")
    assert other.page.input_value(".sentence-box") == "Mike is a chef. Anna is"
    assert other.address() == "blocks.1.attn.pattern[2, 4, 3]" and other.value() == 0.5
    assert other.next_tokens() == visit.next_tokens()
    other.close()


def test_the_grid_copies_as_tab_separated_text_with_every_digit(visit: Visit) -> None:
    visit.go("blocks.0.resid_post[2, 3]")
    visit.page.keyboard.press("Shift+ArrowDown")
    visit.page.keyboard.press("Shift+ArrowRight")
    copied = visit.copy()
    numbers = np.array([[float(cell) for cell in line.split("\t")] for line in copied.split("\n")])
    want = visit.lab.model.trace(PROMPT)["blocks.0.resid_post"][2:4, 3:5]
    assert np.allclose(numbers, want, rtol=2e-6)
    assert numbers.shape == (2, 2) and "e" not in copied and max(map(len, copied.split())) >= 9


def test_keys_move_as_in_a_spreadsheet(visit: Visit) -> None:
    visit.go("W_E[0, 0]")
    for key, place in (
        ("ArrowDown", "W_E[1, 0]"),
        ("Control+ArrowDown", "W_E[1023, 0]"),
        ("End", "W_E[1023, 127]"),
        ("Home", "W_E[1023, 0]"),
        ("Control+Home", "W_E[0, 0]"),
        ("Control+End", "W_E[1023, 127]"),
    ):
        visit.page.keyboard.press(key)
        visit.wait("a => document.querySelector('.name-box').value === a", place)
        visit.page.wait_for_selector("td.cursor")
    visit.page.keyboard.press("PageUp")
    visit.wait("document.querySelector('.name-box').value !== 'W_E[1023, 127]'")


def test_scrolling_fetches_no_tile_twice(visit: Visit) -> None:
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url) if "/api/tile" in request.url else None)
    visit.go("W_E[0, 0]")
    for key in ("Control+ArrowDown", "Control+ArrowUp", "Control+ArrowDown", "Control+End", "Control+Home"):
        visit.page.keyboard.press(key)
        visit.settled()
    assert asked and len(asked) == len(set(asked))


def test_attention_says_what_a_token_looks_at_and_leads_to_the_number(visit: Visit) -> None:
    visit.show("attention")
    visit.wait("document.querySelector('.told').innerText.includes('looks at')")
    assert re.match(r"her looks at Jedi 9\d", visit.page.locator(".told").inner_text())
    visit.page.locator(".chip").nth(8).hover()
    visit.page.locator(".large-map").focus()
    visit.page.keyboard.press("ArrowUp")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector("td.cursor")
    assert visit.address().startswith("blocks.2.attn.pattern[0, 12, ")


def test_the_lens_shows_a_distribution_for_every_cell(visit: Visit) -> None:
    cells = visit.page.locator(".lens td button")
    assert cells.count() % 14 == 0
    cells.nth(13).click()
    visit.wait("document.querySelector('.lens-detail h3').innerText.startsWith('After block 0')")
    assert len(visit.words(".plain-bars li")) == 10


def test_search_finds_a_table_by_part_of_its_name(visit: Visit) -> None:
    visit.page.keyboard.press("Control+k")
    visit.page.keyboard.type("block 2 pattern")
    visit.wait("document.querySelector('#found li')?.innerText.startsWith('blocks.2.attn.pattern')")
    visit.page.keyboard.press("Enter")
    visit.wait("document.querySelector('.name-box').value.startsWith('blocks.2.attn.pattern')")


def test_it_can_all_be_done_with_the_keyboard(visit: Visit) -> None:
    page = visit.page
    page.keyboard.press("Control+k")
    page.keyboard.type("blocks.1.resid_post[13, 3]")
    visit.settled()
    page.keyboard.press("Enter")
    visit.wait("document.querySelector('.workings-body .address').innerText === 'blocks.1.resid_post[13, 3]'")
    page.locator("regular-table").focus()
    page.keyboard.press("ArrowRight")
    visit.wait("document.querySelector('.workings-body .address').innerText === 'blocks.1.resid_post[13, 4]'")
    page.wait_for_selector("td.cursor")
    page.keyboard.type("25")
    page.keyboard.press("Enter")
    page.wait_for_selector("td.edited")
    page.keyboard.press("Enter")  # to the workings
    assert page.evaluate("document.activeElement.closest('.workings') !== null")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.tagName") == "REGULAR-TABLE"
    visit.settled()
    reached = set()
    for _ in range(500):  # round the whole page, back to the grid
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.closest('section, nav, header, main, aside')?.className"))
        if page.evaluate("document.activeElement.tagName") == "REGULAR-TABLE":
            break
    assert {"prompt", "next", "top", "outline", "centre"} <= reached


def test_a_sentence_that_is_too_long_is_told_in_plain_words(visit: Visit) -> None:
    visit.type_sentence("Mike is quick. " * 60)
    visit.page.wait_for_selector(".trouble.shown")
    assert "128" in visit.page.locator(".trouble").inner_text()
    visit.type_sentence("Mike is")
    visit.wait("!document.querySelector('.trouble.shown')")


def test_edits_of_weights_reach_the_next_token(visit: Visit) -> None:
    visit.go("blocks.3.mlp.b_out[0, 5]")
    visit.edit("60")
    visit.settled()
    edited = visit.lab.model.trace(PROMPT).edit("blocks.3.mlp.b_out", (0, 5), value=60.0)
    visit.go("blocks.3.mlp_out[13, 5]")
    assert visit.value() == pytest.approx(float(edited["blocks.3.mlp_out"][13, 5]), rel=1e-5)


@pytest.mark.parametrize("screen", ["lens", "attention", "numbers"])
@pytest.mark.parametrize(("width", "dark"), [(900, False), (1440, True), (3840, False)])
def test_nothing_is_cut_off_at_any_width(browser: Any, lab: Lab, screen: str, width: int, dark: bool) -> None:
    visit = Visit(browser, lab, width, max(700, width * 9 // 16), color_scheme="dark" if dark else "light").open()
    visit.show(screen)
    visit.settled()
    assert visit.page.evaluate(
        "document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight"
    )
    paper = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(14, 19, 26)") is dark
    visit.close()
    assert not visit.complaints


def test_an_address_far_away_on_the_same_sheet_is_scrolled_to(visit: Visit) -> None:
    for address in ("W_E[0, 0]", "W_E[1000, 120]", "W_E[500, 3]", "W_E[1, 127]"):
        visit.go(address)
        assert visit.address() == address


def test_a_likely_token_is_written_on_by_its_plus(visit: Visit) -> None:
    visit.page.locator(".next-bars .add").first.click()
    visit.settled()
    assert visit.page.input_value(".sentence-box") == f"{PROMPT} lightsaber"
    assert visit.words(".chip")[-1].endswith("lightsaber")


def test_a_new_line_or_half_a_character_is_written_on_as_it_is(visit: Visit) -> None:
    tokenizer = visit.lab.model.tokenizer
    (line,), (first, *_) = tokenizer.encode("\n"), tokenizer.encode("😀")
    for token, box in ((line, f"{PROMPT}\n"), (first, f"{PROMPT}\n")):
        visit.go(f"logits[{visit.page.locator('.chip').count() - 1}, {token}]")
        visit.edit("1000")
        visit.page.locator(".next-bars .add").first.click()
        visit.page.click("text=Take all out")
        visit.settled()
        assert visit.page.input_value(".sentence-box") == box and visit.hash().split("show=")[0].count(f"%2C{token}")
    ids = [int(i) for i in tokenizer.encode(f"{PROMPT}\n!")]
    visit.page.type(".sentence-box", "!")  # what is typed next changes none of the tokens before
    visit.wait("n => document.querySelectorAll('.chip').length === n", len(ids))
    assert visit.words(".chip")[-1].endswith("!") and "\\n" in visit.words(".chip")[-2]


def test_another_sentence_does_not_widen_the_selection(visit: Visit) -> None:
    """What is selected is what typing a number edits: one cell, wherever the cursor was taken."""
    visit.show("numbers")
    visit.type_sentence("If today is Tuesday, tomorrow is")
    visit.wait("document.querySelectorAll('.chip').length === 7")
    visit.page.wait_for_selector("td.cursor")
    assert visit.page.locator("td.chosen").count() == 1
    visit.page.locator("regular-table").focus()
    visit.page.keyboard.press("Shift+ArrowUp")
    visit.wait("document.querySelectorAll('td.chosen').length === 2")
    visit.go("logits[2, 30]")
    visit.wait("document.querySelectorAll('td.chosen').length === 1")


def test_a_model_that_writes_nothing_more_says_why_until_something_changes(visit: Visit) -> None:
    why = "() => document.querySelector('.prompt [role=status]').innerText"
    visit.type_sentence("The student picked up his phone and called a friend.")
    for _ in range(2):  # the second time it is said again
        visit.page.click("text=Write on")
        visit.wait(f"({why})() === 'The model ended the text.'")
    visit.type_sentence(PROMPT)
    visit.wait(f"({why})() === ''")
    visit.type_sentence("Mike is a chef. " * 25 + "Mike is")
    visit.page.click("text=Write on")
    visit.wait(f"({why})() === 'This model reads at most 128 tokens.'")
    visit.page.locator(".next-bars .add").first.click()
    visit.wait(f"({why})() === ''")
