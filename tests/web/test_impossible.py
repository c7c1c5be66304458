"""What must be impossible (technician.md B6), attacked in a real browser; after each attack the archive is looked at.

Two of its lines have no screen to be attacked from: the schema (1, `tests/system/test_identity_safety.py`) and a file
that was changed on the disk (3, there as well); what left the box is compared with its exam here, too.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.system.world import Json, wait_for
from tests.traps.desk import order
from tests.traps.night import Night
from tests.web.hands import Hands
from tests.web.house import House
from tests.web.old import Tape, deaf

HOUSE = {"confirmation": "scan", "pedal": True, "undo_s": 2}
OLENA = order(1, "Коваль^Олена", "UA-00000001", PatientBirthDate="19710212", time="0900")
OLHA = order(2, "Коваль^Ольга", "UA-00000002", PatientBirthDate="19710202", time="1000")
TARAS = order(3, "Шевченко^Тарас", "UA-00000003", PatientBirthDate="19840309", PatientSex="M", time="1100")
NUMBERS = {"Олена": "UA-00000001", "Ольга": "UA-00000002", "Тарас": "UA-00000003"}
QUIET_MS = 1000


@pytest.fixture(scope="module")
def whole_night(shared: House) -> Night:
    return Night(shared.box, shared.sandbox)


@pytest.fixture(autouse=True)
def night(home: House, whole_night: Night) -> Iterator[Night]:
    """The list of the day; afterwards nothing lies under a wrong patient at the archive, and nothing is lost."""
    home.desk.books(OLENA, OLHA, TARAS)
    home.refresh()
    yield whole_night
    home.close()
    for one in home.box.get("/exams"):
        exam = home.box.get(f"/exams/{one['exam_id']}")
        whole_night.meant_all(exam, exam["patient"]["patient_id"])
        if exam["state"] == "held":
            home.box.post(f"/exams/{exam['exam_id']}/release")
    whole_night.quiet()
    sent = {one.sop_instance_uid for one in home.sandbox.received()}
    assert len(sent) == len(home.sandbox.received()), "one SOP Instance UID twice"
    whole_night.morning()


def count(home: House) -> int:
    """How many pictures the open exam has."""
    exam = home.opened()
    assert exam is not None
    return int(exam["captured"])


def live(home: House, hands: Hands, given: str) -> Json:
    """Open an exam at the box and look at it."""
    exam = home.begin(given)
    hands.go(f"/exam/{exam['exam_id']}")
    hands.at("#capture:enabled").wait_for()
    return exam


def take(home: House, hands: Hands) -> None:
    before = count(home)
    hands.at("#capture:enabled").wait_for()
    hands.tap("#capture")
    wait_for("one more picture", lambda: count(home) == before + 1, 10)
    hands.page.wait_for_function("n => document.querySelectorAll('#thumbs li').length === n", arg=before + 1)


def refused(page: Page) -> None:
    page.locator("#notice .message.fail, .screen.fail, .screen.wait").first.wait_for()


def test_the_wristband_of_the_other_stops_everything(home: House) -> None:
    with home.seat() as page:
        hands = Hands(page)
        hands.go("/")
        hands.tap(hands.row("Олена"))
        hands.is_on("confirm")
        hands.scan(NUMBERS["Ольга"])
        hands.at("#whole .stop").wait_for()
        assert home.opened() is None
        said = hands.at("#whole .versus").inner_text()
        assert NUMBERS["Олена"] in said
        assert NUMBERS["Ольга"] in said
        assert "Ольга" in said, "the list knows whose number that is"
        hands.ready()
        assert [at.get_attribute("id") for at in page.locator("#whole a, #whole button").all()] == ["back"]
        for key in ("Enter", " "):
            hands.press(key)
        assert home.opened() is None
        hands.tap("#back")
        hands.is_on("worklist")


@pytest.mark.web
def test_a_tablet_that_missed_everything_captures_for_nobody(home: House) -> None:
    with home.seat() as first, home.seat() as second:
        old, new = Hands(first), Hands(second)
        deaf(first)
        exam = live(home, old, "Олена")
        take(home, old)
        new.go(f"/exam/{exam['exam_id']}")
        assert new.at("#capture").is_disabled()  # another screen works here
        new.tap("#take-over")
        new.at("#capture:enabled").wait_for()
        old.tap("#capture")  # it still shows what it may no longer do
        refused(first)
        assert count(home) == 1
        old.go(f"/exam/{exam['exam_id']}/finish")
        home.box.post(f"/exams/{exam['exam_id']}/finish")
        hers = home.begin("Ольга")
        old.tap("#send")
        refused(first)
        opened = home.opened()
        assert opened is not None
        assert (opened["exam_id"], opened["captured"]) == (hers["exam_id"], 0)


@pytest.mark.web
def test_a_deaf_live_page_of_the_last_patient_takes_no_picture_of_the_next(home: House) -> None:
    with home.seat() as page:
        hands = Hands(page)
        deaf(page)
        exam = live(home, hands, "Олена")
        take(home, hands)
        home.box.post(f"/exams/{exam['exam_id']}/finish")
        home.begin("Ольга")
        hands.tap("#capture")
        page.wait_for_function(
            "() => document.documentElement.dataset.page !== 'live' "
            "|| document.querySelector('#banner').innerText.includes('Ольга')"
        )
        assert count(home) == 0
        hands.press(" ")
        page.wait_for_timeout(400)
        shown = page.locator("#banner").inner_text()
        assert count(home) == 0 or "Ольга" in shown


@pytest.mark.web
def test_a_form_that_is_sent_again_acts_once(home: House) -> None:
    with home.seat() as page:
        hands, tape = Hands(page), Tape(page)
        hands.go(f"/confirm/{home.entry('Олена')['key']}")
        hands.type(NUMBERS["Олена"][-4:])
        hands.tap("#yes")
        hands.is_on("live")
        take(home, hands)
        exams = len(home.box.get("/exams"))
        for part in ("/start/", "/capture"):
            again = tape.again(tape.last(part))
            assert again.status == 303
            tape.again(tape.last(part), key=f"forged{part.strip('/')}")
        assert (count(home), len(home.box.get("/exams"))) == (1, exams)
        page.reload()
        hands.is_on("live")
        hands.tap("#finish")
        hands.is_on("finish")
        hands.tap("#send")
        hands.is_on("worklist")
        page.reload()
        for part in ("/finish", "/capture"):
            tape.again(tape.last(part))
            forged = tape.again(tape.last(part), key=f"late{part.strip('/')}")
            assert forged.status in (404, 409)
        assert home.opened() is None


@pytest.mark.web
def test_two_quick_taps_are_one_picture_and_one_exam(home: House) -> None:
    before = len(home.box.get("/exams"))
    with home.seat() as page:
        hands = Hands(page)
        hands.go(f"/confirm/{home.entry('Тарас')['key']}")
        hands.type(NUMBERS["Тарас"][-4:])
        _twice(page, "#yes")
        hands.is_on("live")
        assert len(home.box.get("/exams")) == before + 1
        hands.at("#capture:enabled").wait_for()
        _twice(page, "#capture")
        page.wait_for_function("() => document.querySelectorAll('#thumbs li').length > 0")
        page.wait_for_timeout(600)
        assert count(home) == 1


_MIDDLE = """where => {
  const at = document.querySelector(where), box = at && at.getBoundingClientRect();
  return at && !at.disabled && { x: box.left + box.width / 2, y: box.top + box.height / 2 };
}"""


def _twice(page: Page, where: str) -> None:
    point = page.wait_for_function(_MIDDLE, arg=where).json_value()
    for _ in range(2):
        page.touchscreen.tap(point["x"], point["y"])


@pytest.mark.web
def test_back_after_the_finish_shows_a_closed_exam(home: House) -> None:
    with home.seat() as page:
        hands = Hands(page)
        hands.go("/")
        exam = live(home, hands, "Олена")
        take(home, hands)
        hands.tap("#finish")
        hands.is_on("finish")
        hands.tap("#send")
        hands.is_on("worklist")
        home.begin("Ольга")
        for _ in range(3):
            page.go_back()
            hands.ready()
            assert not hands.at("#send").count()
            if exam["exam_id"] in page.url:
                assert not hands.at("#capture").count()
                hands.press(" ")
                hands.press("PageDown")
        page.wait_for_timeout(300)
        assert count(home) == 0


@pytest.mark.web
def test_the_pedal_in_a_dialogue_confirms_nothing_and_sends_nothing(home: House) -> None:
    with home.seat() as page:
        hands = Hands(page)
        hands.go(f"/confirm/{home.entry('Олена')['key']}")
        home.tread()
        refused(page)
        assert home.opened() is None
        exam = live(home, hands, "Олена")
        hands.go(f"/confirm/{home.entry('Ольга')['key']}")  # both names, and the first is still open
        assert {"Олена", "Ольга"} <= set(hands.at("#whole .versus").inner_text().split())
        home.tread()
        wait_for("it is hers whose exam is open", lambda: count(home) == 1, 10)
        hands.go(f"/exam/{exam['exam_id']}/finish")
        home.tread()
        wait_for("one more", lambda: count(home) == 2, 10)
        page.wait_for_function("() => /2/.test(document.querySelector('#send').innerText)")
        assert home.box.get(f"/exams/{exam['exam_id']}")["state"] == "open"
        hands.tap("#send")
        hands.is_on("worklist")


@pytest.mark.web
def test_while_it_is_asked_who_lies_there_nothing_captures(home: House) -> None:
    with home.seat() as page:
        hands = Hands(page)
        live(home, hands, "Олена")
        take(home, hands)
        home.time.passes(6 * 60.0)
        hands.at("#still-yes").wait_for()
        home.tread()
        for key in (" ", "PageDown", "Enter"):
            hands.press(key)
        page.wait_for_timeout(400)
        assert count(home) == 1
        page.evaluate("() => { const at = document.getElementById('capture'); at.disabled = false; at.click(); }")
        page.wait_for_timeout(600)
        assert count(home) == 1


@pytest.mark.web
def test_a_held_key_sends_nothing(home: House) -> None:
    with home.seat() as page:
        hands = Hands(page)
        exam = live(home, hands, "Олена")
        take(home, hands)
        hands.tab_to("#finish")
        for _ in range(12):
            page.keyboard.down("Enter")  # a key that is held down repeats
            page.wait_for_timeout(50)
        page.keyboard.up("Enter")
        hands.is_on("finish")
        assert home.box.get(f"/exams/{exam['exam_id']}")["state"] == "open"
        hands.go(f"/exam/{exam['exam_id']}")
        hands.at("#capture:enabled").wait_for()
        before = count(home)
        for _ in range(8):
            page.keyboard.down(" ")
        page.keyboard.up(" ")
        page.wait_for_timeout(600)
        assert count(home) == before + 1
