"""Which number the page stands at: by its address, by its name box, and when the sentence changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest
from browsing import Lab, Visit


@contextmanager
def visiting(browser: Any, lab: Lab, words: str) -> Iterator[Visit]:
    visit = Visit(browser, lab).open(f"#prompt=Mike+is&{words}")
    yield visit
    visit.close()
    assert not visit.complaints


def carried(visit: Visit) -> dict[str, str]:
    """The words of the address bar."""
    return {name: values[0] for name, values in parse_qs(visit.hash().removeprefix("#")).items()}


def trouble(visit: Visit) -> str:
    visit.settled()
    return " ".join(visit.page.locator(".trouble").inner_text().split())


@pytest.mark.parametrize(
    ("asked", "told", "shown", "carries"),
    [
        ("table=nope&at=0,0,0", ["named 'nope'", "Ctrl-K finds tables"], "probabilities[1, ", {"table": "probabilities"}),
        ("table=blocks.0.attn.patern&at=0,0,0", ["blocks.0.attn.pattern"], "probabilities[1, ", {"table": "probabilities"}),
        ("table=logits&at=0,99,99999", ["at=0,99,99999", "to 0,1,1023"], "logits[1, 1023]", {"at": "0,1,1023"}),
        ("table=logits&at=5,-3,0", ["at=5,-3,0"], "logits[0, 0]", {"at": "0,0,0"}),
        ("table=logits&at=1,2", ["at=1,2", "three whole numbers"], "logits[1, ", {"table": "logits"}),
        ("table=logits&at=,,", ["at=,,", "whole numbers"], "logits[1, ", {"table": "logits"}),
        ("head=99&token=77&feature=100000", ["head=99 (there are: 0 to 3)", "token=77 (there are: 0 to 1)", "feature=100000"], "probabilities[1, ", {}),
    ],
)  # fmt: skip
def test_a_place_that_there_is_not_is_told_and_goes(
    browser: Any, lab: Lab, asked: str, told: list[str], shown: str, carries: dict[str, str]
) -> None:
    with visiting(browser, lab, f"show=numbers&{asked}") as visit:
        said = trouble(visit)
        assert all(part in said for part in told), said
        assert visit.address().startswith(shown)
        visit.page.wait_for_selector("td.cursor")
        assert visit.page.input_value(".name-box").startswith(shown)
        words = carried(visit)
        assert {**words, **carries} == words
        assert not {"head", "token", "feature"} & set(words)


@pytest.mark.parametrize("words", ["table=logits", "table=logits&at=0,1,5", "at=0,1,5", "token=1&head=3", "at=0,-1,-1"])
def test_a_place_that_there_is_is_shown_without_a_word(browser: Any, lab: Lab, words: str) -> None:
    with visiting(browser, lab, f"show=numbers&{words}") as visit:
        assert trouble(visit) == ""
        assert visit.address().startswith("logits[1, " if "table" in words else "probabilities[1, ")


def test_a_shorter_sentence_moves_the_cursor_to_its_last_row_without_a_word(visit: Visit) -> None:
    visit.go("blocks.1.resid_post[9, 3]")
    visit.page.click(".chip >> nth=8")
    visit.type_sentence("Mike is a")
    visit.wait("document.querySelector('.workings-body .address').innerText === 'blocks.1.resid_post[2, 3]'")
    words = carried(visit)
    assert words["at"] == "0,2,3" and "token" not in words and trouble(visit) == ""


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("table=blocks.0.hook_resid_post&at=0,1,3", "blocks.0.resid_post[1, 3]"),
        ("table=gradient.blocks.0.mlp.hook_post&at=0,1,3", "gradient.blocks.0.mlp.post[1, 3]"),
        ("table=embed.W_E&at=0,5,3", "W_E[5, 3]"),
    ],
)
def test_an_address_takes_the_names_of_transformer_lens(browser: Any, lab: Lab, words: str, shown: str) -> None:
    with visiting(browser, lab, f"show=numbers&{words}") as visit:
        assert visit.address() == shown and trouble(visit) == ""
        assert carried(visit)["table"] == shown.split("[")[0]


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("blocks.0.attn.hook_pattern[0,1,1]", "blocks.0.attn.pattern[0, 1, 1]"),
        ("hook_embed[0,0]", "embed[0, 0]"),
        ("logits[-1, Jedi]", "logits[13, {Jedi}]"),
        ('logits[-1, " Jedi"]', "logits[13, {Jedi}]"),
    ],
)
def test_the_name_box_and_the_search_take_what_python_and_the_command_line_take(
    visit: Visit, typed: str, shown: str
) -> None:
    shown = shown.replace("{Jedi}", str(visit.lab.model.tokenizer.token_id(" Jedi")))
    visit.show("numbers")
    visit.page.fill(".name-box", typed)
    visit.page.keyboard.press("Enter")
    visit.wait("a => document.querySelector('.workings-body .address').innerText === a", shown)
    visit.wait("a => document.querySelector('.name-box').value === a", shown)
    visit.go("ids[0]")
    visit.page.keyboard.press("Control+k")
    visit.page.fill("dialog input", typed)
    visit.wait("a => document.querySelector('#found li')?.dataset.name === a", shown)
    visit.page.keyboard.press("Enter")
    visit.wait("a => document.querySelector('.workings-body .address').innerText === a", shown)


def test_search_knows_tables_by_the_names_of_transformer_lens(visit: Visit) -> None:
    visit.page.keyboard.press("Control+k")
    visit.page.fill("dialog input", "blocks.1.hook_resid_mid")
    visit.wait("document.querySelector('#found li')?.dataset.name === 'blocks.1.resid_mid'")


def test_a_file_of_edits_may_use_the_names_of_transformer_lens(visit: Visit, tmp_path: Any) -> None:
    edits = [{"table": "blocks.1.hook_resid_post", "index": [1, ":"], "scale": 0}]
    (tmp_path / "theirs.json").write_text(json.dumps({"prompt": "Mike is", "edits": edits}))
    visit.page.set_input_files("input[type=file]", tmp_path / "theirs.json")
    visit.page.wait_for_selector(".edits li")
    visit.go("blocks.1.resid_post[1, 3]")
    visit.page.wait_for_selector("td.cursor.edited")
    assert visit.value() == 0
    assert json.loads(carried(visit)["edits"])[0]["table"] == "blocks.1.resid_post"
    assert "blocks.1.resid_post" in visit.page.locator(".edits").inner_text()
    assert visit.page.locator(".edits .note").count() == 0 and trouble(visit) == ""
    after = visit.lab.model.trace("Mike is").edit("blocks.1.resid_post", 1, scale=0).top(1)[0][0]
    assert visit.next_tokens()[0][0].strip("␣") == after.strip()


@pytest.mark.parametrize(("told", "shown"), [("logits has no such place", "logits has"), ("there is none", "There is")])
def test_what_is_told_begins_as_a_sentence_but_names_stay_as_they_are_spelt(
    visit: Visit, told: str, shown: str
) -> None:
    answer = {"error": told, "kind": "input"}
    visit.page.route("**/api/place?*", lambda route: route.fulfill(status=400, json=answer))
    visit.show("numbers")
    visit.page.fill(".name-box", "logits[9]")
    visit.page.keyboard.press("Enter")
    visit.wait("told => document.querySelector('.trouble').innerText.startsWith(told)", shown)
