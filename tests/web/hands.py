"""What a technician's hands do at a screen, counted: taps, keys, and the scanner that types like a keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import time

from playwright.sync_api import Locator, Page

_HUMAN_MS = 90
"""Slower than any reader: nothing that a person types is taken for a scan."""
_READER_S = 0.004
READY = "html[data-ready='1']"


class Hands:
    """At one screen."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.taps = self.keys = self.scans = 0

    def at(self, where: str) -> Locator:
        return self.page.locator(where)

    def go(self, path: str) -> None:
        """Open an address, and wait until its scripts listen."""
        self.page.goto(path)
        self.ready()

    def ready(self) -> None:
        self.page.wait_for_selector(READY, state="attached")

    def is_on(self, name: str) -> None:
        """Wait until the screen of this name is there."""
        self.page.wait_for_selector(f"html[data-page='{name}'][data-ready='1']", state="attached")

    def tap(self, where: str) -> None:
        self.at(where).first.tap()
        self.taps += 1

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.keys += 1

    def type(self, text: str) -> None:
        self.page.keyboard.type(text, delay=_HUMAN_MS)
        self.keys += len(text)

    def scan(self, text: str) -> None:
        """Hold a wristband under a reader that is a keyboard to the browser, in the reader's own rhythm."""
        session, now = self.page.context.new_cdp_session(self.page), time()
        for number, letter in enumerate([*text, "Enter"]):
            at = {"key": letter, "timestamp": now + number * _READER_S}
            if letter == "Enter":
                at |= {"code": "Enter", "windowsVirtualKeyCode": 13}
            typed = "\r" if letter == "Enter" else letter
            session.send("Input.dispatchKeyEvent", {"type": "keyDown", "text": typed, **at})
            session.send("Input.dispatchKeyEvent", {"type": "keyUp", **at})
        session.detach()
        self.scans += 1

    def tab_to(self, where: str, most: int = 80) -> None:
        """Walk with Tab alone until the focus is on what `where` says."""
        for _ in range(most):
            if self.page.evaluate("where => document.activeElement && document.activeElement.matches(where)", where):
                return
            self.press("Tab")
        raise AssertionError(f"{where} cannot be reached with Tab on {self.page.url}")

    def row(self, surname: str) -> str:
        """Where the row of the first patient of that name is."""
        return f"#rows a.row:has(.name:has-text('{surname}'))"

    @contextmanager
    def finger_on(self, where: str) -> Iterator[None]:
        """Lay a finger on something, and lift it at the end of the block."""
        session = self.page.context.new_cdp_session(self.page)
        box = self.at(where).first.bounding_box()
        assert box is not None
        point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
        try:
            yield
        finally:
            session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
            session.detach()
