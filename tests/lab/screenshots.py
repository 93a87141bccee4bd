"""Pictures of the lab's main views, for people to look at and for the README: `make screenshots`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from browsing import Lab, Visit, a_browser, a_lab

FOLDER = Path("build/screenshots")


def take(browser: Any, lab: Lab, folder: Path = FOLDER) -> list[Path]:
    """Every main view, in light and dark, and at the narrowest and widest sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    taken: list[Path] = []

    def picture(visit: Visit, name: str) -> None:
        visit.page.wait_for_timeout(500)
        taken.append(folder / f"{name}.png")
        visit.page.screenshot(path=taken[-1])

    for scheme in ("light", "dark"):
        visit = Visit(browser, lab, color_scheme=scheme).open()
        for screen in ("lens", "attention", "reasons", "patching", "numbers"):
            visit.show(screen)
            picture(visit, f"{screen}-{scheme}")
        visit.show("attention")
        visit.page.click("[role=tab]:text-is('What heads do')")
        picture(visit, f"habits-{scheme}")
        visit.go("gradient.blocks.2.attn.pattern[0, 13, 8]")
        picture(visit, f"slopes-{scheme}")
        visit.go("blocks.2.attn.z[0, 13, 8]")
        visit.page.click("text=Knock out …")
        picture(visit, f"knocking-{scheme}")
        visit.page.keyboard.press("Escape")
        visit.show("lens")
        visit.page.select_option(".lens-view select", "tuned")
        visit.switch(".lens-view input[type=checkbox]")
        visit.page.fill(".lens-view .word-field", "lightsaber")
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_selector(".lens-detail .stands")
        picture(visit, f"tuned-{scheme}")
        visit.go("blocks.2.attn.pattern[0, 13, 8]")
        visit.page.keyboard.press("F2")
        visit.page.fill(".editor", "0")
        picture(visit, f"typing-{scheme}")
        visit.page.keyboard.press("Enter")
        visit.settled()
        picture(visit, f"edited-{scheme}")
        visit.go("blocks.3.resid_post[13, 0]")
        picture(visit, f"changed-{scheme}")
        visit.page.locator(".chip").nth(8).hover()
        picture(visit, f"token-{scheme}")
        visit.page.keyboard.press("Control+k")
        visit.page.keyboard.type("mlp")
        picture(visit, f"search-{scheme}")
        visit.page.keyboard.press("Escape")
        visit.page.click("text=Export")
        picture(visit, f"export-{scheme}")
        visit.close()
        visit = Visit(browser, lab, color_scheme=scheme).open()
        visit.type_sentence("The student picked up his")
        visit.show("features")
        visit.page.wait_for_selector(".feature-card h3")
        picture(visit, f"features-{scheme}")
        visit.page.fill(".features-left input", "jedi")
        visit.page.click(".feature-list button[data-feature='577']")
        visit.page.fill(".push .field", "14")
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_selector(".edits li")
        visit.page.wait_for_timeout(800)
        picture(visit, f"steered-{scheme}")
        visit.show("compare")
        visit.page.wait_for_timeout(500)
        picture(visit, f"compare-{scheme}")
        visit.close()
    for width, height in ((900, 700), (3840, 2160)):
        visit = Visit(browser, lab, width, height).open()
        for screen in ("lens", "attention", "reasons", "patching", "features", "compare", "numbers"):
            visit.show(screen)
            picture(visit, f"{screen}-{width}")
        visit.close()
    return taken


if __name__ == "__main__":
    with a_browser() as browser, a_lab() as lab:
        for path in take(browser, lab, Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER):
            print(path)
