"""Roles, labels and contrast, held against axe: nothing serious in any view, light or dark."""

from __future__ import annotations

from typing import Any

import pytest
from browsing import AXE, Lab, Visit, missing


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(
    "view",
    "lens tuned attention knocking habits reasons patching paths features steered compare numbers slopes edited search export".split(),
)
def test_axe_finds_nothing_serious(browser: Any, lab: Lab, view: str, dark: bool) -> None:
    if not AXE.is_file():
        missing("axe-core is not installed (make page installs it)")
    visit = Visit(browser, lab, color_scheme="dark" if dark else "light", bypass_csp=True).open()
    page = visit.page
    if view in ("lens", "attention", "reasons", "patching", "numbers"):
        visit.show(view)
    elif view == "paths":
        visit.show("patching")
        page.select_option("[aria-label='What is taken over']", "paths")
        page.select_option("[aria-label='Who is told']", "q")
        page.wait_for_selector(".patch-detail h3:has-text('told directly to head')")
    elif view == "tuned":
        page.select_option(".lens-view select", "tuned")
        visit.switch(".lens-view input[type=checkbox]")
        page.fill(".lens-view .word-field", "lightsaber")
        page.keyboard.press("Enter")
        page.wait_for_selector(".lens-detail .stands")
    elif view in ("features", "steered", "compare"):
        visit.show("features")
        page.wait_for_selector(".feature-card h3")
        if view != "features":
            page.focus(".strength")
            page.keyboard.press("PageUp")
            page.wait_for_selector(".edits li")
        if view == "compare":
            visit.show("compare")
    elif view == "habits":
        visit.show("attention")
        page.click("[role=tab]:text-is('What heads do')")
        page.wait_for_selector(".kinds td button")
        page.wait_for_selector(".looks button")
    elif view == "slopes":
        visit.go("gradient.blocks.1.attn.pattern[0, 13, 8]")
    elif view == "knocking":
        visit.go("blocks.1.attn.z[0, 13, 8]")
        page.click("text=Knock out …")
        page.select_option("[aria-label='By what']", "other")
    elif view == "edited":
        visit.go("blocks.1.attn.pattern[0, 13, 8]")
        visit.edit("0.25")
        page.wait_for_selector("td.edited")
    elif view == "search":
        page.keyboard.press("Control+k")
        page.keyboard.type("mlp")
    else:
        page.click("text=Export")
    visit.settled()
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(told => told.violations)")
    serious = [
        f"{one['id']}: {one['help']}\n  "
        + "\n  ".join(node["html"][:160] + " " + node.get("failureSummary", "")[:200] for node in one["nodes"][:4])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    visit.close()
    assert not serious, "\n".join(serious)
