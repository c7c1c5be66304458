"""What must be impossible (technician.md B6), and the acts around one exam, through the real service."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from agent import errors
from tests.system.fake_time import FakeTime
from tests.system.world import PAUSE, Box, Json, Sandbox, box_in, toml_for, wait_for
from tests.traps.desk import Desk, order

OLENA = order(1, "Коваль^Олена", "UA-00000001", PatientBirthDate="19710212")
OLHA = order(2, "Коваль^Ольга", "UA-00000002", PatientBirthDate="19710202")
TARAS = order(3, "Шевченко^Тарас", "UA-00000003", PatientBirthDate="19840309")


def asked_for(sandbox: Sandbox, confirmation: str, **more: Any) -> str:
    told = f'confirmation = "{confirmation}"' if confirmation else ""
    rules = "".join(f"\n{key} = {value}" for key, value in more.items())
    return toml_for(sandbox).replace('confirmation = "click"', told + rules)


def row(box: Box, surname: str) -> Json:
    entries = box.get("/worklist")["entries"]
    return next(e for e in entries if e["patient"]["name"].startswith(surname))


def chosen(box: Box, surname: str) -> Json:
    """Choose a row as the confirm screen does."""
    return box.get(f"/sources/us1/confirm/{row(box, surname)['key']}")


def start(box: Box, view: Json, mode: str = "", typed: str = "", **more: str) -> Json:
    body = {"source": "us1", "key": view["entry"]["key"], "digest": view["digest"], "mode": mode, "typed": typed}
    return box.post("/exams", {**body, **more})


def scan(box: Box, text: str) -> Json:
    return box.post("/sources/us1/scan", {"text": text})


def state_of(box: Box, exam_id: str) -> str:
    return box.get(f"/exams/{exam_id}")["state"]


# --- confirming ----------------------------------------------------------------------------------------------


def test_a_wristband_confirms_the_row_that_was_chosen_by_another_act(sandbox: Sandbox, tmp_path: Path) -> None:
    Desk(sandbox.folder).books(OLENA, OLHA, TARAS)
    with box_in(tmp_path / "box", asked_for(sandbox, "scan")) as box:
        box.post("/worklist/refresh")
        view = chosen(box, "Коваль^Олена")
        assert (view["modes"], view["why"], view["scan"]) == (["scan", "reenter"], "", "")
        assert [(a["patient"]["name"], a["patient"]["birth_date"]) for a in view["alike"]] == [
            ("Коваль^Ольга", "19710202")
        ]
        with pytest.raises(errors.NotConfirmed):
            start(box, view, "click")
        with pytest.raises(errors.NotConfirmed):
            start(box, view, "scan")  # nothing was scanned yet
        scan(box, "UA-00000002")  # the wrong wristband: her namesake's
        seen = chosen(box, "Коваль^Олена")
        assert (seen["scan"], seen["differs"]) == ("mismatch", ["patient_id"])
        assert seen["scanned"]["name"] == "Коваль^Ольга", "the list knows whose number that is"
        with pytest.raises(errors.IdentityMismatch):
            start(box, view, "scan")
        assert box.get("/sources")[0]["exam_id"] == ""
        scan(box, "UA-00000001")
        assert chosen(box, "Коваль^Олена")["scan"] == "match"
        exam = start(box, view, "scan")
        assert exam["patient"]["patient_id"] == "UA-00000001"
        assert confirmation_of(box, exam) == "scan"
        log = box.text()
    assert "UA-0000000" not in log


def confirmation_of(box: Box, exam: Json) -> str:
    with sqlite3.connect(box.data / "agent.sqlite3") as connection:
        query = "SELECT json_extract(snapshot, '$.confirmation') FROM exam WHERE exam_id = ?"
        return str(connection.execute(query, (exam["exam_id"],)).fetchone()[0])


def test_a_row_that_was_found_by_scanning_needs_another_act(sandbox: Sandbox, tmp_path: Path) -> None:
    Desk(sandbox.folder).books(OLENA, OLHA)
    with box_in(tmp_path / "box", asked_for(sandbox, "scan")) as box:
        box.post("/worklist/refresh")
        found = scan(box, "UA-00000001")
        assert found["keys"] == [row(box, "Коваль^Олена")["key"]]
        view = chosen(box, "Коваль^Олена")
        assert (view["modes"], view["why"]) == (["reenter", "click"], "found-by-scan")
        scan(box, "UA-00000001")  # the same band again proves nothing new
        for mode, typed in (("scan", ""), ("scan", "UA-00000001"), ("reenter", "0002")):
            with pytest.raises(errors.NotConfirmed):
                start(box, view, mode, typed)
        exam = start(box, view, "reenter", "19710212")
        assert confirmation_of(box, exam) == "reenter"
        box.post(f"/exams/{exam['exam_id']}/discard", {"reason": "test"})
        # The scan is used up: the same row chosen by hand is to be scanned again.
        again = chosen(box, "Коваль^Олена")
        assert again["modes"] == ["scan", "reenter"]


def test_without_a_reader_the_number_is_re_entered(sandbox: Sandbox, tmp_path: Path) -> None:
    Desk(sandbox.folder).books(OLENA)
    with box_in(tmp_path / "box", asked_for(sandbox, "")) as box:
        box.post("/worklist/refresh")
        assert box.get("/sources")[0]["confirmation"] == "reenter"
        view = chosen(box, "Коваль^Олена")
        for mode, typed in (("click", ""), ("", ""), ("reenter", "9999")):
            with pytest.raises(errors.NotConfirmed):
                start(box, view, mode, typed)
        assert confirmation_of(box, start(box, view, "", "0001")) == "reenter"


def test_a_click_is_refused_when_the_list_is_old(sandbox: Sandbox, tmp_path: Path) -> None:
    Desk(sandbox.folder).books(OLENA)
    time = FakeTime(tmp_path / "time")
    with box_in(tmp_path / "box", asked_for(sandbox, "click"), code=time.code) as box:
        box.post("/worklist/refresh")
        sandbox.faults(refuse_association=True)
        assert chosen(box, "Коваль^Олена")["modes"] == ["scan", "reenter", "click"]
        for minutes, old, click in ((14, False, True), (16, True, True), (59, True, True), (61, True, False)):
            time.wall(minutes * 60.0)
            worklist = box.get("/worklist")
            assert (worklist["old"], worklist["click"]) == (old, click)
        view = chosen(box, "Коваль^Олена")
        assert (view["modes"], view["why"], view["list_old"]) == (["scan", "reenter"], "list-old", True)
        with pytest.raises(errors.NotConfirmed):
            start(box, view, "click")
        assert start(box, view, "scan", "UA-00000001")["state"] == "open"  # offline everything else works


def test_a_barcode_comes_first_and_asks_for_what_the_list_does_not_hold(sandbox: Sandbox, tmp_path: Path) -> None:
    desk = Desk(sandbox.folder)
    desk.books(OLENA)
    with box_in(tmp_path / "box", asked_for(sandbox, "reenter")) as box:
        box.post("/worklist/refresh")
        later = order(9, "Щербак^Юрій", "UA-00000009", day=9)  # outside the window that the box asks for
        desk.books(OLENA, later)
        found = scan(box, "ACC-0009")
        assert found["keys"] == [row(box, "Щербак")["key"]]
        box.post("/worklist/refresh")
        view = chosen(box, "Щербак")
        assert start(box, view, "reenter", "0009")["patient"]["patient_id"] == "UA-00000009"
        sandbox.faults(refuse_association=True)
        assert scan(box, "nobody's")["keys"] == []  # offline the scan stands as it is


# --- orders that change ----------------------------------------------------------------------------------------


def test_an_answer_swapped_between_choosing_and_confirming_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    desk = Desk(sandbox.folder)
    desk.books(OLENA, TARAS)
    with box_in(tmp_path / "box", asked_for(sandbox, "click")) as box:
        box.post("/worklist/refresh")
        view = chosen(box, "Коваль")
        desk.books({**OLENA, "PatientName": "Коваль^Ольга"}, TARAS)
        box.post("/worklist/refresh")
        with pytest.raises(errors.OrderChanged):
            start(box, view, "click")
        desk.books(TARAS)
        box.post("/worklist/refresh")
        with pytest.raises(errors.OrderChanged):
            start(box, view, "click")
        with pytest.raises(errors.OrderChanged):
            box.get(f"/sources/us1/confirm/{view['entry']['key']}")
        with pytest.raises(errors.OrderChanged):
            start(box, {**chosen(box, "Шевченко"), "digest": ""}, "click")
        assert box.get("/exams") == []


def test_an_order_is_asked_for_again_before_the_first_picture(sandbox: Sandbox, tmp_path: Path) -> None:
    desk = Desk(sandbox.folder)
    desk.books(OLENA, TARAS)
    time = FakeTime(tmp_path / "time")
    with box_in(tmp_path / "box", asked_for(sandbox, "scan"), code=time.code) as box:
        box.post("/worklist/refresh")
        time.wall(20 * 60.0)
        desk.books({**OLENA, "PatientBirthDate": "19710213"})
        expected = (("Коваль", "UA-00000001", "order-changed"), ("Шевч", "UA-00000003", "order-gone"))
        for surname, number, warning in expected:
            exam = start(box, chosen(box, surname), "scan", number)
            name = exam["exam_id"]
            wait_for(warning, lambda n=name, w=warning: box.get(f"/exams/{n}")["warning"] == w)
            assert box.capture(f"in spite of {warning}")["exam_id"] == name  # never blocks
            box.post(f"/exams/{name}/finish")
        sandbox.faults(refuse_association=True)
        exam = start(box, chosen(box, "Коваль"), "scan", "UA-00000001")
        box.capture("offline")
        PAUSE.wait(2)
        assert box.get(f"/exams/{exam['exam_id']}")["warning"] == ""


def test_an_order_that_stands_warns_of_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    Desk(sandbox.folder).books(OLENA)
    time = FakeTime(tmp_path / "time")
    with box_in(tmp_path / "box", asked_for(sandbox, "scan"), code=time.code) as box:
        box.post("/worklist/refresh")
        time.wall(20 * 60.0)
        exam = start(box, chosen(box, "Коваль"), "scan", "UA-00000001")
        box.capture("one")
        PAUSE.wait(2)
        assert box.get(f"/exams/{exam['exam_id']}")["warning"] == ""


# --- stale pages, other screens ----------------------------------------------------------------------------------


def test_b6_5_a_stale_page_changes_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    Desk(sandbox.folder).books(OLENA, TARAS)
    with box_in(tmp_path / "box", toml_for(sandbox, undo_window_s=60)) as box:
        box.post("/worklist/refresh")

        def token() -> str:
            return box.get("/sources")[0]["token"]

        empty = token()
        exam = start(box, chosen(box, "Коваль"), token=empty)
        opened = token()
        assert opened != empty
        box.capture("one")
        assert token() == opened  # not with each picture
        press = {"trigger_id": "two", "token": empty}
        acts: list[tuple[str, Json]] = [
            ("/sources/us1/capture", press),
            ("/sources/us1/clip/start", press),
            (f"/exams/{exam['exam_id']}/finish", {"token": empty}),
            (f"/exams/{exam['exam_id']}/discard", {"token": empty, "reason": "old page"}),
            (f"/exams/{exam['exam_id']}/reidentify", {"token": empty, "reason": "old page", "key": "x"}),
            (f"/exams/{exam['exam_id']}/append", {"token": empty, "source": "us1"}),
            (f"/exams/{exam['exam_id']}/date", {"token": empty}),
            ("/exams/emergency", {"source": "us1", "token": empty}),
        ]
        for path, body in acts:
            with pytest.raises(errors.OutOfDate):
                box.post(path, body)
        assert (state_of(box, exam["exam_id"]), box.get(f"/exams/{exam['exam_id']}")["captured"]) == ("open", 1)
        box.post(f"/exams/{exam['exam_id']}/finish", {"token": opened})
        assert token() != opened
        box.post(f"/exams/{exam['exam_id']}/undo", {"token": token()})
        assert token() not in (opened, empty)  # an old page of the same exam stays old
        asked_before = token()
        box.kill()
        box.start()
        assert token() != asked_before  # the box asks now


def test_change_of_patient_is_one_act_with_both_names(sandbox: Sandbox, tmp_path: Path) -> None:
    Desk(sandbox.folder).books(OLENA, TARAS)
    with box_in(tmp_path / "box", toml_for(sandbox, undo_window_s=60)) as box:
        box.post("/worklist/refresh")
        first = start(box, chosen(box, "Коваль"))
        box.capture("one")
        view = chosen(box, "Шевч")
        assert view["open_exam"]["patient"]["name"] == "Коваль^Олена"
        with pytest.raises(errors.AnotherExamOpen):
            start(box, view)
        with pytest.raises(errors.OutOfDate):
            start(box, view, finish_open="another exam")
        second = start(box, view, finish_open=first["exam_id"])
        assert (state_of(box, first["exam_id"]), second["state"]) == ("finishing", "open")
        assert box.capture("two")["exam_id"] == second["exam_id"]
        with pytest.raises(errors.AnotherExamOpen):
            box.post(f"/exams/{first['exam_id']}/undo")
        # an emergency ends an exam without pictures by discarding it
        third = box.post("/exams/emergency", {"source": "us1", "finish_open": second["exam_id"]})
        fourth = box.post("/exams/emergency", {"source": "us1", "finish_open": third["exam_id"]})
        assert state_of(box, third["exam_id"]) == "discarded"
        box.capture("three")
        start(box, chosen(box, "Шевч"), finish_open=fourth["exam_id"])
        assert (state_of(box, fourth["exam_id"]), state_of(box, second["exam_id"])) == ("held", "finishing")
        assert [j for j in box.jobs() if j["state"] != "waiting"] == []


def test_a_replayed_post_starts_nothing_twice(sandbox: Sandbox, tmp_path: Path) -> None:
    Desk(sandbox.folder).books(OLENA)
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        box.post("/worklist/refresh")
        view = chosen(box, "Коваль")
        exam = start(box, view)
        with pytest.raises(errors.AnotherExamOpen):
            start(box, view)
        assert box.capture("the same press") == box.capture("the same press")
        assert box.get(f"/exams/{exam['exam_id']}")["captured"] == 1


# --- still this patient? -------------------------------------------------------------------------------------------


def test_an_idle_exam_asks_and_then_closes_itself_into_hold(sandbox: Sandbox, tmp_path: Path) -> None:
    time = FakeTime(tmp_path / "time")
    with box_in(tmp_path / "box", toml_for(sandbox), code=time.code) as box:
        exam = box.open_exam("Ґалаґан")
        box.capture("one")
        before = box.get("/sources")[0]["token"]
        time.passes(5 * 60.0 + 1)
        asking = box.get(f"/exams/{exam['exam_id']}")
        assert (asking["asks"], asking["paused"], asking["idle_s"] >= 300) == ("idle", False, True)
        assert box.get("/sources")[0]["token"] != before
        for path in ("capture", "clip/start"):
            with pytest.raises(errors.StillThisPatient):
                box.post(f"/sources/us1/{path}", {"trigger_id": "while it asks"})
        box.post(f"/exams/{exam['exam_id']}/resume")
        assert box.capture("two")["number"] == 2
        box.kill()  # a restart forgets neither question nor finish
        time.passes(40 * 60.0)
        box.start(code=time.code)
        wait_for("it closed itself", lambda: state_of(box, exam["exam_id"]) == "held", 20)
        held = box.get(f"/exams/{exam['exam_id']}")
        assert (held["reason"], held["captured"]) == ("idle", 2)
        assert [a["subject"] for a in box.get("/status")["alarms"] if a["code"] == "I-13"] == [exam["exam_id"]]
        with pytest.raises(errors.NoOpenExam):
            box.capture("three")
        assert sandbox.received() == []
        box.post(f"/exams/{exam['exam_id']}/release")
        wait_for("sent", box.all_sent)
        wait_for("no alarm", lambda: not [a for a in box.get("/status")["alarms"] if a["code"] == "I-13"], 20)


def test_an_idle_exam_without_a_picture_is_given_up(sandbox: Sandbox, tmp_path: Path) -> None:
    time = FakeTime(tmp_path / "time")
    with box_in(tmp_path / "box", toml_for(sandbox), code=time.code) as box:
        exam = box.post("/exams/emergency", {"source": "us1"})
        time.passes(31 * 60.0)
        wait_for("given up", lambda: state_of(box, exam["exam_id"]) == "discarded", 20)


def test_a_clip_that_is_being_recorded_is_use(sandbox: Sandbox, tmp_path: Path) -> None:
    time = FakeTime(tmp_path / "time")
    with box_in(tmp_path / "box", toml_for(sandbox), code=time.code) as box:
        exam = box.open_exam("Ґалаґан")
        box.post("/sources/us1/clip/start", {"trigger_id": "long"})
        time.passes(50 * 60.0)
        PAUSE.wait(11)  # one turn of the worker
        assert state_of(box, exam["exam_id"]) == "open"
        box.post("/sources/us1/clip/stop")
        assert box.get(f"/exams/{exam['exam_id']}")["asks"] == ""
        box.capture("right after it")


# --- presses -----------------------------------------------------------------------------------------------------


def test_b6_1_a_press_without_an_open_exam_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox, undo_window_s=60)) as box:
        with pytest.raises(errors.NoOpenExam):
            box.capture("nobody")
        exam = box.open_exam("Ґалаґан")
        box.capture("one")
        box.post(f"/exams/{exam['exam_id']}/finish")
        for path in ("capture", "clip/start"):
            with pytest.raises(errors.NoOpenExam):
                box.post(f"/sources/us1/{path}", {"trigger_id": "finishing"})
        other = box.open_exam("Щербак")
        with pytest.raises(errors.OutOfDate):
            box.post("/sources/us1/capture", {"trigger_id": "of another", "exam_id": exam["exam_id"]})
        assert box.get(f"/exams/{other['exam_id']}")["captured"] == 0


def test_a_typed_patient_is_checked_field_by_field(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        good = {"patient_name": "О’Коннор^Ґалина", "patient_id": "UA-77", "patient_birth_date": "19840309"}
        bad = (("patient_name", "Шев?енко"), ("patient_id", "1" * 65), ("patient_birth_date", "19840231"))
        for field, value in bad:
            with pytest.raises(errors.InvalidPatient) as refused:
                box.post("/exams/unscheduled", {"source": "us1", "patient": {**good, field: value}})
            assert value not in str(refused.value)
        exam = box.post("/exams/unscheduled", {"source": "us1", "patient": good})
        assert (exam["kind"], exam["accession_number"]) == ("unscheduled", "")
        box.capture("one")
        box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("sent", box.all_sent)
        assert sandbox.received()[0].patient_name == "О’Коннор^Ґалина"
