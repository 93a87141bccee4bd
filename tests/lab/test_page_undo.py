"""Undo and redo: edits come and go in steps, and a sentence that came with them comes and goes with them. Files of edits that start a step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from browsing import PROMPT, STUDENT, Lab, Visit

import workings
from workings.errors import InputError

HIS = PROMPT.replace("She picked up her", "He picked up his")
MINER = PROMPT.replace("Jedi", "miner")
SECOND = "[aria-label='The second sentence']"
GOOD = {"table": "blocks.3.mlp_out", "index": [2, 1], "value": 5}
NO_LIST = {"table": "blocks.3.mlp_out", "index": 3, "value": 5}
MISSPELT = {"tabel": "blocks.3.mlp_out", "index": [2, 1], "value": 5}
NO_SLICE = {"table": "blocks.3.mlp_out", "index": [2, "x"], "value": 5}


def now(visit: Visit) -> tuple[str, list[str]]:
    """The sentence in the box, and the edits in the list."""
    edits = [" ".join(text.split()) for text in visit.words(".edits li .what")]
    return visit.page.input_value(".sentence-box"), edits


def load(visit: Visit, folder: Path, held: Any) -> None:
    """Load a file of edits."""
    path = folder / "mine.json"
    path.write_text(held if isinstance(held, str) else json.dumps(held))
    visit.page.set_input_files("input[type=file]", path)


def test_a_file_with_a_sentence_is_undone_and_redone_in_one_step(visit: Visit, tmp_path: Path) -> None:
    visit.type_sentence(STUDENT)
    visit.go("logits[4, 5]")
    visit.edit("50")
    before, first = now(visit), visit.next_tokens()
    load(visit, tmp_path, {"prompt": "Mike is a", "edits": [GOOD]})
    visit.wait("document.querySelectorAll('.chip').length === 3")
    after, second = now(visit), visit.next_tokens()
    assert after == ("Mike is a", ["blocks.3.mlp_out[2, 1] = 5"])
    visit.page.click("[aria-label=Undo]")
    visit.wait("document.querySelectorAll('.chip').length === 5")
    assert now(visit) == before == (STUDENT, ["logits[4, 5] = 50"]) and visit.next_tokens() == first
    visit.page.click("[aria-label=Redo]")
    visit.wait("document.querySelectorAll('.chip').length === 3")
    assert now(visit) == after and visit.next_tokens() == second
    visit.page.click("[aria-label=Undo]")
    visit.wait("document.querySelectorAll('.chip').length === 5")
    visit.page.click("[aria-label=Undo]")
    visit.wait("!document.querySelector('.edits li')")
    assert now(visit) == (STUDENT, []) and visit.page.is_disabled("[aria-label=Undo]")


def test_what_is_typed_into_the_sentence_s_box_is_no_step(visit: Visit) -> None:
    visit.go("logits[4, 5]")
    visit.edit("50")
    visit.type_sentence("Mike is a chef. Anna")
    visit.page.click("[aria-label=Undo]")
    visit.wait("!document.querySelector('.edits li')")
    assert now(visit) == ("Mike is a chef. Anna", []) and visit.page.is_disabled("[aria-label=Undo]")


@pytest.mark.parametrize("other", [None, MINER])
def test_a_patched_sentence_is_undone_and_redone_with_both_sentences(visit: Visit, other: str | None) -> None:
    visit.show("patching")
    visit.page.wait_for_selector(".patch-detail h3")
    if other:
        visit.page.fill(SECOND, other)
        visit.settled()
        visit.wait("other => document.querySelector('.aligned, .sweep').innerText.includes('miner')")
    visit.page.click("text=Open the patched sentence")
    second = other or HIS
    visit.wait("text => document.querySelector('.sentence-box').value === text", second)
    opened = now(visit)
    assert opened[0] == second and len(opened[1]) == 1
    visit.page.click("[aria-label=Undo]")
    visit.wait("!document.querySelector('.edits li')")
    assert now(visit) == (PROMPT, [])
    visit.show("patching")
    visit.page.wait_for_selector(".patch-detail h3")
    assert visit.page.input_value(SECOND) == second
    visit.page.click("[aria-label=Redo]")
    visit.page.wait_for_selector("text=Go back to your sentence")
    assert now(visit) == opened
    visit.page.click("text=Go back to your sentence")
    visit.wait("!document.querySelector('.edits li')")
    assert now(visit) == (PROMPT, [])
    visit.settled()
    assert visit.page.input_value(SECOND) == second


@pytest.mark.parametrize("wrong", [NO_LIST, MISSPELT, NO_SLICE])
def test_a_file_of_which_an_edit_makes_no_sense_is_refused_as_python_refuses_it(
    visit: Visit, tmp_path: Path, wrong: Any
) -> None:
    before = now(visit)
    load(visit, tmp_path, {"prompt": "Mike is a", "edits": [GOOD, wrong, MISSPELT]})
    visit.page.wait_for_selector(".trouble.shown")
    with pytest.raises(InputError) as refused:
        workings.load_edits(tmp_path / "mine.json")
    told = str(refused.value).split("mine.json: ")[1]
    assert told.startswith("edit 2: ") and visit.words(".trouble p") == [f"mine.json: {told}"]
    assert now(visit) == before and visit.page.is_disabled("[aria-label=Undo]")


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ("no JSON", "mine.json is not a file of edits."),
        ({"prompt": "", "edits": []}, "mine.json: it holds no edits."),
        ("null", "mine.json: it holds no edits."),
        ({"promt": "Mike", "edits": [GOOD]}, "mine.json: 'promt' means nothing beside prompt, ids and edits"),
    ],
)
def test_a_file_that_is_none_of_edits_is_told(visit: Visit, tmp_path: Path, held: Any, told: str) -> None:
    load(visit, tmp_path, held)
    visit.page.wait_for_selector(".trouble.shown")
    assert visit.words(".trouble p") == [told] and now(visit) == (PROMPT, [])


def test_a_list_of_edits_alone_is_of_the_sentence_that_is_there(visit: Visit, tmp_path: Path) -> None:
    load(visit, tmp_path, [GOOD, {**GOOD, "index": [3, 1], "on": False}])
    visit.page.wait_for_selector(".edits li")
    assert now(visit) == (PROMPT, ["blocks.3.mlp_out[2, 1] = 5", "blocks.3.mlp_out[3, 1] = 5"])
    assert visit.page.locator(".edits li.off").count() == 1


@pytest.mark.parametrize("wrong", [NO_LIST, MISSPELT, NO_SLICE])
def test_edits_of_an_address_that_make_no_sense_are_told_and_none_is_in_force(
    browser: Any, lab: Lab, wrong: Any
) -> None:
    visit = Visit(browser, lab).open(f"#prompt=Mike+is+a&edits={json.dumps([GOOD, wrong])}")
    visit.page.wait_for_selector(".trouble.shown")
    assert "not understood in part" in visit.words(".trouble")[0] and "edits (edit 2" in visit.words(".trouble")[0]
    assert now(visit) == ("Mike is a", []) and "edits" not in visit.hash()
    again = Visit(browser, lab).open(f"#prompt=Mike+is+a&edits={json.dumps([GOOD])}")
    again.page.wait_for_selector(".edits li")
    assert not again.page.locator(".trouble.shown").count()
    for one in (visit, again):
        one.close()
        assert not one.complaints
