"""The screens through which somebody comes in, a locked screen, and each role at its own: sizes, looks, console."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.web.browser import LARGE, SMALL, shoot
from tests.web.hands import Hands
from tests.web.house import House
from tests.web.measure import faults as measured
from tests.web.test_looks import faults as looked

pytestmark = pytest.mark.web
HOUSE = {"undo_s": 60}
MM = 3.78
"""Pixels of a millimetre where nobody measured."""


def looks(page: Page, stop: str, language: str) -> Iterator[str]:
    """Yield whatever is wrong with the screen in both sizes; only the small one is a panel for gloves."""
    for width, height in (LARGE, SMALL):
        page.set_viewport_size({"width": width, "height": height})
        shoot(page, f"{language}-{stop}")
        yield from (f"{stop} {width}: {fault}" for fault in looked(page, stop))
    yield from (f"{stop}: {fault}" for fault in measured(page, MM))


@pytest.mark.parametrize("language", ["uk", "en"])
def test_nobody_and_a_locked_screen(home: House, language: str) -> None:
    wrong: list[str] = []
    exam = home.begin("Коваль^Олена")
    nobody, locked = home.box.page(), home.box.screen()
    for who, stops in (
        (nobody, {"login": "/", "login-form": "/login"}),
        (locked, {"unlock": "/", "locked-live": f"/exam/{exam['exam_id']}", "locked-emergency": "/emergency"}),
    ):
        who.post_form("/language", language=language, next="/")
        spoken = language if who is locked else "uk"
        with home.seat("", client=who) as page:
            hands = Hands(page)
            for stop, path in stops.items():
                hands.go(path)
                assert page.evaluate("document.documentElement.lang") == spoken
                assert page.locator("#strip [name=language]").count() == (who is locked)  # nothing to keep it in
                wrong += looks(page, stop, language)
    assert not wrong, "\n" + "\n".join(wrong)


def test_a_locked_screen_shows_the_open_exam_captures_and_tells_no_other_patient(home: House) -> None:
    exam = home.begin("Коваль^Олена")
    with home.seat("", client=home.box.screen()) as page:
        hands = Hands(page)
        hands.go("/")
        hands.is_on("unlock")
        assert "КОВАЛЬ Олена" in hands.at("#banner").inner_text()
        hands.go(f"/exam/{exam['exam_id']}")
        hands.tap("#capture")
        page.wait_for_function("() => document.querySelectorAll('#thumbs li').length === 1")
        for path in ("/", "/queue", "/tray", f"/confirm/{home.entry('Шевченко')['key']}"):
            hands.go(path)
            hands.is_on("unlock")
            assert "ШЕВЧЕНКО" not in page.inner_text("body")


@pytest.mark.parametrize("role", ["administrator", "service"])
def test_each_role_at_its_screens(home: House, role: str) -> None:
    wrong: list[str] = []
    stops = {"administrator": ("/", "/queue", "/enrol/screen"), "service": ("/queue",)}
    with home.seat(role) as page:
        hands = Hands(page)
        for path in stops[role]:
            page.goto(path)
            hands.ready()
            found = looks(page, f"{role}{path.replace('/', '-').rstrip('-')}", "uk")
            # A refusal is a 403, which the console tells, sooner or later.
            wrong += [one for one in found if not (role == "service" and "403 (Forbidden)" in one)]
        if role == "service":
            for name in ("КОВАЛЬ", "ШЕВЧЕНКО"):
                assert name not in page.inner_text("body")
    assert not wrong, "\n" + "\n".join(wrong)
