"""Slopes as a person sees them: switched to from the numbers, the same as Python's, followed, asked about another word, sent by address."""

from __future__ import annotations

from typing import Any

import pytest
from browsing import PROMPT, Lab, Visit

import workings

TABLE = "blocks.1.mlp.post"
SLOPES = ".grid-bar .toggle button >> nth=1"


def to_slopes(visit: Visit, place: str = f"{TABLE}[13, 3]") -> None:
    visit.go(place)
    visit.page.click(SLOPES)
    shown(visit, f"gradient.{place}")


def shown(visit: Visit, address: str) -> None:
    """Wait until this number is explained and stands in the grid."""
    visit.wait("a => document.querySelector('.workings-body .address')?.innerText === a", address)
    visit.settled()
    visit.wait("!document.querySelector('td.cursor').innerText.includes('…')")


def ask(visit: Visit, nth: int, text: str) -> None:
    field = visit.page.locator(".slopes-of .word-field").nth(nth)
    field.fill(text)
    field.press("Enter")
    said = "score of “{}”" if nth == 0 else "less that of “{}”"
    visit.wait("said => document.querySelector('.workings-body').innerText.includes(said)", said.format(text))
    visit.settled()


def slope(visit: Visit, token: str | None, against: str | None, index: tuple[int, ...], table: str = TABLE) -> float:
    trace = workings.trace_gradient(visit.lab.model, PROMPT, token, against)
    return float(trace[f"gradient.{table}"][index])


def test_numbers_and_slopes_are_switched_at_the_same_cell(visit: Visit) -> None:
    to_slopes(visit)
    assert visit.value() == pytest.approx(slope(visit, None, None, (13, 3)), rel=1e-4)
    assert float(visit.cursor().replace("−", "-")) == pytest.approx(slope(visit, None, None, (13, 3)), abs=1e-3)
    assert "straight line" in visit.page.locator(".grid-bar .sentence").inner_text()
    assert "gradient.mlp_out" in visit.page.locator(".formula-bar").inner_text()
    assert visit.page.locator(SLOPES).get_attribute("aria-pressed") == "true"
    visit.page.click(".grid-bar .toggle button:text-is('Numbers')")
    shown(visit, f"{TABLE}[13, 3]")
    assert not visit.page.locator(".slopes-of").is_visible()


def test_another_word_gives_other_slopes(visit: Visit) -> None:
    to_slopes(visit)
    ask(visit, 0, "phone")
    assert visit.value() == pytest.approx(slope(visit, " phone", None, (13, 3)), rel=1e-4)
    ask(visit, 1, "lightsaber")
    assert visit.value() == pytest.approx(slope(visit, " phone", " lightsaber", (13, 3)), rel=1e-4)
    assert float(visit.cursor().replace("−", "-")) == pytest.approx(visit.value(), abs=1e-3)
    assert visit.page.locator(SLOPES).inner_text() == "Slopes of “phone”"


def test_a_word_that_is_none_is_said_to_be_none_and_the_page_goes_on(visit: Visit) -> None:
    to_slopes(visit)
    field = visit.page.locator(".slopes-of .word-field").first
    field.fill("xylophonist")
    field.press("Enter")
    visit.wait("document.querySelector('.trouble')?.innerText.includes('is not one token')")
    ask(visit, 0, "phone")
    assert visit.value() == pytest.approx(slope(visit, " phone", None, (13, 3)), rel=1e-4)


def test_a_slope_is_followed_to_slopes_and_to_numbers(visit: Visit) -> None:
    to_slopes(visit, "blocks.1.mlp.pre[13, 3]")
    links = visit.words(".workings-body .links .link")
    to = next(link for link in links if link.startswith("gradient.blocks.1.mlp.post"))
    number = next(link for link in links if link.startswith("blocks.1.mlp.pre"))
    visit.page.click(f".workings-body .links .link:text-is('{to}')")
    shown(visit, to)
    assert visit.value() == pytest.approx(slope(visit, None, None, (13, 3)), rel=1e-4)
    visit.page.go_back()
    shown(visit, "gradient.blocks.1.mlp.pre[13, 3]")
    visit.page.click(f".workings-body .links .link:text-is('{number}')")
    shown(visit, number)


