"""What stands beside an edit is what the model says without it and with it: numbers that are its own, and the tokens that it read."""

from __future__ import annotations

from browsing import Visit


def percent(share: float) -> str:
    return "> 99.9%" if 0.9995 < share < 1 else "< 0.1%" if 0 < share < 0.0005 else f"{share:.1%}"


def test_a_bar_has_the_share_before_of_a_token_that_was_not_among_the_likeliest(visit: Visit) -> None:
    visit.type_sentence("Mike is a")
    shares = visit.lab.model.trace("Mike is a")["probabilities"][-1]
    unlikely = int((-shares).argsort()[12])
    visit.go(f"logits[2, {unlikely}]")
    visit.edit("20")
    bar = visit.page.locator(".next-bars .bar").first
    assert f", before {percent(shares[unlikely])}: see" in str(bar.get_attribute("aria-label"))
    width = bar.locator(".ghost").evaluate("ghost => ghost.style.width")
    assert abs(float(width.rstrip("%")) - 100 * shares[unlikely]) < 0.01
