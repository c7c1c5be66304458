"""Fixtures of the browser tests: one browser for all of them, one box for a module of administration."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.peers.process import free_port
from tests.system.world import Page as Client
from tests.web import browser as of
from tests.web.admin import more
from tests.web.house import House, house


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; without it these tests cannot be run."""
    if not of.chromium():
        pytest.skip("no chromium on this machine")
    with of.running_browser() as running:
        yield running


@pytest.fixture(scope="module")
def home(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(browser, tmp_path_factory.mktemp("admin"), more=more, port=free_port()) as found:
        yield found


@pytest.fixture(scope="module")
def administrator(home: House) -> Client:
    """One login for all of these tests: tries at the door are counted."""
    return home.box.person("administrator", "Оксана Адміністратор", screen=True)
