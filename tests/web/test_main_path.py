"""From a dark screen to the first image: two taps and a scan, by keyboard alone, and by the pedal; seen at the PACS."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

import pytest

from tests.system.world import Received, wait_for
from tests.web.hands import Hands
from tests.web.house import House

HOUSE = {"confirmation": "scan", "pedal": True, "undo_s": 0}
OLENA, OLENAS_NUMBER = "КОВАЛЬ Олена", "UA-00013"
Figure = Callable[[str, float], None]


def at_the_pacs(home: House, exam_id: str, count: int) -> list[Received]:
    """What the archive got of one exam, once it is all."""
    uids = {f["sop_instance_uid"] for f in home.box.get(f"/exams/{exam_id}")["frames"]}

    def all_there() -> list[Received]:
        found = [one for one in home.sandbox.received() if one.sop_instance_uid in uids]
        return found if len(found) == count else []

    return list(wait_for("all of it is at the archive", all_there, 40))


def pictures(hands: Hands, number: int) -> None:
    hands.page.wait_for_function("n => document.querySelectorAll('#thumbs li').length === n", arg=number)


def drawn(hands: Hands, number: int) -> None:
    """The counter says so, and the thumbnail of the newest picture has been loaded."""
    pictures(hands, number)
    hands.page.wait_for_function("() => document.querySelector('#thumbs img').naturalWidth > 0")


def finish_and_look(home: House, hands: Hands, count: int) -> None:
    opened = home.opened()
    assert opened is not None
    hands.tap("#finish")
    hands.is_on("finish")
    hands.tap("#send")
    hands.is_on("worklist")
    received = at_the_pacs(home, opened["exam_id"], count)
    assert {one.patient_id for one in received} == {OLENAS_NUMBER}
    assert {one.patient_name for one in received} == {"Коваль^Олена^Іванівна"}


def test_two_taps_and_a_scan_to_the_first_image(home: House, figure: Figure) -> None:
    with home.seat() as page:
        hands = Hands(page)
        hands.go("/")
        began = perf_counter()
        hands.tap(hands.row(OLENA))
        hands.is_on("confirm")
        hands.scan(OLENAS_NUMBER)
        hands.is_on("live")  # by itself: the wristband was the confirmation
        hands.at("#capture:enabled").wait_for()
        pressed = perf_counter()
        hands.tap("#capture")
        drawn(hands, 1)
        shown = perf_counter()
        assert (hands.taps, hands.scans, hands.keys) == (2, 1, 0)
        assert page.evaluate("document.body.dataset.heard") == "captured"
        figure("taps to the first image", hands.taps)
        figure("scans to the first image", hands.scans)
        figure("seconds from the list to the first image, without the person", round(shown - began, 2))
        figure("seconds from the tap to its picture, the first", round(shown - pressed, 3))
        finish_and_look(home, hands, 1)
        assert not page.troubles  # type: ignore[attr-defined]


@pytest.mark.alone
@pytest.mark.web
def test_each_tap_is_answered_with_its_picture_soon(home: House, figure: Figure) -> None:
    exam = home.begin("Коваль^Олена")
    with home.seat() as page:
        hands, took = Hands(page), []
        hands.go(f"/exam/{exam['exam_id']}")
        for number in range(1, 9):
            hands.at("#capture:enabled").wait_for()
            pressed = perf_counter()
            hands.tap("#capture")
            drawn(hands, number)
            took.append(perf_counter() - pressed)
        figure("seconds from the tap to its picture, median of 8", round(median(took), 3))
        figure("seconds from the tap to its picture, longest of 8", round(max(took), 3))
        assert median(took) < 2
        finish_and_look(home, hands, 8)


@pytest.mark.web
def test_by_the_keyboard_alone(home: House, figure: Figure) -> None:
    with home.seat() as page:
        hands = Hands(page)
        hands.go("/")
        hands.type("коваль олена")  # the search has the focus
        page.wait_for_function("() => document.querySelectorAll('#rows a.row').length === 1")
        hands.tab_to("#rows a.row")
        hands.press("Enter")
        hands.is_on("confirm")
        hands.type("0013")
        hands.tab_to("#yes")
        hands.press("Enter")
        hands.is_on("live")
        hands.at("#capture:enabled").wait_for()
        for number, key in enumerate((" ", "PageDown"), 1):
            hands.press(key)
            drawn(hands, number)
        figure("keys from the list to the first image, search typed", hands.keys - 1)
        exam = home.opened()
        hands.press("F4")
        hands.is_on("review")
        hands.press("F8")
        hands.is_on("finish")
        hands.press("Escape")
        hands.is_on("live")
        hands.press("F8")
        hands.is_on("finish")
        hands.tab_to("#send")
        hands.press("Enter")
        hands.is_on("worklist")
        assert exam is not None
        assert hands.taps == 0
        assert {one.patient_id for one in at_the_pacs(home, exam["exam_id"], 2)} == {OLENAS_NUMBER}
        assert not page.troubles  # type: ignore[attr-defined]


@pytest.mark.web
def test_by_the_pedal_the_screen_shows_and_says_it(home: House, figure: Figure) -> None:
    exam = home.begin("Коваль^Олена")
    with home.seat() as page:
        hands = Hands(page)
        hands.go(f"/exam/{exam['exam_id']}")
        pressed = perf_counter()
        home.tread()
        drawn(hands, 1)
        figure("seconds from the pedal to its picture, the hold of it included", round(perf_counter() - pressed, 3))
        assert page.evaluate("document.body.dataset.heard") == "captured"
        home.tread()
        drawn(hands, 2)
        assert hands.taps == hands.keys == 0
        finish_and_look(home, hands, 2)


@pytest.mark.web
def test_the_pedal_without_a_patient_is_refused_loudly(home: House) -> None:
    before = len(home.box.get("/exams"))
    with home.seat() as page:
        hands = Hands(page)
        hands.go("/")
        home.tread()
        page.locator("#notice .message").first.wait_for()
        assert page.evaluate("document.body.dataset.heard") == "refused"
        hands.is_on("worklist")
    assert (len(home.box.get("/exams")), home.opened()) == (before, None)