def test_the_address_bar_carries_slopes_and_their_words_into_another_visit(
    browser: Any, lab: Lab, visit: Visit
) -> None:
    to_slopes(visit, "blocks.2.attn.pattern[0, 13, 8]")
    ask(visit, 0, "phone")
    ask(visit, 1, "lightsaber")
    other = Visit(browser, lab).open(visit.hash())
    shown(other, "gradient.blocks.2.attn.pattern[0, 13, 8]")
    assert other.value() == visit.value()
    assert other.value() == pytest.approx(
        slope(visit, " phone", " lightsaber", (0, 13, 8), "blocks.2.attn.pattern"), rel=1e-4
    )
    other.close()


def test_slopes_follow_an_edit_and_a_new_sentence(visit: Visit) -> None:
    visit.go("blocks.0.mlp_out[8, 3]")
    visit.edit("5")
    visit.go(f"gradient.{TABLE}[13, 3]")
    visit.settled()
    edited = visit.lab.model.trace(PROMPT).edit("blocks.0.mlp_out", (8, 3), value=5.0)
    expected = workings.trace_gradient(visit.lab.model, edited)[f"gradient.{TABLE}"][13, 3]
    assert visit.value() == pytest.approx(float(expected), rel=1e-4)
    visit.page.keyboard.press("Control+z")
    visit.type_sentence("If today is Tuesday, tomorrow is")
    visit.go(f"gradient.{TABLE}[6, 3]")
    visit.settled()
    expected = workings.trace_gradient(visit.lab.model, "If today is Tuesday, tomorrow is")[f"gradient.{TABLE}"][6, 3]
    assert visit.value() == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize("way", ["F2", "7", "double click"])
def test_a_slope_cannot_be_typed_over_and_the_page_says_why(visit: Visit, way: str) -> None:
    to_slopes(visit)
    hint = visit.page.locator(".hint")
    assert "It cannot be typed over: press “Numbers”" in hint.inner_text() and "type another" not in hint.inner_text()
    visit.page.focus("regular-table")
    if way == "double click":
        visit.page.locator("td.cursor").dblclick()
    else:
        visit.page.keyboard.press(way)
    visit.wait("document.querySelector('.trouble')?.innerText.includes('A slope follows from the numbers')")
    assert visit.page.locator(".editor").count() == 0
    visit.page.click(".grid-bar .toggle button:text-is('Numbers')")
    visit.wait("!document.querySelector('.trouble')?.innerText")
    assert "type another and press Enter" in hint.inner_text()


def test_what_a_slope_is_used_by_is_followed_to_the_slopes_of_the_same_row(visit: Visit) -> None:
    to_slopes(visit)
    used_by = visit.page.locator(".workings-body section", has=visit.page.locator("h4:text-is('Used by')"))
    assert used_by.locator("button").all_inner_texts() == ["gradient.blocks.1.mlp.pre"]
    used_by.locator("button").click()
    shown(visit, "gradient.blocks.1.mlp.pre[13, 3]")
    expected = slope(visit, None, None, (13, 3), "blocks.1.mlp.pre")
    assert visit.value() == pytest.approx(expected, rel=1e-4)


def test_a_table_without_slopes_offers_none_and_the_name_box_says_so(visit: Visit) -> None:
    visit.go("probabilities[13, 0]")
    visit.wait("document.querySelector('.grid-bar .toggle').hidden")
    box = visit.page.locator(".name-box")
    box.fill("gradient.probabilities[13, 0]")
    box.press("Enter")
    visit.wait("document.querySelector('.trouble')?.innerText.includes('There are no slopes of probabilities')")


def test_slopes_are_found_by_search(visit: Visit) -> None:
    visit.page.keyboard.press("Control+k")
    visit.page.keyboard.type("slopes 1.mlp.post")
    visit.page.click(f"[data-name='gradient.{TABLE}']")
    visit.wait("document.querySelector('.workings-body .address')?.innerText.startsWith('gradient.blocks.1.mlp.post')")


def test_where_it_comes_from_leads_to_the_slopes_of_its_score(visit: Visit) -> None:
    visit.show("reasons")
    visit.page.wait_for_selector(".waterfall .sum")
    visit.page.click("text=See the slopes of this score")
    visit.wait("document.querySelector('.workings-body .address')?.innerText.startsWith('gradient.')")
    assert "“lightsaber”" in visit.page.locator(SLOPES).inner_text()


def test_a_chip_goes_to_its_row_and_leaves_the_score_alone(visit: Visit) -> None:
    to_slopes(visit)
    visit.page.locator(".chip").nth(8).click()
    shown(visit, f"gradient.{TABLE}[8, 3]")
    assert visit.value() == pytest.approx(slope(visit, None, None, (8, 3)), rel=1e-4)
