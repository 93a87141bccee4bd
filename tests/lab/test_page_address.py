"""What the page's address and its sentence box may say: ids for a model without tokenizer, and what is not understood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from browsing import Lab, Visit, a_lab
from little import make_model


@pytest.fixture(scope="module")
def wordless_lab() -> Iterator[Lab]:
    with a_lab(make_model(None)) as running:
        yield running


def likeliest(lab: Lab, ids: list[int]) -> str:
    return str(int(np.argmax(lab.model.trace(ids)["logits"][-1])))


@pytest.mark.parametrize("hash", ["#ids=5,6,7&show=lens", "#prompt=5+6+7&show=lens", "#prompt=&ids=5,6,7&show=lens"])
def test_an_address_with_ids_opens_them(browser: Any, wordless_lab: Lab, hash: str) -> None:
    visit = Visit(browser, wordless_lab).open(hash)
    assert visit.words(".chip") == ["5", "6", "7"]
    assert visit.page.input_value(".sentence-box") == "5 6 7"
    assert visit.next_tokens()[0][0] == likeliest(wordless_lab, [5, 6, 7])
    assert "ids=5%2C6%2C7" in visit.hash()
    visit.close()
    assert not visit.complaints


def test_ids_are_typed_where_a_sentence_would_be(browser: Any, wordless_lab: Lab) -> None:
    visit = Visit(browser, wordless_lab).open()
    assert "type token ids, such as 5 6 8" in visit.page.get_attribute(".sentence-box", "placeholder")
    visit.type_sentence("5, 6 8")
    visit.wait("document.querySelectorAll('.chip').length === 3")
    assert visit.page.input_value(".sentence-box") == "5, 6 8"
    assert visit.next_tokens()[0][0] == likeliest(wordless_lab, [5, 6, 8])
    for typed, told in (("5 50", "whole numbers from 0 to 49; “50” came"), ("Mike", "“Mike” came"), ("", "none came")):
        visit.type_sentence(typed)
        visit.wait("told => document.querySelector('.trouble').innerText.includes(told)", told)
        assert visit.page.input_value(".sentence-box") == typed
    visit.type_sentence("5 6")
    visit.wait("document.querySelectorAll('.chip').length === 2 && !document.querySelector('.trouble.shown')")
    visit.page.click("text=Write on")
    visit.wait("document.querySelectorAll('.chip').length > 5")
    visit.settled()
    ids = visit.page.input_value(".sentence-box").split()
    assert ids[:2] == ["5", "6"] and ids == visit.words(".chip")
    visit.close()
    assert not visit.complaints


def test_ids_alone_are_spelt_for_a_model_with_words(browser: Any, lab: Lab) -> None:
    ids = lab.model.trace("Mike is a").ids
    visit = Visit(browser, lab).open(f"#ids={','.join(map(str, ids))}")
    visit.wait("document.querySelector('.sentence-box').value === 'Mike is a'")
    visit.close()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("show=attention&block=blocks.9.attn.pattern", "blocks.0.attn.pattern to blocks.3.attn.pattern, all"),
        ("lens=telescope", "lens=telescope (there are: logit, tuned)"),
        ("show=patching&direction=sideways", "direction=sideways (there are: denoising, noising)"),
        ("ids=5,x", "ids=5,x (there are: whole numbers"),
    ],
)
def test_what_an_address_says_in_vain_is_told_and_goes(browser: Any, lab: Lab, words: str, told: str) -> None:
    visit = Visit(browser, lab).open(f"#prompt=Mike+is&{words}")
    visit.wait("told => document.querySelector('.trouble').innerText.includes(told)", told)
    assert words.split("&")[-1].split("=")[1] not in visit.hash().replace("%2C", ",")
    visit.page.click("[aria-label=Dismiss]")
    visit.wait("!document.querySelector('.trouble.shown')")
    visit.close()
    assert not visit.complaints


def test_an_address_that_is_understood_says_nothing(browser: Any, lab: Lab) -> None:
    visit = Visit(browser, lab).open()
    visit.show("patching")
    visit.wait("location.hash.includes('show=patching')")
    again = Visit(browser, lab).open(visit.hash())
    assert not again.page.locator(".trouble.shown").count()
    for one in (visit, again):
        one.close()


def test_all_that_is_of_the_sentence_before_is_pale(visit: Visit) -> None:
    visit.type_sentence("")
    visit.wait("document.querySelector('.stale')")
    for part in (".chips", ".next-bars", ".lens-scroll", ".workings-body"):
        pale = "one => { let o = 1; for (let e = document.querySelector(one); e; e = e.parentElement) o *= getComputedStyle(e).opacity; return o < 0.6; }"
        assert visit.page.evaluate(pale, part), part
