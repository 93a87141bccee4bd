"""Answers that come in any order: what is shown is what was asked for last, and is of what is named beside it."""

from __future__ import annotations

import pytest
from browsing import PROMPT, Visit
from holding import Held

from workings.lab import views

LONG = " ".join(["Mike is a chef."] * 20)
FAILED = {"status": 500, "content_type": "application/json", "body": '{"error": "that went wrong", "kind": "other"}'}


def texts(visit: Visit, selector: str) -> list[str]:
    """What is seen now, be it the last word or not."""
    return [text.strip() for text in visit.page.locator(selector).all_inner_texts()]


# Back to what is shown already, while something else is on its way


def test_bars_that_were_asked_for_no_longer_are_not_drawn(visit: Visit) -> None:
    visit.show("reasons")
    first = visit.words(".waterfall .number")
    held = Held(visit, "/api/attribution.*token=phone")
    for word in ("phone", ""):
        visit.page.fill(".reasons:not(.patching) .word-field >> nth=0", word)
        visit.page.keyboard.press("Enter")
        held.came()
    held.release()
    assert visit.words(".waterfall .number") == first
    assert not visit.page.locator(".reasons.working").count()


def test_a_lens_that_was_asked_for_no_longer_is_not_drawn(visit: Visit) -> None:
    first = visit.words(".lens-view td")
    held = Held(visit, "/api/lens[?].*tuned")
    visit.page.select_option(".lens-view select", "tuned")
    held.came()
    visit.page.click(".lens-view tbody tr:nth-child(2) td:nth-child(3) button")
    visit.wait("document.querySelector('.lens-detail h3').innerText.startsWith('After block 1,')")
    assert "The logit lens." in visit.page.inner_text(".lens-detail")  # of which the distribution still is
    visit.page.select_option(".lens-view select", "logit")
    held.release()
    assert visit.words(".lens-view td") == first
    assert not visit.page.locator(".lens-view.working").count()


def test_maps_of_a_block_that_was_left_again_are_not_drawn(visit: Visit) -> None:
    visit.show("attention")
    visit.wait("document.querySelectorAll('.small-map').length")
    shown = visit.words(".attention .blocks [aria-selected=true]")
    held = Held(visit, "/api/attention.*block=0")
    visit.page.click(".attention .blocks >> text=Block 0")
    held.came()
    visit.page.go_back()
    visit.wait("!location.hash.includes('block=')")
    held.release()
    assert visit.words(".attention .blocks [aria-selected=true]") == shown


def test_a_sweep_that_was_asked_for_no_longer_is_not_drawn(visit: Visit) -> None:
    visit.show("patching")
    visit.wait("document.querySelector('.patch-detail h3')")
    first = visit.words(".sweep td")
    held = Held(visit, "/api/patching[?].*over=heads")
    visit.page.select_option("[aria-label='What is taken over']", "heads")
    held.came()
    visit.page.select_option("[aria-label='What is taken over']", "resid_pre")
    held.release()
    visit.wait("document.querySelector('.patch-detail h3')")
    assert visit.words(".sweep td") == first


def test_who_looks_at_whom_is_of_the_sentence_that_is_shown(visit: Visit) -> None:
    visit.page.goto(visit.page.url.split("#")[0] + "#show=attention&block=all&prompt=Mike is a chef. Anna")
    visit.page.reload()
    visit.wait("document.querySelectorAll('.looks button').length")
    first = visit.words(".looks li")
    held = Held(visit, "/api/looks")
    visit.page.fill(".sentence-box", PROMPT)
    held.came()
    visit.page.fill(".sentence-box", "Mike is a chef. Anna")
    visit.wait("document.querySelectorAll('.chip').length === 6")
    held.release()
    assert visit.words(".looks li") == first


# While a sentence, or an edit, is being opened


def test_a_weight_that_was_edited_shows_its_new_number_however_late_the_view_comes(visit: Visit) -> None:
    visit.go("W_E[5, 7]")
    held = Held(visit, "/api/view")
    visit.page.keyboard.press("F2")
    visit.page.fill(".editor", "3")
    visit.page.keyboard.press("Enter")
    held.came()
    visit.wait("document.querySelector('td.cursor.edited') && !document.querySelector('.editor')")
    visit.page.evaluate("new Promise(requestAnimationFrame)")
    held.release()
    assert float(visit.cursor()) == visit.value() == 3


