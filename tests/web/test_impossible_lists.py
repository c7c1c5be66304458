"""What must be impossible (technician.md B6) while lists and orders change under the hand; judged at the archive."""

from __future__ import annotations

import pytest

from tests.system.world import wait_for
from tests.traps.desk import order
from tests.web.hands import Hands
from tests.web.house import House
from tests.web.old import deaf, slow
from tests.web.test_impossible import (
    NUMBERS,
    OLENA,
    OLHA,
    QUIET_MS,
    TARAS,
    count,
    live,
    night,
    refused,
    take,
    whole_night,
)

pytestmark = pytest.mark.web
HOUSE = {"confirmation": "scan", "undo_s": 2}
EARLY = order(4, "Андрієнко^Ада", "UA-00000004", PatientBirthDate="19900101", time="0600")
NAMELESS = order(5, "Безнумерна^Ганна", "", PatientBirthDate="19900101", time="0700")
QUESTIONED = order(6, "Ков?ль^Ірина", "UA-00000006", PatientBirthDate="19900101", time="0730")
__all__ = ["night", "whole_night"]  # the fixtures, used by every test here


_TOP = """name => {
  const row = [...document.querySelectorAll("#rows a.row")].find((at) => at.innerText.includes(name));
  return row && row.getBoundingClientRect().top;
}"""


def top(hands: Hands, given: str) -> float:
    return float(hands.page.wait_for_function(_TOP, arg=given).json_value())


def settled(hands: Hands) -> float:
    """Open the list, let pass what still changes from before, and return where her row is."""
    hands.go("/")
    hands.page.wait_for_timeout(800)
    return top(hands, "Ольга")


def test_a_row_does_not_move_under_the_finger(home: House) -> None:
    with home.seat() as page:
        hands = Hands(page)
        seen = settled(hands)
        chosen = home.entry("Ольга")["key"]
        with hands.finger_on(hands.row("Ольга")):
            home.desk.books(EARLY, OLENA, OLHA, TARAS)
            home.refresh()
            page.wait_for_timeout(2500)  # however long the finger lies there
            assert top(hands, "Ольга") == seen
        hands.is_on("confirm")
        assert page.url.endswith(f"/confirm/{chosen}")
        assert NUMBERS["Ольга"] in hands.at("#whole").inner_text()


def test_an_answer_that_was_asked_for_before_the_touch_moves_no_row_under_the_finger(home: House) -> None:
    with home.seat() as page:
        hands = Hands(page)
        held = slow(page)
        hands.go("/")
        seen = top(hands, "Ольга")
        home.desk.books(EARLY, OLENA, OLHA, TARAS)
        home.refresh()
        for _ in range(50):
            page.wait_for_timeout(50)
            if held:
                break
        with hands.finger_on(hands.row("Ольга")):
            held[0].continue_()
            page.wait_for_timeout(700)
            assert top(hands, "Ольга") == seen
        hands.is_on("confirm")
        assert NUMBERS["Ольга"] in hands.at("#whole").inner_text()


_WATCH = """where => {
  const top = () => document.querySelector(where).getBoundingClientRect().top;
  const before = top();
  addEventListener("pointerup", () => {
    const touched = performance.now();
    const look = () => {
      if (top() === before) requestAnimationFrame(look);
      else window.rested = performance.now() - touched;
    };
    look();
  }, { once: true });
}"""


def test_a_row_rests_for_a_second_after_a_touch_and_then_the_list_is_new(home: House) -> None:
    with home.seat() as page:
        hands = Hands(page)
        hands.go("/")
        page.evaluate(_WATCH, "#rows li:last-child")
        home.desk.books(EARLY, OLENA, OLHA, TARAS)
        page.touchscreen.tap(500, 90)  # beside the rows
        home.refresh()
        page.wait_for_function("() => window.rested")
        assert page.evaluate("window.rested") >= QUIET_MS
        assert "АНДРІЄНКО" in hands.at("#rows").inner_text()


def test_a_row_of_an_old_list_opens_its_own_patient_or_nobody(home: House) -> None:
    with home.seat() as page:
        hands = Hands(page)
        deaf(page)
        hands.go("/")
        home.desk.books(EARLY, OLHA, TARAS)  # Olena was cancelled, and her row is still shown
        home.refresh()
        hands.tap(hands.row("Олена"))
        refused(page)
        assert home.opened() is None
        assert not hands.at("#yes").count()


