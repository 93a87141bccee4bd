"""Answers about features that come in any order: the slider, its edit and its words are of the feature that is shown."""

from __future__ import annotations

import json
from typing import Any

from browsing import Visit
from holding import Held
from test_page_features import JEDI, find_jedi


def push(visit: Visit, strength: str) -> None:
    visit.page.fill(".push .field", strength)
    visit.page.keyboard.press("Enter")


def other_feature(visit: Visit) -> None:
    visit.page.click(f".feature-list button[data-feature]:not([data-feature='{JEDI}']) >> nth=0")
    visit.wait("!document.querySelector('.feature-card h3').innerText.startsWith('Jedi')")


def test_a_push_that_is_on_its_way_is_of_its_own_feature(seen: Visit) -> None:
    find_jedi(seen)
    push(seen, "4")
    seen.page.wait_for_selector(".edits li:has-text('× 4')")
    seen.settled()
    held = Held(seen, "/api/steer[?]")
    push(seen, "6")
    held.came()
    other_feature(seen)
    held.release()
    seen.page.wait_for_selector(".edits li:has-text('× 6')")
    assert seen.words(".edits li .link") == ["steer: Jedi × 6"]
    assert seen.page.input_value(".push .field") == "0"


def test_the_slider_of_a_feature_does_not_take_the_reach_of_another(seen: Visit) -> None:
    held = Held(seen, "/api/steer/smallest")
    find = f".feature-list button[data-feature='{JEDI}']"
    seen.page.fill(".features-left input", "jedi")
    seen.page.click(find)
    seen.wait("document.querySelector('.feature-card h3').innerText.startsWith('Jedi')")
    held.came()
    first = held.waiting[-1]
    other_feature(seen)
    answer: dict[str, Any] = {"strength": 77, "sentence": "", "reach": {"most": 77, "step": 1}}
    first.fulfill(json=answer)
    held.waiting.remove(first)
    seen.page.evaluate("fetch('/api/model').then(answer => answer.text())")
    held.release(body=json.dumps({**answer, "reach": None}))
    seen.settled()
    assert seen.page.get_attribute(".strength", "max") != "77"


def test_the_smallest_strength_of_the_sentence_before_is_not_told_of_the_next(seen: Visit) -> None:
    find_jedi(seen)
    held = Held(seen, "/api/view")
    seen.page.fill(".sentence-box", "Mike is")
    held.came()
    seen.page.click("text=Find the smallest strength")
    seen.wait("!['', 'Looking for it …'].includes(document.querySelector('.smallest').innerText)")
    held.release()
    seen.wait("document.querySelectorAll('.chip').length === 2")
    seen.settled()
    assert seen.page.inner_text(".smallest") == ""


def test_strengths_are_of_the_tokens_that_they_stand_at(seen: Visit) -> None:
    find_jedi(seen)
    before = seen.words(".fired button")
    held = Held(seen, "/api/features/strengths")
    seen.page.click(f".feature-list button[data-feature]:not([data-feature='{JEDI}']) >> nth=0")
    held.came()
    later = Held(seen, "/api/features/(firing|strengths)")
    seen.page.fill(".sentence-box", "Mike is")
    seen.wait("document.querySelectorAll('.chip').length === 2")
    held.release()
    seen.page.evaluate("fetch('/api/model').then(answer => answer.text())")
    assert [text.strip() for text in seen.page.locator(".fired button").all_inner_texts()] == before
    later.release()
    seen.wait("document.querySelectorAll('.fired button').length === 2")


def test_a_feature_that_could_not_be_told_is_told_once_the_lab_answers(seen: Visit) -> None:
    held = Held(seen, "/api/features/(card|strengths|firing)")
    find = ".feature-list button[data-feature]:not([aria-current]) >> nth=0"
    name = seen.page.inner_text(f"{find} >> .name")
    seen.page.click(find)
    held.came()
    for route in held.waiting:
        route.abort()
    held.waiting.clear()
    seen.page.wait_for_selector("text=The lab does not answer")
    held.release()
    seen.wait(
        "name => document.querySelector('.feature-card h3')?.innerText.startsWith(name) && !document.querySelector('.feature-card').hidden",
        name,
    )


def test_what_is_written_on_is_told_again_after_it_failed(seen: Visit) -> None:
    seen.wait("document.querySelector('.written dd') && !document.querySelector('.written.waiting')")
    first = seen.words(".features .written dd")
    held = Held(seen, "/api/continuations")
    push(seen, "3")
    held.came()
    held.release(status=500, json={"error": "that went wrong", "kind": "other"})
    seen.page.wait_for_selector("text=It cannot write on")
    seen.page.click("[aria-label=Undo]")
    seen.wait("document.querySelectorAll('.edits li').length === 0")
    seen.settled()
    assert seen.words(".features .written dd") == first
