"""What the tests of the administration screens share: the box that they look at, its screens, what *whole* means."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page, expect

from tests.peers.process import free_port
from tests.system.world import Box, Sandbox
from tests.system.world import Page as Client
from tests.web.house import House

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
required = false
[[trigger]]
name = "reader"
driver = "serial_text"
source = "us1"
[trigger.options]
port = "{os.ttyname(theirs)}"
"""


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


WIDE = """e => [...e.querySelectorAll('#admin-scroll, .admin-menu')]
    .filter(x => x.scrollWidth > x.clientWidth).map(x => x.className)"""
SMALL_TARGETS = """e => [...e.querySelectorAll('a, button, summary, select, textarea, input')]
    .filter(x => !['hidden', 'radio', 'checkbox'].includes(x.type))
    .map(x => [x.outerHTML.slice(0, 120), x.getBoundingClientRect()])
    .filter(([_, r]) => r.width && (r.height < 43.5 || r.width < 43.5))
    .map(([h, r]) => `${h} ${r.width}x${r.height}`)"""


def whole(page: Page) -> None:
    """Nothing runs out of the side, nothing to press is too small, nothing was complained about."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("main").evaluate(WIDE) == []
    assert page.locator("main").evaluate(SMALL_TARGETS) == []
    assert page.troubles == []  # type: ignore[attr-defined]


@contextmanager
def seated(home: House, client: Client, language: str = "uk", **options: Any) -> Iterator[Page]:
    with home.seat("administrator", language, client=client, **options) as page:
        yield page
        assert page.troubles == []  # type: ignore[attr-defined]


def ready(page: Page, address: str) -> None:
    page.goto(address, wait_until="domcontentloaded")
    expect(page.locator("html")).to_have_attribute("data-ready", "1")
