"""A browser that looks at a real box: Debian's Chromium driven by Playwright, on the box's own HTTPS page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
SMALL, LARGE = (1024, 600), (1920, 1080)
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
QUIET_S = 1.2
"""A page renews nothing within a second of a touch."""


def chromium() -> str:
    """Return the path of the browser; empty: there is none here."""
    return shutil.which(os.environ.get("CHROMIUM", "chromium")) or ""


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run one headless browser for the length of the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def screen(browser: Browser, address: str, size: tuple[int, int] = SMALL, **options: Any) -> Iterator[Page]:
    """Open a screen of `size` pixels on the box at `address`, with a touch panel."""
    context = browser.new_context(
        base_url=address,
        ignore_https_errors=True,
        viewport={"width": size[0], "height": size[1]},
        has_touch=True,
        locale="en-GB",
        **options,
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.troubles = []  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.troubles.append(str(error)))  # type: ignore[attr-defined]
    page.on("console", lambda m: page.troubles.append(m.text) if m.type == "error" else None)  # type: ignore[attr-defined]
    try:
        yield page
    finally:
        context.close()


def shoot(page: Page, name: str) -> Path:
    """Keep what the screen shows now as an artefact of the tests."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    size = page.viewport_size or {"width": 0, "height": 0}
    file = SCREENSHOTS / f"{name}-{size['width']}x{size['height']}.png"
    page.screenshot(path=file)
    return file


def contexts(page: Page) -> BrowserContext:
    return page.context
