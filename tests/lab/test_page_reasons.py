"""Where a score comes from, and what matters, as a person sees them: the waterfall opens, a sweep is run, its cell is opened."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from browsing import PROMPT, Lab, Visit

import workings

OTHER = "Mike is a chef. Anna is a Jedi. He picked up his"
SUM = ".waterfall .sum .number >> nth=0"


def number(text: str) -> float:
    return float(text.replace("−", "-").replace("+", ""))


def ask(visit: Visit, token: str, against: str) -> None:
    """Ask about one word against another, in the view that is shown."""
    for i, text in enumerate((token, against)):
        field = visit.page.locator(".screen:not([hidden]) .word-field").nth(i)
        field.fill(text)
        field.press("Enter")


def reasons(visit: Visit, token: str = "lightsaber", against: str = "phone") -> None:
    visit.show("reasons")
    ask(visit, token, against)
    said = f"Where the score of “{token}” less that of “{against}”"
    visit.wait("said => document.querySelector('.reasons h3')?.innerText.startsWith(said)", said)


def patching(visit: Visit) -> None:
    visit.show("patching")
    visit.page.wait_for_selector(".patch-detail h3")


def test_the_bars_say_what_the_library_finds_and_add_up_to_the_score(visit: Visit) -> None:
    found = workings.attribution(visit.lab.model.trace(PROMPT), " lightsaber", " phone")
    reasons(visit)
    assert number(visit.page.locator(SUM).inner_text()) == pytest.approx(found.total, abs=0.006)
    for part, said in (("L2H0", "Block 2, head 0"), ("0_mlp_out", "Block 0, MLP"), ("embed", "The word itself")):
        row = visit.page.locator(".waterfall > li", has_text=said).first
        assert number(row.locator(".number").inner_text()) == pytest.approx(found[part].value, abs=0.006)
    assert "not what would happen without the part" in visit.page.locator(".reasons").first.inner_text()


def test_a_bar_begins_where_the_last_one_ended(visit: Visit) -> None:
    reasons(visit)
    boxes = visit.page.locator(".waterfall > li:not(.sum) .fall .ink").evaluate_all(
        "all => all.map(one => [one.getBoundingClientRect().left, one.getBoundingClientRect().right, one.classList.contains('negative')])"
    )
    ends = [(right, left) if negative else (left, right) for left, right, negative in boxes]
    for (_, ended), (begins, _) in pairwise(ends):
        assert ended == pytest.approx(begins, abs=2)


def test_a_head_opens_into_the_tokens_that_it_looked_at(visit: Visit) -> None:
    found = workings.attribution(visit.lab.model.trace(PROMPT), " lightsaber", " phone")
    reasons(visit)
    opener = visit.page.locator(".opener", has_text="Block 2, head 0")
    opener.focus()
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector(".inside .waterfall")
    assert opener.get_attribute("aria-expanded") == "true"
    first = visit.page.locator(".inside li").first
    assert "from “Jedi” (position 8)" in first.inner_text()
    assert number(first.locator(".number").inner_text()) == pytest.approx(found["L2H0 <- 8"].value, abs=0.006)
    visit.page.keyboard.press("Enter")
    assert visit.page.locator(".inside").count() == 0 and opener.get_attribute("aria-expanded") == "false"


def test_each_bar_leads_to_its_cell(visit: Visit) -> None:
    reasons(visit)
    visit.page.click(".waterfall .link:text-is('L2H0')")
    visit.wait("document.querySelector('.workings-body .address').innerText === 'blocks.2.attn.z[0, 13, 0]'")
    visit.page.go_back()
    visit.page.wait_for_selector(".waterfall .sum")
    visit.page.click(".opener:has-text('Block 2, head 0')")
    visit.page.click(".inside .link:text-is('See what it looks at')")
    visit.wait("document.querySelector('.told').innerText.includes('Jedi')")


def test_another_position_is_chosen_by_its_token_and_the_order_by_a_list(visit: Visit) -> None:
    visit.show("reasons")
    visit.page.locator(".chip").nth(3).click()
    visit.wait("document.querySelector('.reasons h3')?.innerText.includes('after “chef” (position 3)')")
    visit.page.select_option(".reasons select >> nth=0", "size")
    sizes = "[...document.querySelectorAll('.waterfall > li:not(.sum, .soft) .number')].map(one => Math.abs(Number(one.innerText.replace('−', '-'))))"
    visit.wait(f"(sizes => sizes.length > 5 && sizes.every((one, i) => !i || one <= sizes[i - 1]))({sizes})")


def test_a_word_that_is_no_token_is_told_and_the_address_carries_what_was_asked(visit: Visit) -> None:
    reasons(visit)
    visit.wait("location.hash.includes('answer=lightsaber') && location.hash.includes('against=phone')")
    visit.open(visit.hash())
    visit.wait("document.querySelector('.reasons h3')?.innerText.includes('less that of “phone”')")
    ask(visit, "flibbertigibbet", "")
    visit.wait("document.querySelector('.reasons [role=alert]').innerText.includes('is not one token')")


def test_a_sweep_shows_what_the_library_finds_and_its_best_cell(visit: Visit) -> None:
    sweep = workings.patching_sweep(visit.lab.model, PROMPT, OTHER)
    patching(visit)
    shown = [0.0 if text == "·" else number(text) for text in visit.words(".sweep td button")]
    assert shown == pytest.approx(list(sweep.values.flatten() * 100), abs=0.51)
    [(block, column, value)] = sweep.best(1)
    said = visit.page.locator(".patch-detail h3").inner_text()
    assert f"Block {block}, at “{sweep.contrast.clean.tokens[column].strip()}”" in said and f"{value:.1%}" in said
    assert visit.words(".sweep th.differs") == ["She", "her", "He", "his"]


def test_the_patched_sentence_opens_as_an_edit_and_one_comes_back(visit: Visit) -> None:
    patching(visit)
    visit.page.click("text=Open the patched sentence")
    visit.settled()
    assert visit.page.locator(".sentence-box").input_value() == OTHER
    assert visit.next_tokens()[0][0] == "␣lightsaber"
    assert re.search(r"blocks.0.resid_pre\[10, :\]\s*= 128 numbers", visit.page.locator(".edits").inner_text())
    visit.page.wait_for_selector("td.edited")
    visit.show("patching")
    visit.page.click("text=Go back to your sentence")
    visit.settled()
    assert visit.page.locator(".sentence-box").input_value() == PROMPT
    assert visit.page.locator(".edits li").count() == 0
    visit.page.wait_for_selector(".patch-detail h3")


def test_heads_are_swept_and_cells_walked_by_arrow_keys(visit: Visit) -> None:
    sweep = workings.patching_sweep(visit.lab.model, PROMPT, OTHER, over="heads")
    patching(visit)
    visit.page.select_option(".patching select[aria-label='What is taken over']", "heads")
    visit.wait("document.querySelectorAll('.sweep td button').length === 16")
    visit.page.locator(".sweep [aria-pressed=true]").focus()
    for key in ("ArrowUp",) * 4 + ("ArrowLeft",) * 4 + ("ArrowDown", "ArrowRight"):
        visit.page.keyboard.press(key)
    visit.wait("document.querySelector('.patch-detail h3').innerText.includes('Block 1, head 1')")
    assert f"{sweep.values[1, 1]:.1%}" in visit.page.locator(".patch-detail h3").inner_text()


def shown(visit: Visit) -> list[float]:
    return [0.0 if text == "·" else number(text) for text in visit.words(".sweep td button")]


def test_who_tells_a_head_where_to_look_is_asked_from_its_cell_and_the_address_carries_it(visit: Visit) -> None:
    model = visit.lab.model
    heads = workings.patching_sweep(model, PROMPT, OTHER, over="heads")
    patching(visit)
    visit.page.select_option(".patching select[aria-label='What is taken over']", "heads")
    visit.wait("document.querySelectorAll('.sweep td button').length === 16")
    block, head, _ = heads.best(1)[0]
    visit.page.click("text=Who tells this head where to look?")
    visit.wait(
        "document.querySelector('.sweep td button') && document.querySelectorAll('.sweep td button').length < 16"
    )
    sweep = workings.path_patching_sweep(model, PROMPT, OTHER, (f"blocks.{block}.attn.q", head))
    assert shown(visit) == pytest.approx(list(sweep.values.flatten() * 100), abs=0.51)
    [(sender, told_by, value)] = sweep.best(1)
    wanted = f"Block {sender}, head {told_by}: what that head found in your sentence, told directly to head {head} of block {block} (its queries)"
    visit.wait("said => document.querySelector('.patch-detail h3').innerText.includes(said)", wanted)
    assert f"{value:.1%}" in visit.page.locator(".patch-detail h3").inner_text()
    visit.open(visit.hash())
    visit.wait("said => document.querySelector('.patch-detail h3')?.innerText.includes(said)", wanted)
    assert visit.words(".receiver select >> nth=0") and visit.page.locator(".receiver select").nth(
        1
    ).input_value() == str(block)


def test_a_path_opens_as_the_edit_of_its_receiver_and_one_into_the_scores_says_why_it_does_not(visit: Visit) -> None:
    sweep = workings.path_patching_sweep(visit.lab.model, PROMPT, OTHER, ("blocks.3.attn.k", 1))
    visit.open(visit.hash().replace("show=lens", "show=patching") + "&into=3.1.k")
    visit.page.wait_for_selector(".patch-detail h3")
    visit.page.click("text=Open the patched sentence")
    visit.settled()
    assert "blocks.3.attn.k[1, 0:14, :]" in visit.page.locator(".edits").inner_text()
    changed = np.argwhere(
        sweep.trace_of(*sweep.best(1)[0][:2])["blocks.3.attn.k"] != sweep.contrast.base["blocks.3.attn.k"]
    )
    assert visit.address() == f"blocks.3.attn.k[{', '.join(map(str, changed[0]))}]", "a number that the patch changes"
    want = sweep.trace_of(*sweep.best(1)[0][:2]).top(1)[0]
    assert visit.next_tokens()[0][0] == want[0].replace(" ", "␣")
    visit.show("patching")
    visit.page.click("text=Go back to your sentence")
    visit.page.wait_for_selector(".patch-detail h3")
    visit.page.select_option(".receiver select >> nth=0", "logits")
    visit.wait("document.querySelectorAll('.sweep td button').length === 16")
    visit.wait("document.querySelector('.patch-detail').innerText.includes('takes many edits')")
    assert visit.page.locator("text=Open the patched sentence").count() == 0


def test_mlps_may_answer_on_the_way_of_a_path(visit: Visit) -> None:
    visit.open(visit.hash().replace("show=lens", "show=patching") + "&into=logits")
    visit.wait("document.querySelector('.patch-detail h3')?.innerText.includes('told directly to the scores')")
    visit.settled()
    visit.switch("text=MLPs on the way may answer")
    visit.wait("document.querySelector('.patch-detail h3')?.innerText.includes('directly or through MLPs')")
    sweep = workings.path_patching_sweep(visit.lab.model, PROMPT, OTHER, through_mlps=True)
    assert shown(visit) == pytest.approx(list(sweep.values.flatten() * 100), abs=0.51)
    visit.open(visit.hash())
    visit.wait("document.querySelector('.patch-detail h3')?.innerText.includes('directly or through MLPs')")


def test_what_is_needed_is_read_off_a_map_of_what_is_taken_away(visit: Visit) -> None:
    sweep = workings.patching_sweep(visit.lab.model, PROMPT, OTHER, over="heads", direction="noising")
    visit.open(visit.hash().replace("show=lens", "show=patching") + "&over=heads")
    visit.page.wait_for_selector(".patch-detail h3")
    visit.page.select_option(".patching select[aria-label='From which sentence into which']", "noising")
    visit.wait("document.querySelector('.patch-detail h3')?.innerText.includes('takes away')")
    assert shown(visit) == pytest.approx(list((1 - sweep.values).flatten() * 100), abs=0.51)
    assert "they are needed" in visit.page.locator(".patching").inner_text()
    visit.page.click("text=Open the patched sentence")
    visit.settled()
    assert visit.page.locator(".sentence-box").input_value() == PROMPT
    assert visit.page.locator(".edits li").count() == 1


def test_edits_hold_in_both_sentences_unless_they_are_switched_off(visit: Visit) -> None:
    model = visit.lab.model
    visit.show("attention")
    visit.page.wait_for_selector(".small-map")
    visit.settled()
    visit.switch(".knock input")  # head 0 of block 2
    visit.settled()
    visit.show("patching")
    visit.wait(
        "document.querySelector('.patching [role=status]').innerText.includes('Your edit holds in both sentences')"
    )
    visit.page.select_option(".patching select[aria-label='What is taken over']", "heads")
    visit.wait("document.querySelectorAll('.sweep td button').length === 16")
    pair = [workings.knock_out(model.trace(text), "blocks.2.attn.z", head=0) for text in (PROMPT, OTHER)]
    found = workings.patching_sweep(model, *pair, over="heads")
    assert shown(visit) == pytest.approx(list(found.values.flatten() * 100), abs=0.51)
    switch = visit.page.get_by_role("switch", name="with your edits, in both sentences")
    switch.focus()
    visit.page.keyboard.press("Space")
    visit.wait("document.querySelector('.patching [role=status]').innerText.includes('Your edit is left out here')")
    plain = workings.patching_sweep(model, PROMPT, OTHER, over="heads")
    assert shown(visit) == pytest.approx(list(plain.values.flatten() * 100), abs=0.51)
    visit.open(visit.hash())
    visit.wait("document.querySelector('.patching [role=status]')?.innerText.includes('Your edit is left out here')")


def test_sentences_of_other_lengths_and_equal_ones_are_told_plainly(visit: Visit) -> None:
    patching(visit)
    box = visit.page.locator(".second-box")
    box.fill("Mike is a chef. He picked up his")
    visit.wait(
        "document.querySelector('.patching [role=alert]').innerText.includes('Your sentence has 14 tokens and the second one 9')"
    )
    assert visit.page.locator(".aligned tr").count() == 2 and not visit.page.locator(".sweep").is_visible()
    box.fill(PROMPT)
    visit.wait("document.querySelector('.patching [role=alert]').innerText.includes('Both sentences are the same')")
    box.fill("Mike is a chef. Anna is a nurse. She picked up her")
    visit.wait("document.querySelector('.sweep th.differs')?.innerText === 'Jedi'")
    visit.wait("location.hash.includes('other=Mike')")


def test_a_long_sweep_shows_how_far_it_is_and_is_stopped(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    from workings.anatomy import contrast

    whole = contrast.Contrast.differences
    monkeypatch.setattr(contrast, "MOST_FORKS", 1)
    monkeypatch.setattr(contrast.Contrast, "differences", lambda self, all: (time.sleep(0.1), whole(self, all))[1])
    visit.show("patching")
    visit.wait("/^[3-9] of 56 patches/.test(document.querySelector('.patching [role=status]').innerText)")
    visit.page.click(".patching .stop")
    visit.wait("document.querySelector('.patching .primary').innerText === 'Try every patch'")
    assert not visit.page.locator(".sweep").is_visible()
    monkeypatch.undo()
    visit.page.click("text=Try every patch")
    visit.page.wait_for_selector(".patch-detail h3")


def test_a_patch_that_left_no_number_is_shown_as_none(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    from workings.anatomy import contrast

    sweep = workings.patching_sweep(visit.lab.model, PROMPT, OTHER)
    block, column, _ = sweep.best(1)[0]
    at, whole = block * len(sweep.labels) + column, contrast.Contrast.sweep
    monkeypatch.setattr(
        contrast.Contrast,
        "sweep",
        lambda self, *given: [float("nan") if i == at else one for i, one in enumerate(whole(self, *given))],
    )
    patching(visit)
    cells = visit.page.locator(".sweep td button")
    assert cells.nth(at).inner_text() == "no number" and visit.words(".sweep td button").count("no number") == 1
    assert cells.nth(at).get_attribute("aria-label").endswith(": no number")
    assert "“no number”: with that patch the scores overflow" in visit.page.locator(".patching").inner_text()
    block, column, _ = sweep.best(2)[1]
    said = visit.page.locator(".patch-detail h3").inner_text()
    assert said.startswith(f"The strongest patch. Block {block}, at “{sweep.contrast.clean.tokens[column].strip()}”")
    visit.page.click("text=Export")
    with visit.page.expect_download() as kept:
        visit.page.click("text=Picture of this view")
    assert kept.value.suggested_filename == "patching.png"


@pytest.mark.parametrize(("view", "ready"), [("reasons", ".waterfall .sum"), ("patching", ".patch-detail h3")])
@pytest.mark.parametrize("width", [900, 1440])
def test_the_views_fit_in_dark_and_can_be_kept_as_a_picture(
    browser: Any, lab: Lab, view: str, ready: str, width: int
) -> None:
    visit = Visit(browser, lab, width, 700, color_scheme="dark").open()
    visit.show(view)
    visit.page.wait_for_selector(ready)
    wide = "(one => one.scrollWidth - one.clientWidth)(document.querySelector('.screen:not([hidden]) .reasons'))"
    assert visit.page.evaluate(wide) <= 1
    visit.page.click("text=Export")
    with visit.page.expect_download() as kept:
        visit.page.click("text=Picture of this view")
    assert kept.value.suggested_filename == f"{view}.png"
    complaints, _ = visit.complaints, visit.close()
    assert not complaints


def test_where_an_edit_makes_both_sentences_answer_alike_it_says_so_and_what_to_do(visit: Visit) -> None:
    visit.go(f"logits[13, {visit.lab.model.tokenizer.token_id(' knife')}]")
    visit.edit("40")
    visit.show("patching")
    said = "document.querySelector('.patching [role=alert]').innerText"
    visit.wait(
        f"{said}.startsWith(\"both sentences go on with the same word, ' knife', so there is nothing to bring over\")"
    )
    assert "leave the edits out" in visit.page.evaluate(said)
    visit.switch(".patching input[role=switch]", on=False)
    visit.page.wait_for_selector(".patch-detail h3")
