"""The administration screens in a browser, over the real service: every screen, every button, who is refused."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from agent.web.pages.admin import PAGES
from tests.peers.process import free_port
from tests.system.world import PASSWORD, Box, Sandbox, wait_for
from tests.system.world import Page as Client
from tests.web.browser import LARGE, SMALL, shoot
from tests.web.house import House, house

pytestmark = pytest.mark.timeout(180)
READER_ENDS: dict[str, int] = {}


def more(sandbox: Sandbox) -> str:
    """An archive for tests, one that nobody is, and a reader whose other end the test holds."""
    pacs = sandbox.description["pacs"]
    ours, theirs = os.openpty()
    READER_ENDS["reader"] = ours
    return f"""
[[destination]]
name = "bench"
host = "{pacs["host"]}"
port = {pacs["port"]}
called_ae_title = "{pacs["called_ae_title"]}"
test = true
[[destination]]
name = "nobody"
host = "127.0.0.1"
port = {free_port()}
called_ae_title = "NOBODY"
test = true
[[trigger]]
name = "reader"
driver = "serial_text"
source = "us1"
[trigger.options]
port = "{os.ttyname(theirs)}"
"""


@pytest.fixture(scope="module")
def home(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(browser, tmp_path_factory.mktemp("admin"), more=more) as found:
        yield found


@pytest.fixture(scope="module")
def administrator(home: House) -> Client:
    """One login for all of these tests: tries at the door are counted."""
    return home.box.person("administrator", "Оксана Адміністратор", screen=True)


@pytest.fixture(scope="module")
def wanted(home: House) -> dict[str, str]:
    return places(home.box)


def user_id(box: Box, name: str) -> str:
    return str(next(u["user_id"] for u in box.get("/users") if u["name"] == name))


def places(box: Box) -> dict[str, str]:
    """Every screen of administration that shows without an act before it: name → address."""
    box.person("technician", "Олена Коваль")
    box.person("technician", "Галина Бондаренко", pin="483951")
    box.screen("us1", "Планшет, кабінет 12")
    screen = next(s["screen_id"] for s in box.get("/screens") if s["name"].startswith("Планшет"))
    return {
        "overview": "/admin",
        "connections": "/admin/connections",
        "sources": "/admin/sources",
        "source": "/admin/sources/us1",
        "input": "/admin/inputs/reader",
        "certificates": "/admin/certificates",
        "certificate": "/admin/certificates/peers",
        "people": "/admin/people",
        "person": f"/admin/people/{user_id(box, 'Галина Бондаренко')}",
        "person-new": "/admin/people/new",
        "screens": "/admin/screens",
        "screen": f"/admin/screens/{screen}",
        "programs": "/admin/programs",
        "configuration": "/admin/configuration",
        "configuration-edit": "/admin/configuration/edit",
        "logs": "/admin/logs",
        "audit": "/admin/audit",
    }


def whole(page: Page) -> None:
    """Nothing runs out of the side, nothing to press is too small, nothing was complained about."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    wide = "e => [...e.querySelectorAll('#admin-scroll, .admin-menu')].filter(x => x.scrollWidth > x.clientWidth).map(x => x.className)"
    assert page.locator("main").evaluate(wide) == []
    small = """e => [...e.querySelectorAll('a, button, summary, input:not([type=hidden]):not([type=radio]):not([type=checkbox]), select')]
        .map(x => [x.outerHTML.slice(0, 120), x.getBoundingClientRect()])
        .filter(([_, r]) => r.width && (r.height < 43.5 || r.width < 43.5)).map(([h, r]) => `${h} ${r.width}x${r.height}`)"""
    assert page.locator("main").evaluate(small) == []
    assert page.troubles == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=lambda size: str(size[0]))
@pytest.mark.parametrize("language", ["uk", "en"])
def test_every_screen_is_whole(
    home: House, administrator: Client, wanted: dict[str, str], language: str, size: tuple[int, int]
) -> None:
    with home.seat("administrator", language, size, client=administrator) as page:
        for name, address in wanted.items():
            page.goto(address, wait_until="domcontentloaded")
            expect(page.locator("html")).to_have_attribute("data-page", f"admin-{name}")
            expect(page.locator("html")).to_have_attribute("data-ready", "1")
            if name == "source":
                page.wait_for_function("document.getElementById('picture').hasAttribute('data-frame')")
            shoot(page, f"admin-{name}-{language}")
            whole(page)

