"""A browser and the real server for tests of the lab's page. Debian's Chromium drives it; nothing is fetched from elsewhere."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import workings
from workings.lab import static

ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PROMPT = "Mike is a chef. Anna is a Jedi. She picked up her"
STUDENT = "The student picked up his"
TOKEN = "a-token-for-tests-of-the-page"
LATE = float(os.environ.get("LAB_LATE", "0"))  # seconds: see `belated`
SLOW = float(os.environ.get("LAB_SLOW", "1"))  # how many times slower the browser works
DAWDLE = float(os.environ.get("LAB_DAWDLE", "0"))  # seconds: see `dawdling`
FRONTEND = Path(static.__file__).parent / "frontend"
AXE = FRONTEND / "node_modules/axe-core/axe.min.js"


def missing(what: str) -> None:
    """Skip for want of something; where CI is set, fail."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} (CI is set, so this must be there)")
    pytest.skip(what)


def chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    missing("the tests of the page need Chromium (Debian: apt install chromium)")
    raise AssertionError


@dataclass
class Lab:
    """A lab that runs in this process: where it is, and the model that it shows."""

    model: Any
    port: int
    token: str = TOKEN
    app: Any = None
    server: Any = None
    thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    def start(self) -> None:
        import uvicorn

        from workings.lab.server import make_app

        self.app = self.app or make_app(self.model, self.port, self.token)
        app = belated(self.app, LATE) if LATE else self.app
        settings = uvicorn.Config(app, port=self.port, log_level="warning", timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(settings)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until(lambda: self.server.started, "the lab starts")

    def stop(self) -> None:
        assert self.thread is not None
        self.server.should_exit = True
        self.thread.join(timeout=10)


def until(holds: Any, what: str, seconds: float = 60.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited {seconds} s in vain until {what}"
        time.sleep(0.02)


def belated(app: Any, most: float) -> Any:
    """An app whose every answer, and every piece of one, comes late, by chance up to `most` seconds: to find tests that race."""

    async def late(scope: Any, receive: Any, send: Any) -> None:
        async def send_late(message: Any) -> None:
            await asyncio.sleep(random.random() * most)
            await send(message)

        await app(scope, receive, send_late if scope["type"] == "http" else send)

    return late


def dawdling(most: float) -> None:
    """Have a test hesitate, by chance up to `most` seconds, before one in three of all that it does: the lab is done before it looks."""
    from playwright._impl._sync_base import SyncBase

    prompt = SyncBase._sync

    def dawdled(self: Any, awaitable: Any) -> Any:
        if random.random() < 1 / 3:
            time.sleep(random.random() * most)
        return prompt(self, awaitable)

    SyncBase._sync = dawdled


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def a_lab(model: Any = "storybook") -> Iterator[Lab]:
    if not (static.PAGE / "index.html").is_file():
        missing("the page is not built (make page builds it)")
    lab = Lab(workings.load(model) if isinstance(model, str) else model, free_port())
    lab.start()
    try:
        yield lab
    finally:
        lab.stop()


@contextmanager
def a_browser() -> Iterator[Any]:
    path = chromium()
    api = (
        pytest.importorskip("playwright.sync_api")
        if not os.environ.get("CI")
        else __import__("playwright.sync_api", fromlist=["x"])
    )
    with api.sync_playwright() as playwright:
        if DAWDLE:
            dawdling(DAWDLE)
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


class Visit:
    """One person's visit to the lab, in words of what they see and do."""

    def __init__(self, browser: Any, lab: Lab, width: int = 1440, height: int = 900, **context: Any) -> None:
        self.lab = lab
        self.context = browser.new_context(viewport={"width": width, "height": height}, **context)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.context.set_default_timeout(60_000)
        self.page = self.context.new_page()
        if SLOW > 1:
            self.context.new_cdp_session(self.page).send("Emulation.setCPUThrottlingRate", {"rate": SLOW})
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def open(self, hash: str = "", ready: str = ".workings-body .value") -> Visit:
        self.page.goto(self.lab.address)
        self.page.wait_for_url(lambda address: "token=" not in address)
        if hash:
            self.page.goto("about:blank")  # the page that is left would write its own address over this one
            self.page.goto(f"http://127.0.0.1:{self.lab.port}/{hash}")
        self.page.wait_for_selector(ready)
        return self

    def close(self) -> None:
        self.context.close()

    def wait(self, script: str, given: Any = None) -> None:
        """Wait until a script says true; what is not on the page yet is not true yet.

        (Playwright's own waiting makes code from text, which the page's policy forbids.)
        """

        def holds() -> bool:
            try:
                return bool(self.page.evaluate(script, given))
            except Exception as error:
                if "properties of null" in str(error):  # a screen is being drawn anew
                    return False
                raise

        until(holds, script)

    # What is seen, once the newest answers are shown

    def words(self, selector: str) -> list[str]:
        self.settled()
        return [text.strip() for text in self.page.locator(selector).all_inner_texts()]

    def next_tokens(self) -> list[tuple[str, str]]:
        """Words and shares of the next-token bars."""
        return list(zip(self.words(".next-bars .word"), self.words(".next-bars .bar .number"), strict=True))

    def address(self) -> str:
        self.settled()
        return str(self.page.locator(".workings-body .address").inner_text())

    def value(self) -> float:
        self.settled()
        return float(self.page.locator(".workings-body .value").inner_text().replace("−", "-"))

    def cursor(self) -> str:
        self.settled()
        return str(self.page.locator("td.cursor").inner_text())

    def hash(self) -> str:
        """What the address bar carries, once it is written: a moment after the last change."""
        self.settled()
        return str(self.page.evaluate("location.hash"))

    # What is done

    def show(self, screen: str) -> None:
        self.page.click(f"[data-screen={screen}]")

    def go(self, address: str) -> None:
        """Type an address into the name box."""
        if not self.page.locator(".name-box").is_visible():
            self.show("numbers")
        box = self.page.locator(".name-box")
        box.fill(address)
        box.press("Enter")
        self.settled()
        wanted = address if "[" in address else f"{address}["
        self.wait("a => document.querySelector('.workings-body .address')?.innerText.startsWith(a)", wanted)
        self.page.wait_for_selector("td.cursor")

    def type_sentence(self, text: str) -> None:
        self.page.fill(".sentence-box", text)
        self.settled()

    def settled(self) -> None:
        """Wait until the newest answers are shown and nothing more is about to be asked."""
        self.wait("!('underway' in document.documentElement.dataset)")

    def switch(self, selector: str, on: bool = True) -> None:
        """Switch a checkbox on or off, by a click; what comes of it may draw it anew."""
        self.settled()
        assert self.page.is_checked(selector) != on, f"{selector} is so already"
        self.page.click(selector)
        self.settled()
        assert self.page.is_checked(selector) == on

    def load(self, content: bytes, name: str = "edits.json") -> None:
        """Hand the page a file of edits."""
        given = {"name": name, "mimeType": "application/json", "buffer": content}
        self.page.set_input_files("input[type=file]", given)

    def copy(self) -> str:
        """Copy what is chosen, and say what the clipboard then holds."""
        self.page.evaluate("navigator.clipboard.writeText('')")
        self.page.keyboard.press("Control+c")
        self.wait("navigator.clipboard.readText()")
        return str(self.page.evaluate("navigator.clipboard.readText()"))

    def edit(self, text: str) -> None:
        """Type into the cell of the cursor."""
        self.page.keyboard.press("F2")
        self.page.fill(".editor", text)
        self.page.keyboard.press("Enter")
        self.settled()