def test_an_edit_in_the_place_of_another_is_not_taken_for_it(visit: Visit) -> None:
    visit.go("blocks.1.resid_post[3, 3]")
    visit.edit("1")
    visit.show("features")
    visit.page.wait_for_selector(".feature-card h3")
    visit.page.fill(".push .field", "4")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector(".edits li:has-text('steer: ')")
    visit.go("blocks.1.resid_post[3, 3]")
    visit.edit("2")
    first, second = visit.words(".edits li .what")
    assert first.startswith("steer: ") and second.startswith("blocks.1.resid_post[3, 3]")


def test_a_word_that_is_added_while_a_sentence_is_opened_is_added_to_that(visit: Visit) -> None:
    held = Held(visit, "/api/view")
    visit.page.fill(".sentence-box", "Mike is")
    held.came()
    word = texts(visit, ".next-bars .word")[0].lstrip("␣")
    visit.page.click(".next-bars .add >> nth=0")
    held.release()
    visit.wait("document.querySelectorAll('.chip').length === 3")
    assert [text.lstrip("␣") for text in visit.words(".chip")] == ["Mike", "is", word]
    assert visit.page.input_value(".sentence-box") == f"Mike is {word}"


def test_the_model_writes_on_what_was_typed_last(visit: Visit) -> None:
    held = Held(visit, "/api/view")
    visit.page.fill(".sentence-box", "Mike is")
    visit.page.click("text=Write on")
    held.came()
    held.release()
    visit.wait("document.querySelectorAll('.chip').length > 3")
    visit.settled()
    chips = [text.lstrip("␣") for text in visit.words(".chip")]
    assert chips[:2] == ["Mike", "is"]
    assert visit.page.input_value(".sentence-box").startswith("Mike is")


def test_what_is_typed_while_the_model_writes_is_kept(visit: Visit) -> None:
    visit.page.click("text=Write on")
    visit.wait("document.querySelectorAll('.chip').length > 15")
    visit.page.evaluate(  # at once: `fill` selects first, and the next token would take the selection away
        """() => {
            const box = document.querySelector(".sentence-box");
            box.value = "Anna is";
            box.dispatchEvent(new InputEvent("input", {bubbles: true}));
        }"""
    )
    visit.wait("document.querySelectorAll('.chip').length === 2")
    visit.settled()
    assert visit.page.input_value(".sentence-box") == "Anna is"


def test_an_address_that_is_typed_while_the_model_writes_is_opened_as_it_is(visit: Visit) -> None:
    visit.page.click("text=Write on")
    visit.wait("document.querySelectorAll('.chip').length > 15")
    visit.page.evaluate("location.hash = '#prompt=Anna is'")
    visit.wait("document.querySelectorAll('.chip').length === 2")
    visit.settled()
    assert visit.page.input_value(".sentence-box") == "Anna is"
    assert visit.page.locator("text=Write on").count() == 1


def test_a_sentence_that_failed_is_asked_for_again_by_enter(visit: Visit) -> None:
    held = Held(visit, "/api/view")
    visit.page.fill(".sentence-box", "Mike is")
    held.came()
    held.release(**FAILED)
    visit.page.wait_for_selector(".trouble.shown")
    visit.page.press(".sentence-box", "Enter")
    visit.wait("document.querySelectorAll('.chip').length === 2 && !document.querySelector('.trouble.shown')")


def test_what_is_written_on_stands_behind_its_own_sentence(visit: Visit) -> None:
    writes = Held(visit, "/api/continuations")
    visit.show("compare")
    writes.came()
    opens = Held(visit, "/api/view")
    visit.page.fill(".sentence-box", "Anna is")
    opens.came()
    writes.release()
    visit.wait("document.querySelector('.compare-view .written dd')")
    assert "picked up her" in visit.page.inner_text(".compare-view .written dd")
    opens.release()


