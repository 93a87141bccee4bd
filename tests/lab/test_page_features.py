"""The features' screen and its slider, driven as a person would: what is shown is what the Python API says."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from browsing import STUDENT, Lab, Visit, until

import workings
from workings.lab import steering

JEDI = 577


def find_jedi(visit: Visit) -> None:
    visit.page.fill(".features-left input", "jedi")
    visit.page.wait_for_selector(f".feature-list button[data-feature='{JEDI}']")
    visit.page.click(f".feature-list button[data-feature='{JEDI}']")
    visit.wait("document.querySelector('.feature-card h3').innerText.startsWith('Jedi')")
    visit.settled()


def reach_is_known(visit: Visit) -> None:
    """The slider has learnt how far it should go."""
    visit.wait("document.querySelector('.strength').max === '20'")


def first_is(visit: Visit, word: str) -> None:
    visit.wait("w => document.querySelector('.next-bars .word').innerText.includes(w)", word)


def test_the_slider_turns_the_phone_into_a_lightsaber(seen: Visit) -> None:
    first_is(seen, "phone")
    find_jedi(seen)
    reach_is_known(seen)
    box = seen.page.locator(".strength").bounding_box()
    middle, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    seen.page.mouse.move(middle, y)
    seen.page.mouse.down()
    for step in range(1, 21):
        seen.page.mouse.move(middle + box["width"] * 0.35 * step / 20, y)
    seen.page.mouse.up()
    first_is(seen, "lightsaber")
    strength = float(seen.page.input_value(".push .field"))
    assert 12 < strength < 16
    seen.wait("document.querySelectorAll('.written dd').length === 2 && !document.querySelector('.written.waiting')")
    before, after = seen.words(".written dd")
    assert "his phone" in before and "his lightsaber" in after
    assert seen.words(".edits li .link") == [f"steer: Jedi × {strength:g}"]
    rows = {row.split()[0].lstrip("␣"): row.split() for row in seen.words(".compared tbody tr")}
    assert {"phone", "lightsaber"} <= rows.keys()
    trace = seen.lab.model.trace(STUDENT).steer("jedi", strength)
    share = float(trace["probabilities"][-1, trace.token_id(" lightsaber")])
    assert rows["lightsaber"][-1] == f"{share:.1%}"
    # One drag is one step back, and one edit.
    seen.page.click("[aria-label=Undo]")
    first_is(seen, "phone")
    assert seen.page.locator(".edits li").count() == 0
    seen.page.click("[aria-label=Redo]")
    first_is(seen, "lightsaber")
    seen.wait("s => document.querySelector('.push .field').value === s", f"{strength:g}")


def test_a_drag_is_one_step_back_however_long_it_takes(seen: Visit) -> None:
    find_jedi(seen)
    reach_is_known(seen)
    box = seen.page.locator(".strength").bounding_box()
    middle, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    seen.page.mouse.move(middle, y)
    seen.page.mouse.down()
    seen.page.mouse.move(middle + box["width"] * 0.1, y)
    seen.page.wait_for_selector(".edits li:has-text('steer: Jedi')")
    seen.page.wait_for_timeout(1100)  # longer than what keys that are pressed one by one are joined by
    seen.page.mouse.move(middle + box["width"] * 0.35, y)
    seen.page.mouse.up()
    first_is(seen, "lightsaber")
    seen.page.click("[aria-label=Undo]")
    first_is(seen, "phone")
    assert seen.page.locator(".edits li").count() == 0


def test_the_slider_is_moved_by_keys_and_a_number_can_be_typed(seen: Visit) -> None:
    find_jedi(seen)
    reach_is_known(seen)
    seen.page.focus(".strength")
    for _ in range(3):
        seen.page.keyboard.press("ArrowRight")
    seen.page.wait_for_selector(".edits li:has-text('steer: Jedi × 0.3')")
    seen.page.fill(".push .field", "−14.5")
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_selector(".edits li:has-text('steer: Jedi × −14.5')")
    assert seen.page.input_value(".strength") == "-14.5"
    seen.page.fill(".push .field", "much")
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_selector(".push .field[aria-invalid=true]")
    seen.page.click("text=Stop pushing")
    seen.wait("document.querySelectorAll('.edits li').length === 0")


def test_what_is_pushed_away_stays_in_view_though_others_fire_more_then(seen: Visit) -> None:
    name = seen.page.inner_text(".feature-card h3")
    seen.page.fill(".push .field", "-20")
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_selector(".edits li:has-text('× −20')")
    seen.settled()
    assert seen.page.inner_text(".feature-card h3") == name
    assert seen.page.get_attribute(".feature-list [data-feature]", "aria-current") is None


def test_a_feature_that_there_is_none_of_is_said_and_the_strongest_is_shown(browser: Any, lab: Lab) -> None:
    other = Visit(browser, lab).open("#prompt=Mike&show=features&feature=99999", ready=".feature-card h3")
    assert "feature=99999 (there are: 0 to 1023)" in other.words(".trouble p")[0]
    assert other.page.locator(".feature-card").is_visible() and "feature=" not in other.hash()
    other.close()


def test_the_smallest_strength_is_said_in_a_sentence_and_can_be_taken(seen: Visit) -> None:
    find_jedi(seen)
    seen.page.click("text=Find the smallest strength")
    seen.page.wait_for_selector(".smallest:has-text('9.661')")
    assert "“lightsaber” (44.1%) comes first instead of “phone”" in seen.page.inner_text(".smallest")
    seen.page.click("text=Push that hard")
    first_is(seen, "lightsaber")
    seen.settled()
    assert seen.page.locator(".smallest:has-text('9.661')").count() == 1
    seen.type_sentence("Mike is a doctor. He picked up his")
    assert seen.page.inner_text(".smallest") == "", "it was about another sentence"


def test_the_smallest_strength_is_found_while_the_slider_learns_its_reach(
    seen: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = steering.smallest_strength
    monkeypatch.setattr(steering, "smallest_strength", lambda *a, **b: (time.sleep(1), quick(*a, **b))[1])
    find_jedi(seen)
    seen.page.click("text=at “his” only")
    seen.page.click("text=Find the smallest strength")
    seen.page.wait_for_selector(".smallest:has-text('comes first instead of “phone”')")


def test_the_line_above_the_card_is_of_the_same_feature_as_the_card(seen: Visit) -> None:
    last = []
    seen.page.route("**/features/strengths**", lambda route: last.append(route))
    seen.page.fill(".features-left input", "jedi")
    seen.page.click(f".feature-list button[data-feature='{JEDI}']")
    until(lambda: last or seen.page.evaluate("0"), "its strengths are asked for")
    assert not seen.page.inner_text(".feature-card h3").startswith("Jedi")
    last[0].continue_()
    seen.page.wait_for_selector(".feature-card h3:has-text('Jedi')")
    assert "Jedi" in seen.page.inner_text(".fired-line h3")


def test_where_to_push_is_chosen_and_the_edit_can_be_switched_off(seen: Visit) -> None:
    find_jedi(seen)
    seen.page.fill(".push .field", "20")
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_selector(".edits li:has-text('blocks.2.resid_post[:, :]')")
    seen.page.click(".fired button:nth-child(3)")
    seen.page.click("text=from “picked” on")
    seen.page.wait_for_selector(".edits li:has-text('blocks.2.resid_post[2:, :]')")
    assert "from “picked” on" in seen.page.inner_text(".push > p")
    seen.page.click(".edits input[type=checkbox]")
    first_is(seen, "phone")
    assert "switched off" in seen.page.inner_text(".push > p")


def test_a_token_shows_what_fires_there_and_the_sentence_is_shaded(seen: Visit) -> None:
    sae = workings.load_sae("storybook")
    acts = sae.encode(seen.lab.model.trace(STUDENT)["blocks.2.resid_post"])
    for token, word in ((4, "his"), (1, "student")):
        seen.page.click(f".fired button:nth-child({token + 1})")
        seen.wait("w => document.querySelector('.features-left .toggle').innerText.includes(w)", word)
        strongest = int(acts[token].argmax())
        seen.wait("n => document.querySelector('.feature-list [data-feature]').dataset.feature === n", str(strongest))
        seen.wait("n => document.querySelector('.feature-card h3').innerText.includes(`feature ${n}`)", str(strongest))
        shown = seen.words(".feature-list [data-feature]")
        assert len(shown) == (acts[token] > 0).sum()
        seen.wait(
            "s => document.querySelector('.fired [aria-pressed=true] small').innerText === s",
            f"{acts[token, strongest]:.4g}",
        )
        shades = seen.page.eval_on_selector_all(".fired button", "all => all.map(one => one.style.backgroundColor)")
        alphas = [float(re.search(r"([\d.]+)\)$", shade)[1]) for shade in shades]
        fires = acts[:, strongest] > 0
        assert [alpha > 0 for alpha in alphas] == fires.tolist()


def test_a_feature_of_the_list_leads_to_its_number_and_back(seen: Visit) -> None:
    find_jedi(seen)
    seen.page.click("text=How its number at")
    seen.wait("document.querySelector('.workings-body .address')?.innerText.includes('sae.acts[4, 577]')")
    seen.page.click("[aria-label=Back]")
    seen.page.wait_for_selector(".feature-card h3:has-text('Jedi')")


def test_the_address_carries_the_feature_its_token_and_the_push(browser: Any, lab: Lab, seen: Visit) -> None:
    find_jedi(seen)
    seen.page.click(".fired button:nth-child(2)")
    seen.page.fill(".push .field", "14")
    seen.page.keyboard.press("Enter")
    first_is(seen, "lightsaber")
    other = Visit(browser, lab).open(seen.hash(), ready=".feature-card h3:has-text('Jedi')")
    first_is(other, "lightsaber")
    other.wait("document.querySelector('.push .field').value === '14'")
    assert other.page.locator(".fired [aria-pressed=true]").inner_text().lstrip("␣").startswith("student")
    assert other.words(".edits li .link") == ["steer: Jedi × 14"]
    assert not other.complaints
    other.close()


def test_any_edit_is_seen_before_and_after_side_by_side(visit: Visit) -> None:
    visit.show("compare")
    assert "No edit is in force" in visit.page.inner_text(".compare-view")
    visit.go("blocks.2.attn.pattern[0, 13, 8]")
    visit.edit("0")
    visit.page.click("text=Side by side")
    visit.page.wait_for_selector(".compare-view .written dd:nth-of-type(1)")
    visit.wait("document.querySelectorAll('.compare-view .written dd').length === 2")
    trace = visit.lab.model.trace("Mike is a chef. Anna is a Jedi. She picked up her")
    edited = trace.edit("blocks.2.attn.pattern", (0, 13, 8), value=0.0)
    written = visit.words(".compare-view .written dd")
    for text, way in zip(written, (trace, edited), strict=True):
        assert text.endswith(visit.lab.model.generate(way, 12)[-20:].strip())


def test_a_model_without_features_has_no_such_tab_and_says_why(browser: Any) -> None:
    from browsing import a_lab
    from little import make_model, make_tokenizer

    with a_lab(make_model(make_tokenizer())) as lab:
        visit = Visit(browser, lab).open()
        assert not visit.page.locator("[data-screen=features]").is_visible()
        assert "workings lab --sae FOLDER" in visit.page.inner_text(".outline")
        assert not visit.complaints
        visit.close()


def test_the_most_that_a_feature_fires_with_is_said_to_be_that_of_its_examples(seen: Visit) -> None:
    find_jedi(seen)
    said = seen.page.locator(".feature-card header p").inner_text()
    most = seen.page.locator(".examples .number").first.inner_text()
    assert f"with {most} at most in its examples." in said
