"""One browser for all of these tests and one house for each module; figures that were measured are told at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.system.world import Page as Client
from tests.web.browser import SCREENSHOTS, chromium, running_browser
from tests.web.house import House, house

_FIGURES = SCREENSHOTS / "figures.json"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; it ends with these tests, because Playwright keeps this thread's event loop."""
    if not chromium():
        pytest.fail("no chromium on this machine")
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


@pytest.fixture(scope="module")
def administrator(shared: House) -> Client:
    """One login for all tests of a module: tries at the door are counted."""
    return shared.box.person("administrator", "Оксана Адміністратор", screen=True)


@pytest.fixture
def figure() -> Callable[[str, float], None]:
    """Note a figure beside the screenshots: what, and how much."""

    def note(what: str, value: float) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        _FIGURES.write_text(json.dumps({**_figures(), what: value}, indent=1))

    return note


def _figures() -> dict[str, float]:
    return dict(json.loads(_FIGURES.read_text())) if _FIGURES.exists() else {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that were measured last."""
    if figures := _figures():
        terminalreporter.section("figures of the screens")
        for what, value in figures.items():
            terminalreporter.write_line(f"{what}: {value:g}")