def test_a_view_is_opened_again_though_the_newest_sentence_cannot_be(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(visit, "/api/view")
    visit.page.fill(".sentence-box", "Mike is")
    held.came()
    monkeypatch.setattr(views, "MOST_VIEWS", 1)
    other = Visit(visit.context.browser, visit.lab).open()
    other.type_sentence("Anna is")
    other.close()
    held.release(**FAILED)
    visit.page.wait_for_selector(".trouble.shown")
    visit.page.route(
        held.pattern,
        lambda route: route.fulfill(**FAILED) if 'Mike is"' in route.request.post_data else route.continue_(),
    )
    visit.page.click(".lens-view tbody tr:nth-child(2) td:nth-child(3) button")
    visit.wait("document.querySelector('.lens-detail h3')?.innerText.startsWith('After block 1,')")


def test_earlier_positions_are_not_put_before_another_sentence(visit: Visit) -> None:
    visit.type_sentence(LONG)
    visit.page.wait_for_selector(".lens-view thead button")
    held = Held(visit, "/api/lens[?]")
    visit.page.fill(".sentence-box", PROMPT)
    held.came()
    visit.page.click(".lens-view thead button")
    held.release()
    visit.wait("document.querySelectorAll('.lens-view thead th').length === 15")


def test_a_token_s_looking_is_told_in_the_words_of_its_own_sentence(visit: Visit) -> None:
    visit.show("attention")
    visit.wait("document.querySelectorAll('.small-map').length")
    held = Held(visit, "/api/attention")
    visit.page.fill(".sentence-box", "The student is quick")
    held.came()
    visit.page.focus(".large-map")
    visit.page.keyboard.press("ArrowUp")
    assert texts(visit, ".told b")[0] == "up"
    held.release()


# Words that are being typed, and what is asked for in haste


def test_a_word_that_is_being_typed_is_not_taken_back(visit: Visit) -> None:
    held = Held(visit, "/api/view")
    visit.page.fill(".sentence-box", "Mike is")
    held.came()
    visit.page.focus(".lens-view .word-field")
    visit.page.keyboard.type("pho")
    held.release()
    visit.wait("document.querySelectorAll('.chip').length === 2")
    assert visit.page.input_value(".lens-view .word-field") == "pho"


def test_a_number_typed_before_its_cell_is_there_is_taken_whole(visit: Visit) -> None:
    visit.go("W_E[0, 0]")
    visit.page.evaluate("document.querySelector('regular-table').scrollTop = 20000")
    visit.wait("!document.querySelector('td.cursor')")
    press = "key => document.querySelector('regular-table').dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}))"
    visit.page.evaluate(f"[...'12'].forEach({press})")
    visit.page.wait_for_selector(".editor")
    assert visit.page.input_value(".editor") == "12"


def test_how_a_token_was_put_together_is_told_once(visit: Visit) -> None:
    held = Held(visit, "/api/merges")
    visit.page.hover(".chip >> nth=3")
    held.came()
    visit.page.hover(".chip >> nth=5")
    visit.page.hover(".chip >> nth=3")
    held.release()
    visit.settled()
    assert visit.page.locator("#token-tip ol").count() == 1


def test_how_a_token_was_put_together_is_asked_again_where_that_failed(visit: Visit) -> None:
    held = Held(visit, "/api/merges")
    visit.page.hover(".chip >> nth=3")
    held.came()
    held.release(**FAILED)
    visit.settled()
    visit.page.hover(".chip >> nth=5")
    visit.page.hover(".chip >> nth=3")
    visit.page.wait_for_selector("#token-tip ol")


def test_the_card_of_a_token_goes_with_its_sentence(visit: Visit) -> None:
    visit.page.hover(".chip >> nth=9")
    visit.page.wait_for_selector("#token-tip >> text=position 9")
    visit.type_sentence("Mike is")
    assert not visit.page.locator("#token-tip").is_visible()


# Patching


def test_a_patch_that_is_told_after_its_map_is_gone_is_not_shown(visit: Visit) -> None:
    cell = Held(visit, "/api/patching/cell")
    visit.show("patching")
    cell.came()
    sweep = Held(visit, "/api/patching[?]")
    visit.page.select_option("[aria-label='What is taken over']", "heads")
    sweep.came()
    cell.release()
    visit.page.evaluate("fetch('/api/model').then(answer => answer.text())")
    assert texts(visit, ".patch-detail") == [""]
    sweep.release()
    visit.wait("document.querySelector('.patch-detail h3')")


def test_no_patch_is_tried_once_the_view_is_left(visit: Visit) -> None:
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url))
    held = Held(visit, "/api/view")
    visit.show("patching")
    held.came()
    visit.show("lens")
    held.release()
    visit.settled()
    assert not any("/api/patching" in url for url in asked)


def test_a_patch_that_could_not_be_told_is_told_once_the_lab_answers(visit: Visit) -> None:
    held = Held(visit, "/api/patching/cell")
    visit.show("patching")
    held.came()
    held.waiting.pop().abort()
    visit.page.wait_for_selector("text=The lab does not answer")
    held.release()
    visit.wait("document.querySelector('.patch-detail h3')")


def test_a_second_sentence_is_taken_before_what_is_clicked_next(visit: Visit) -> None:
    visit.show("patching")
    visit.wait("document.querySelector('.patch-detail h3')")
    visit.page.fill(".second-box", "Mike is a chef. Anna is a Jedi. He picked up her")
    visit.page.click("text=estimate only")
    visit.settled()
    assert visit.page.input_value(".second-box").endswith("He picked up her")


