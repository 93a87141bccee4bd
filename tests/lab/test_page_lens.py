"""What it thinks, as a person sees it: another lens, the middle of a block, a word's share and rank in every cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browsing import PROMPT, Lab, Visit, a_lab
from little import make_model

import workings

WORD = " lightsaber"


@pytest.fixture(scope="module")
def read(lab: Lab) -> Any:
    return workings.tuned_lens(lab.model, PROMPT, workings.TunedLens.load("storybook"))


def percent(share: float) -> str:
    return "> 99.9%" if 0.9995 < share < 1 else "< 0.1%" if 0 < share < 0.0005 else f"{share:.1%}"


def ask(visit: Visit, word: str) -> None:
    field = visit.page.locator(".lens-view .word-field")
    field.fill(word)
    field.press("Enter")


def tuned(visit: Visit, after_attention: bool = True, word: str = "lightsaber") -> None:
    visit.page.select_option(".lens-view select", "tuned")
    if after_attention:
        visit.settled()
        visit.switch(".lens-view input[type=checkbox]")
    ask(visit, word)
    shown(visit, 8 if after_attention else 4)


def shown(visit: Visit, rows: int) -> None:
    """Wait for a table of so many rows whose cells have a share and a rank, and for what is told of one of them."""
    visit.wait(
        "rows => document.querySelectorAll('.lens tbody tr').length === rows "
        "&& document.querySelectorAll('.lens td button:not(:has(small))').length === 0",
        rows,
    )
    visit.page.wait_for_selector(".lens-detail .stands")
    visit.settled()


def test_with_a_word_every_cell_has_the_share_and_the_rank_that_python_finds(visit: Visit, read: Any) -> None:
    tuned(visit)
    shares, ranks = read.token(WORD)
    expected = [f"{percent(share)}\n#{rank:,}" for share, rank in zip(shares.flatten(), ranks.flatten(), strict=True)]
    assert visit.words(".lens td button") == expected
    assert visit.words(".lens tbody th")[:3] == ["Block 0, attention", "After block 0", "Block 1, attention"]
    visit.page.locator(".lens tbody tr").nth(4).locator("button").last.click()
    told = f"“␣lightsaber”: {percent(shares[4, -1])}, rank {ranks[4, -1]} of 1,024"
    visit.wait("told => document.querySelector('.stands').innerText === told", told)
    assert visit.words(".lens-detail h3") == ["After block 2’s attention, the model would go on from “her” with"]
    ids, top = read.top(10)
    assert visit.words(".plain-bars .number") == [percent(share) for share in top[4, -1]]
    assert visit.words(".plain-bars .word")[0].endswith(read.trace.spell(int(ids[4, -1, 0])).strip())
    assert "that the model uses what the lens finds there" in visit.page.locator(".lens-detail").inner_text()
    shade = "button => getComputedStyle(button).backgroundColor.match(/[\\d.]+(?=\\)$)/)[0]"
    strong, weak = (visit.page.locator(".lens td button").nth(at).evaluate(shade) for at in (-1, 0))
    assert float(strong) > 0.5 > 0.01 > float(weak)


def test_the_links_lead_to_the_numbers_behind_a_cell(visit: Visit, read: Any) -> None:
    tuned(visit, after_attention=False)
    visit.page.locator(".lens tbody tr").nth(1).locator("button").last.click()
    visit.wait("document.querySelector('.lens-detail h3').innerText.startsWith('After block 1,')")
    visit.page.click("text=See the numbers that this is read from")
    visit.wait("document.querySelector('.workings-body .address').innerText === 'blocks.1.resid_post[13, 0]'")
    visit.page.go_back()
    visit.page.click("text=See how the score of “lightsaber” is worked out")
    token = visit.lab.model.tokenizer.token_id(WORD)
    address = f"blocks.1.resid_post.tuned_lens.logits[13, {token}]"
    visit.wait("address => document.querySelector('.workings-body .address').innerText === address", address)
    assert visit.value() == pytest.approx(float(read.logits("blocks.1.resid_post")[13, token]), abs=1e-3)


def test_the_keyboard_chooses_the_lens_the_middle_the_word_and_a_cell(visit: Visit) -> None:
    visit.page.focus(".lens-view select")
    visit.page.keyboard.press("ArrowDown")
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Space")
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.type("phone")
    visit.page.keyboard.press("Enter")
    shown(visit, 8)
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("ArrowUp")
    visit.page.keyboard.press("ArrowLeft")
    visit.wait(
        "document.querySelector('.lens-detail h3').innerText.startsWith('After block 3’s attention, the model would go on from “up”')"
    )
    visit.wait(
        "location.hash.includes('lens=tuned') && location.hash.includes('after_attention=yes') && location.hash.includes('word=phone')"
    )


def test_a_copied_address_shows_the_same_to_another_visitor(visit: Visit, browser: Any) -> None:
    tuned(visit)
    cells, address = visit.words(".lens td button"), visit.hash()
    other = Visit(browser, visit.lab).open(address)
    shown(other, 8)
    assert other.words(".lens td button") == cells
    assert other.page.locator(".lens-view select").input_value() == "tuned"
    assert other.page.locator(".lens-view .word-field").input_value() == "lightsaber"
    assert other.page.locator(".lens-view input[type=checkbox]").is_checked()
    other.close()
    assert not other.complaints


def test_a_word_that_is_no_token_is_told_and_taking_it_away_shows_the_likeliest(visit: Visit) -> None:
    likeliest = visit.words(".lens td button")
    ask(visit, "flibbertigibbet")
    visit.wait("document.querySelector('.lens-view [role=alert]').innerText.includes('is not one token of storybook')")
    ask(visit, "")
    visit.wait(
        "document.querySelector('.lens-view [role=alert]').innerText === '' && !document.querySelector('.lens-view.old')"
    )
    assert visit.words(".lens td button") == likeliest


def test_the_picture_of_a_word_s_lens_can_be_taken(visit: Visit) -> None:
    tuned(visit)
    visit.page.click("text=Export")
    with visit.page.expect_download() as download:
        visit.page.click("text=picture")
    assert download.value.suggested_filename == "lens.png"


def of_block_3(visit: Visit, last: str) -> None:
    visit.wait(
        f"document.querySelector('.lens-detail h3').innerText === 'After block 3, the model would go on from “{last}” with'"
    )


def test_it_stays_with_the_last_token_until_another_is_chosen(visit: Visit) -> None:
    visit.show("lens")
    of_block_3(visit, "her")
    visit.type_sentence("Mike")
    of_block_3(visit, "Mike")
    visit.type_sentence("Mike is a chef. He picked up his")
    of_block_3(visit, "his")
    many = len(visit.words(".chip"))
    visit.page.click("text=Write on")
    visit.wait(
        f"document.querySelectorAll('.chip').length > {many} && document.querySelector('.prompt .primary').innerText === 'Write on'"
    )
    of_block_3(visit, visit.words(".chip")[-1].strip("␣\n"))
    visit.type_sentence("Mike is a chef. He picked up his")
    visit.page.locator(".lens tbody tr:nth-child(4) td").nth(3).locator("button").click()
    of_block_3(visit, "chef")
    visit.type_sentence("Mike is a chef. He picked up his phone")
    of_block_3(visit, "chef")


def test_who_chose_the_last_token_stays_with_the_last(visit: Visit) -> None:
    visit.show("attention")
    visit.type_sentence("The student picked up his")
    visit.page.locator(".chip").last.click()
    visit.wait("location.hash.includes('token=4')")
    visit.type_sentence("The student picked up his phone")
    visit.wait("document.querySelector('.told b').innerText === 'phone'")
    visit.show("reasons")
    visit.wait("document.querySelector('.reasons .ask-line').innerText.includes('after “phone”')")
    visit.page.locator(".chip").first.click()
    visit.wait("location.hash.includes('token=0')")
    visit.type_sentence("The student picked up his old phone")
    visit.wait("document.querySelector('.reasons .ask-line').innerText.includes('after “The”')")


@pytest.fixture(scope="module")
def wordless_lab() -> Iterator[Lab]:
    with a_lab(make_model(None)) as running:
        yield running


def test_a_lab_without_a_tuned_lens_offers_none_and_takes_ids(browser: Any, wordless_lab: Lab) -> None:
    visit = Visit(browser, wordless_lab).open("#prompt=&ids=1,2,3&lens=tuned&word=7&show=lens")
    visit.page.wait_for_selector(".lens-detail .stands")
    assert visit.page.locator(".lens-view select").count() == 0
    assert "this lab has none: this is the logit lens" in visit.page.locator(".lens-view").inner_text()
    _, ranks = workings.logit_lens(wordless_lab.model, [1, 2, 3]).token(7)
    assert visit.words(".lens td small") == [f"#{rank}" for rank in ranks.flatten()]
    visit.close()
    assert not visit.complaints
