"""One browser for all of these tests and one house for each module; figures that were measured are told at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.web.browser import SCREENSHOTS, running_browser
from tests.web.house import House, house

_FIGURES: dict[str, float] = {}


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; it ends with these tests, because Playwright keeps this thread's event loop."""
    with running_browser() as running:
        yield running


@pytest.fixture(scope="module")
def shared(
    request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """The house of a module, as its `HOUSE` says."""
    asked = getattr(request.module, "HOUSE", {})
    with house(browser, tmp_path_factory.mktemp("house"), **asked) as running:
        yield running


@pytest.fixture
def home(shared: House) -> Iterator[House]:
    """The shared house with nobody on the table, before and after."""
    shared.close()
    yield shared
    shared.sandbox.faults()
    shared.close()


@pytest.fixture
def figure() -> Callable[[str, float], None]:
    """Note a figure: what, and how much."""

    def note(what: str, value: float) -> None:
        _FIGURES[what] = value

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures and leave them beside the screenshots."""
    if not _FIGURES:
        return
    terminalreporter.section("figures of the screens")
    for what, value in _FIGURES.items():
        terminalreporter.write_line(f"{what}: {value:g}")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    (SCREENSHOTS / "figures.json").write_text(json.dumps(_FIGURES, indent=1))
