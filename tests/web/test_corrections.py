"""When it happened all the same, by hand: pictures of nobody become those of a patient who is in no list."""

from __future__ import annotations

import pytest

from tests.system.world import wait_for
from tests.web.browser import shoot
from tests.web.hands import Hands
from tests.web.house import House

pytestmark = pytest.mark.web
HOUSE = {"undo_s": 0}


def test_an_emergency_becomes_a_patient_who_is_written_by_hand(home: House) -> None:
    with home.seat() as page:
        hands = Hands(page)
        hands.go("/emergency")
        hands.tap("#start-emergency")
        hands.at("#capture:enabled").wait_for()
        hands.tap("#capture")
        wait_for("a picture", lambda: (home.opened() or {"captured": 0})["captured"] == 1, 10)
        nobody = home.opened()
        assert nobody is not None
        home.box.post(f"/exams/{nobody['exam_id']}/finish")
        hands.go(f"/exam/{nobody['exam_id']}/correct")
        hands.tap("#to-another")
        hands.tap("#by-hand")
        page.fill("#family", "Мар’яненко")
        page.fill("#given", "Зоряна")
        page.fill("#patient_id", "UA-77")
        page.fill("[name=day]", "31")
        page.select_option("[name=month]", "02")
        page.fill("[name=year]", "1990")
        shoot(page, "uk-move-by-hand")
        hands.tap("#move")
        page.locator(".message.fail").first.wait_for()
        assert page.input_value("#family") == "Мар’яненко", "nothing is typed twice"
        page.fill("[name=day]", "28")
        hands.tap("#move")
        page.wait_for_url("**/exam/*")
        page.locator("#banner", has_text="МАР’ЯНЕНКО").wait_for()
        assert page.troubles == [] or all("422" in told for told in page.troubles)  # type: ignore[attr-defined]
    exams = [home.box.get(f"/exams/{one['exam_id']}") for one in home.box.get("/exams")]
    hers = next(exam for exam in exams if exam["patient"]["patient_id"] == "UA-77")
    assert (hers["patient"]["birth_date"], hers["captured"]) == ("19900228", 1)
    if hers["state"] == "held":
        home.box.post(f"/exams/{hers['exam_id']}/release")
    wait_for("it arrived", lambda: [one.patient_id for one in home.sandbox.received()] == ["UA-77"], 60)