def test_an_order_that_was_given_to_somebody_else_between_choosing_and_confirming(home: House) -> None:
    swapped = {**OLENA, "PatientName": TARAS["PatientName"], "PatientID": TARAS["PatientID"]}
    swapped |= {"PatientBirthDate": TARAS["PatientBirthDate"], "PatientSex": "M"}
    with home.seat() as page:
        hands = Hands(page)
        deaf(page)
        hands.go("/")
        hands.tap(hands.row("Олена"))
        hands.is_on("confirm")
        home.desk.books(swapped, OLHA)
        home.refresh()
        hands.type(NUMBERS["Олена"][-4:])
        hands.tap("#yes")
        refused(page)
        assert home.opened() is None
        # and where the answer is swapped back under a page that shows the other one
        hands.go("/")
        hands.tap(hands.row("Тарас"))
        hands.is_on("confirm")
        home.desk.books(OLENA, OLHA, TARAS)
        home.refresh()
        hands.scan(NUMBERS["Олена"])
        page.wait_for_timeout(800)
        opened = home.opened()
        assert opened is None or opened["patient"]["patient_id"] == NUMBERS["Олена"]


@pytest.mark.parametrize("with_a_picture", [False, True], ids=["before the first image", "after it"])
def test_an_open_exam_keeps_its_patient_whatever_the_desk_writes(home: House, with_a_picture: bool) -> None:
    with home.seat() as page:
        hands = Hands(page)
        exam = live(home, hands, "Олена")
        if with_a_picture:
            take(home, hands)
        banner = page.locator("#banner").inner_text()
        changed = {**OLENA, "PatientName": "Коваль^Оксана", "PatientID": "UA-00000099"}
        home.desk.books(changed, OLHA)
        home.refresh()
        page.wait_for_timeout(QUIET_MS + 400)
        assert page.locator("#banner").inner_text() == banner
        take(home, hands)
        opened = home.opened()
        assert opened is not None
        assert opened["patient"] == exam["patient"]
        hands.tap("#finish")
        hands.is_on("finish")
        assert NUMBERS["Олена"] in hands.at("#whole").inner_text()
        hands.tap("#send")
        hands.is_on("worklist")
        wait_for("sent or held", lambda: home.box.get(f"/exams/{exam['exam_id']}")["state"] != "finishing", 20)


def test_a_wristband_of_another_in_an_open_exam_asks_with_both_names(home: House) -> None:
    with home.seat() as page:
        hands = Hands(page)
        exam = live(home, hands, "Олена")
        take(home, hands)
        hands.scan(NUMBERS["Тарас"])
        hands.is_on("confirm")
        said = hands.at("#whole .versus").inner_text()
        assert NUMBERS["Олена"] in said
        assert NUMBERS["Тарас"] in said
        hands.tap("#wrong")
        hands.is_on("live")
        assert (home.opened() or {})["exam_id"] == exam["exam_id"]
        assert count(home) == 1


_FORGED = """key => {
  const form = document.getElementById("scan-form");
  form.action = `/start/${key}`;
  form.insertAdjacentHTML("beforeend", "<input name=mode value=click>");
  form.submit();
}"""


def test_somebody_without_a_number_or_with_a_question_mark_is_not_begun(home: House) -> None:
    home.desk.books(NAMELESS, QUESTIONED, OLENA)
    home.refresh()
    with home.seat() as page:
        hands = Hands(page)
        for family in ("Безнумерна", "Ков?ль"):
            key = home.entry(family)["key"]
            hands.go(f"/confirm/{key}")
            assert not hands.at("#yes").count()
            with page.expect_navigation():
                page.evaluate(_FORGED, key)
            hands.ready()
            assert home.opened() is None


def test_a_technician_cannot_lose_an_image_that_was_not_sent(home: House) -> None:
    with home.seat() as page:
        hands = Hands(page)
        exam = live(home, hands, "Олена")
        take(home, hands)
        hands.go(f"/exam/{exam['exam_id']}/review")
        hands.tap("#delete")
        hands.is_on("ask")
        form = hands.at("form.asking").get_attribute("action")
        hands.tap("#do")
        hands.is_on("review")
        hands.tap("#grid .tile.gone")
        hands.tap("#restore")
        hands.at("#delete").wait_for()
        home.box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("on its way", lambda: home.box.get(f"/exams/{exam['exam_id']}")["state"] != "finishing", 20)
        forged = page.request.post(str(form), form={}, headers={"Origin": home.address}, max_redirects=0)
        assert forged.status in (400, 404, 409)


def test_a_test_picture_is_nothing_a_technician_can_send(home: House) -> None:
    with home.seat() as page:
        Hands(page).go("/")
        status = page.evaluate(
            "async () => (await fetch('/api/test-pictures', { method: 'POST', body: '{\"source\": \"us1\"}', "
            "headers: { 'Content-Type': 'application/json' } })).status"
        )
    assert status == 403
