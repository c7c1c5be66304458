"""The administration screens in a browser, over the real service: how each looks, and who is refused."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from agent.web.pages.admin import PAGES
from agent.web.pages.page import Page as Row
from tests.peers.process import free_port
from tests.system.world import PASSWORD, Answered
from tests.system.world import Page as Client
from tests.web.admin import more, places, whole
from tests.web.browser import LARGE, SMALL, shoot
from tests.web.house import House

pytestmark = [pytest.mark.web, pytest.mark.timeout(180)]
HOUSE = {"more": more, "port": free_port()}


@pytest.fixture(scope="module")
def wanted(shared: House) -> dict[str, str]:
    return places(shared.box)


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
                expect(page.locator("#picture[data-frame]")).to_be_visible()
            shoot(page, f"admin-{name}-{language}")
            whole(page)



# --- who is let in ---------------------------------------------------------------------------------------------


def asked_as(client: Client, row: Row) -> Answered:
    path = re.sub(r"{\w+}", "nothing-of-that-name", row.path)
    return client.get(path) if row.method == "GET" else client.post_form(path)


def test_a_technician_gets_no_page_of_administration(home: House) -> None:
    technician = home.box.person("technician", "Олена Коваль")
    nobody = home.box.page()
    for row in PAGES:
        assert asked_as(technician, row).status == 403, row.path
        asked = asked_as(nobody, row)
        assert asked.status == (303 if row.method == "GET" else 401), row.path
        if row.method == "GET":
            assert (asked.headers["location"] or "").startswith("/login?next="), row.path
    assert "/admin" not in technician.get("/").text


def test_a_service_engineer_tests_and_never_configures_or_sees_a_picture(home: House) -> None:
    engineer = home.box.person("service", "Сервіс")
    assert engineer.get("/admin").status == engineer.get("/admin/connections").status == 200
    for path in ("/admin/configuration", "/admin/people", "/admin/audit", "/admin/certificates/peers"):
        assert engineer.get(path).status == 403
        assert f'href="{path}"' not in engineer.get("/admin/certificates").text
    assert "/preview" not in engineer.get("/admin/sources/us1").text


def test_without_the_password_administration_asks_for_it(home: House) -> None:
    """A PIN opens the screen, tests can be made, accounts and configuration want the password."""
    home.box.person("administrator", "Ніна ПІН", pin="720461")
    person = home.box.screen()
    person.api("POST", "/me/unlock", {"pin": "720461", "name": "Ніна ПІН"})
    assert person.get("/admin").status == 200
    told = person.get("/admin/people")
    assert (told.status, told.headers["location"]) == (303, "/login?next=/admin/people")
    refused = person.post_form("/admin/people/new", name="X", role="technician", password=PASSWORD)
    assert refused.status in (401, 403)
    assert 'id="again"' in refused.text
    assert "X" not in {u["name"] for u in home.box.get("/users")}
