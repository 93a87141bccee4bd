"""An edit that leaves no numbers: every screen says so in words, and none shows a token as if the model had said it."""

from __future__ import annotations

from browsing import PROMPT, Visit

SAID = "No token is the likeliest here: an edit made these numbers overflow, or no numbers at all."


def test_where_an_edit_leaves_no_numbers_every_screen_says_so(visit: Visit) -> None:
    visit.go(f"blocks.1.ln1.scale[{len(visit.lab.model.trace(PROMPT)) - 1}, 0]")
    visit.edit("0")
    assert visit.words(".next .note") == [SAID]
    assert visit.next_tokens() == []
    assert "Without your edits" in visit.page.locator(".legend").inner_text()
    visit.show("lens")
    visit.page.wait_for_selector(".lens-detail .note")
    visit.settled()
    assert visit.words(".lens-detail .note") == [SAID]
    assert visit.words(".lens tbody tr:nth-child(2) td:last-child") == ["not a number"]
    assert "endoftext" not in visit.page.locator(".lens-view").inner_text()
    visit.show("compare")
    visit.page.wait_for_selector(".written dd.note")
    assert visit.words(".written dd.note") == [SAID]
    assert set(visit.words(".compared tbody td:last-child")) == {"–"}
    visit.show("features")
    visit.page.click(".features .toggle button:last-child")
    visit.page.click(".feature-list li:nth-child(2) button")
    visit.page.wait_for_selector(".fired button")
    assert visit.words(".fired button")[-1].endswith("no number")
    assert "nowhere" not in visit.page.locator(".fired-line h3").inner_text()
    visit.page.click(".features .toggle button:first-child")
    visit.wait(
        "document.querySelector('.features-left [role=status]').innerText.startsWith('Not everything that fires here')"
    )
    visit.show("attention")
    visit.page.wait_for_selector(".told b")
    visit.settled()
    told = visit.words(".told")[0]
    assert told == "Where her looks cannot be told: an edit made its shares overflow, or no numbers at all."
    assert visit.complaints == []
