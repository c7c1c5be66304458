"""Every control of every screen in millimetres, on three panels; the live picture's share; nothing out of reach."""

from __future__ import annotations

import pytest

from tests.web.hands import Hands
from tests.web.house import House
from tests.web.measure import faults
from tests.web.tour import tour

HOUSE = {"undo_s": 4, "more": "\n[delivery]\nfirst_retry_s = 1\nlongest_retry_s = 2\nprobe_s = 1\n"}
PANELS = (3.78, 4.63, 5.88)
"""Pixels of a millimetre: a desktop's, a tablet's of ten inches, a panel of seven."""


def test_rows_and_capture_are_large_enough_for_a_glove(home: House) -> None:
    with home.seat(mm=PANELS[-1]) as page:
        hands = Hands(page)
        hands.go("/")
        found = faults(page, PANELS[-1])
        exam = home.begin("Коваль^Олена")
        hands.go(f"/exam/{exam['exam_id']}")
        hands.at("#capture:enabled").wait_for()
        assert not found + faults(page, PANELS[-1])


@pytest.mark.web
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mm", PANELS)
def test_every_control_of_every_screen(home: House, mm: float) -> None:
    wrong: list[str] = []
    with home.seat(mm=mm) as page:
        hands = Hands(page)
        for stop in tour(home, hands):
            hands.ready()
            assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--mm')") == f"{mm}px"
            wrong += [f"{stop}: {fault}" for fault in faults(page, mm)]
    assert not wrong, "\n" + "\n".join(wrong)
