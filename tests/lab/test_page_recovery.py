"""When something goes wrong between the page and the lab: told in plain words, and put right as soon as it can be."""

from __future__ import annotations

import json
from threading import Event
from typing import Any

import pytest
from browsing import PROMPT, Lab, Visit, free_port

from workings.lab import sweeps, views


def test_a_lost_connection_is_told_in_plain_words_and_the_page_recovers(browser: Any, lab: Lab) -> None:
    visit = Visit(browser, lab).open()
    visit.context.set_offline(True)
    visit.type_sentence("Mike is")
    visit.page.wait_for_selector("text=The lab does not answer")
    visit.context.set_offline(False)
    visit.page.wait_for_selector("text=The lab does not answer", state="hidden")
    visit.wait("document.querySelectorAll('.chip').length === 2")
    visit.close()


def test_a_lab_that_was_started_again_is_told_from_one_that_answers(browser: Any, lab: Lab) -> None:
    own = Lab(lab.model, free_port())
    own.start()
    visit = Visit(browser, own).open()
    own.stop()
    visit.type_sentence("Mike is")
    visit.page.wait_for_selector("text=The lab does not answer")
    again = Lab(lab.model, own.port, token="another")
    again.start()
    visit.page.wait_for_selector("text=Open the address that it printed")
    visit.close()
    again.stop()


def test_a_lab_that_ends_during_a_sweep_is_a_lost_connection_like_any_other(
    browser: Any, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, stopped = Event(), Event()

    def endless(*_: Any, progress: Any, **__: Any) -> None:
        begun.set()
        stopped.wait(60)
        progress(1, 2)  # nobody waits for it any more

    own = Lab(lab.model, free_port())
    own.start()
    visit = Visit(browser, own).open()
    with monkeypatch.context() as during:
        during.setattr(sweeps, "patching_sweep", endless)
        visit.show("patching")
        assert begun.wait(60)
        own.stop()
        stopped.set()
        visit.page.wait_for_selector("text=If it was stopped, start it again with")
    assert "unforeseen" not in visit.page.locator("body").inner_text()
    again = Lab(lab.model, own.port)
    again.start()
    visit.page.wait_for_selector("text=Open the address that it printed")
    assert not visit.complaints
    visit.close()
    again.stop()


def test_a_view_that_the_lab_has_forgotten_is_opened_again_unseen(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MOST_VIEWS", 1)
    answers = []
    visit.page.on("response", lambda response: answers.append(response.status))
    other = Visit(visit.context.browser, visit.lab).open()
    other.type_sentence("Anna is")
    other.close()
    visit.go("blocks.1.resid_post[13, 3]")
    assert 410 in answers
    assert visit.value() == pytest.approx(float(visit.lab.model.trace(PROMPT)["blocks.1.resid_post"][13, 3]), rel=1e-5)
    assert not visit.words(".trouble p")


def test_a_mistake_of_the_lab_is_told_and_the_page_goes_on(visit: Visit) -> None:
    told = json.dumps({"error": "the lab made a mistake (ZeroDivisionError)", "kind": "input"})
    visit.page.route("**/api/view", lambda route: route.fulfill(status=500, content_type="application/json", body=told))
    visit.type_sentence("Mike is")
    visit.wait("document.querySelector('.trouble').innerText.includes('The lab made a mistake')")
    visit.page.unroute("**/api/view")
    visit.type_sentence("Mike is a")
    visit.wait("document.querySelectorAll('.chip').length === 3 && !document.querySelector('.trouble.shown')")


def test_an_edit_that_cannot_be_is_told_beside_it_and_the_others_hold(visit: Visit) -> None:
    edits = [
        {"table": "blocks.1.resid_post", "index": [13, 3], "value": 40.0, "on": True},
        {"table": "blocks.9.resid_post", "index": [13, 3], "value": 1.0, "on": True},
    ]
    visit.load(json.dumps(edits).encode())
    visit.page.wait_for_selector(".edits .note")
    assert visit.page.locator(".edits .note").count() == 1
    visit.go("blocks.1.resid_post[13, 3]")
    assert visit.value() == 40


def test_an_edit_that_cannot_be_does_not_look_as_if_it_were_in_force(visit: Visit) -> None:
    edits = [
        {"table": "blocks.1.resid_post", "index": [13, 3], "value": 40.0, "on": True},
        {"table": "blocks.1.resid_post", "index": [13, 4], "value": 1e39, "on": True},
    ]
    visit.load(json.dumps(edits).encode())
    visit.page.wait_for_selector(".edits .note")
    visit.settled()
    switches = visit.page.locator(".edits input").evaluate_all("all => all.map(one => [one.checked, one.disabled])")
    assert switches == [[True, False], [False, True]]
    assert visit.page.locator(".edits li.off").count() == 1
    note = visit.page.locator(".edits .note").inner_text()
    assert note.startswith("Not in force: ") and "too large" in note and "Python" not in note
    visit.go("blocks.1.resid_post[13, 3]")
    visit.page.wait_for_selector("td.edited")
    assert visit.page.locator("td.edited").count() == 1, "its cell is not framed"


def test_a_file_that_holds_no_edits_is_refused_in_plain_words(visit: Visit) -> None:
    for content, told in ((b"{", "is not a file of edits"), (b"[]", "holds no edits"), (b"7", "holds no edits")):
        visit.load(content, "notes.json")
        visit.page.wait_for_selector(".trouble.shown")
        assert told in visit.page.locator(".trouble").inner_text()
        visit.page.click("[aria-label=Dismiss]")


def test_edits_made_in_a_model_of_another_name_are_taken_with_a_note(visit: Visit) -> None:
    edit = {"table": "blocks.1.resid_post", "index": [1, 3], "value": 40.0, "on": True}
    told = json.dumps({"model": "gpt2", "prompt": "Mike is a", "edits": [edit]}).encode("utf-8-sig")
    visit.load(told)
    visit.wait("document.querySelector('.trouble').innerText.includes(\"The edits were made in 'gpt2'\")")
    visit.page.wait_for_selector(".edits li")
    visit.settled()
    assert len(visit.words(".chip")) == 3
    visit.type_sentence("Mike is")
    visit.wait("document.querySelectorAll('.chip').length === 2 && !document.querySelector('.trouble.shown')")