# Searching, taking along, and a connection that was lost


def test_enter_follows_what_was_typed_and_not_the_list_before(visit: Visit) -> None:
    visit.page.keyboard.press("Control+k")
    visit.page.wait_for_selector("#found li")
    held = Held(visit, "/api/find.*text=blocks.1.mlp_out$")
    visit.page.fill("dialog.search input", "blocks.1.mlp_out")
    held.came()
    visit.page.keyboard.press("Enter")
    assert visit.page.locator("dialog.search").is_visible()
    held.release()
    visit.wait("!document.querySelector('dialog.search').open")
    visit.wait("document.querySelector('.workings-body .address').innerText.startsWith('blocks.1.mlp_out[')")


def test_enter_follows_nothing_where_something_else_is_typed_before_the_list_has_come(visit: Visit) -> None:
    visit.page.keyboard.press("Control+k")
    held = Held(visit, "/api/find.*text=mlp$")
    visit.page.fill("dialog.search input", "mlp")
    held.came()
    visit.page.keyboard.press("Enter")
    visit.page.fill("dialog.search input", "W_E")
    visit.wait("document.querySelector('#found-0')?.dataset.name === 'W_E'")
    held.release()
    visit.settled()
    assert visit.page.locator("dialog.search").is_visible()


def test_the_export_works_until_the_last_of_several_is_there(visit: Visit) -> None:
    held = [Held(visit, f"/api/{path}") for path in ("export.xlsx", "edits.json")]
    for name, one in zip(("Excel workbook", "Save edits"), held, strict=True):
        visit.page.click("text=Export")
        visit.page.click(f"[role=menuitem] >> text={name}")
        one.came()
    for one, rest in zip(reversed(held), (1, 0), strict=True):
        with visit.page.expect_download():
            one.release()
        visit.wait(f"document.querySelectorAll('button.working').length === {rest}")


def test_a_lab_that_answers_slowly_is_asked_once_whether_it_is_back(visit: Visit) -> None:
    again = Held(visit, "/api/model")
    opens = Held(visit, "/api/view")
    visit.page.fill(".sentence-box", "Mike is")
    opens.came()
    opens.waiting.pop().abort()
    again.came()
    visit.page.evaluate("new Promise((done) => setTimeout(done, 3500))")  # time for two more
    assert len(again.waiting) == 1
    opens.release()
    again.release()
    visit.wait("document.querySelectorAll('.chip').length === 2")


# Knocking out


@pytest.mark.parametrize("by", ["zero", "mean"])
def test_what_is_knocked_out_of_a_sentence_that_is_left_is_no_edit_of_the_next(visit: Visit, by: str) -> None:
    visit.go("blocks.2.attn.z[0, 13, 0]")
    visit.page.click("text=Knock out …")
    visit.page.select_option("[aria-label='By what']", by)
    held = Held(visit, "/api/knockout")
    visit.page.click("text=Knock it out")
    held.came()
    visit.page.fill(".sentence-box", "Mike is")
    visit.wait("document.querySelectorAll('.chip').length === 2")
    held.release()
    visit.page.wait_for_selector(".trouble.shown")
    visit.settled()
    assert "changed before the part was knocked out" in visit.page.inner_text(".trouble")
    assert not visit.page.locator(".edits li").count()


# Heads


def test_a_switch_that_is_turned_back_at_once_stays_off(visit: Visit) -> None:
    visit.show("attention")
    visit.settled()
    held = Held(visit, "/api/knockout")
    switch = ".attention [role=switch]"
    visit.page.click(switch)
    held.came()
    visit.page.click(switch)
    held.release()
    visit.settled()
    assert not visit.page.is_checked(switch) and not visit.page.locator(".edits li").count()


def test_a_head_that_is_chosen_while_another_is_knocked_out_stays_chosen(visit: Visit) -> None:
    visit.show("attention")
    visit.page.click(".small-map >> nth=0")
    visit.settled()
    held = Held(visit, "/api/knockout")
    visit.page.click(".attention [role=switch]")
    held.came()
    visit.page.click(".small-map >> nth=2")
    held.release()
    visit.wait("document.querySelectorAll('.edits li').length === 1")
    visit.settled()
    assert visit.page.get_attribute(".small-map >> nth=2", "aria-selected") == "true"
    assert not visit.page.is_checked(".attention [role=switch]")
