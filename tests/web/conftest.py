"""Fixtures of the browser tests: one browser for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.web import browser as of


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; without it these tests cannot be run."""
    if not of.chromium():
        pytest.skip("no chromium on this machine")
    with of.running_browser() as running:
        yield running
