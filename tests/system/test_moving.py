"""Re-identify, append and the boot scan after a move that was cut off, through the real service (ruling 3)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from agent import errors
from tests.system.test_identity_safety import OLENA, OLHA, TARAS, chosen, row, start, state_of
from tests.system.world import PAUSE, Box, Json, Sandbox, box_in, toml_for, wait_for
from tests.traps.desk import Desk, order


def booked(sandbox: Sandbox, box: Box) -> None:
    Desk(sandbox.folder).books(OLENA, OLHA, TARAS)
    box.post("/worklist/refresh")


def to(box: Box, surname: str, **more: str) -> Json:
    entry = row(box, surname)
    return {"key": entry["key"], "digest": entry["digest"], "reason": "wrong row", **more}


def stored(sandbox: Sandbox) -> list[Dataset]:
    index = Path(sandbox.description["received"]) / "index.jsonl"
    files = [json.loads(line)["file"] for line in index.read_text().splitlines()] if index.exists() else []
    return [dcmread(index.parent / file) for file in files]


def test_an_open_exam_moves_and_goes_on_under_the_right_patient(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        booked(sandbox, box)
        wrong = start(box, chosen(box, "Коваль^Олена"))
        pictures = [box.capture(f"press {n}") for n in (1, 2)]
        clip = record_clip(box)
        right = box.post(f"/exams/{wrong['exam_id']}/reidentify", to(box, "Коваль^Ольга"))
        assert (right["state"], right["moved_from"], right["captured"]) == ("open", wrong["exam_id"], 3)
        assert right["patient"]["patient_id"] == "UA-00000002"
        assert state_of(box, wrong["exam_id"]) == "discarded"
        moved = right["frames"]
        assert [f["payload_sha256"] for f in moved] == [f["payload_sha256"] for f in (*pictures, clip)]
        uids = {f["sop_instance_uid"] for f in (*pictures, clip)}
        assert not uids & {f["sop_instance_uid"] for f in moved}
        assert right["series_instance_uid"] != wrong["series_instance_uid"]
        with pytest.raises(errors.ExamClosed):  # the old press again names no picture of the new exam
            box.capture("press 1")
        assert box.capture("press 3")["number"] == 4
        box.post(f"/exams/{right['exam_id']}/finish")
        wait_for("all is sent", lambda: len(box.jobs()) == 4 and box.all_sent(), 60)
        got = stored(sandbox)
        assert {str(d.PatientID) for d in got} == {"UA-00000002"}
        assert {str(d.StudyInstanceUID) for d in got} == {right["study_instance_uid"]}
        assert not uids & {str(d.SOPInstanceUID) for d in got}
        (moves,) = [box.get("/corrections")]
        assert [(m["old_exam_id"], m["new_exam_id"], m["removal"]) for m in moves] == [
            (wrong["exam_id"], right["exam_id"], "")
        ]
        names = json.loads(moves[0]["text"])
        assert (names["from"]["name"], names["to"]["name"]) == ("Коваль^Олена", "Коваль^Ольга")
        wait_for("the RIS was told", lambda: told(box, wrong["exam_id"]) == "discontinued")
        assert reason_told(box, wrong["exam_id"]) == "110514"
        wait_for("the RIS was told", lambda: told(box, right["exam_id"]) == "completed")
        log = box.text()
    for canary in ("Коваль", "UA-0000000"):
        assert canary not in log


def record_clip(box: Box) -> Json:
    box.post("/sources/us1/clip/start", {"trigger_id": "clip"})
    PAUSE.wait(1.2)
    return box.post("/sources/us1/clip/stop")


def told(box: Box, exam_id: str) -> str:
    with sqlite3.connect(box.data / "agent.sqlite3") as connection:
        row = connection.execute("SELECT state FROM procedure_step WHERE exam_id = ?", (exam_id,)).fetchone()
    jobs = {j["kind"]: j["state"] for j in box.get("/queue") if j["exam_id"] == exam_id and j["kind"].startswith("n-")}
    return row[0] if row and jobs == {"n-create": "sent", "n-set": "sent"} else ""


def reason_told(box: Box, exam_id: str) -> str:
    with sqlite3.connect(box.data / "agent.sqlite3") as connection:
        query = "SELECT reason FROM procedure_step WHERE exam_id = ?"
        return str(connection.execute(query, (exam_id,)).fetchone()[0])


def test_an_emergency_exam_gets_its_order(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        booked(sandbox, box)
        exam = box.post("/exams/emergency", {"source": "us1"})
        picture = box.capture("one")
        box.post(f"/exams/{exam['exam_id']}/finish")
        assert state_of(box, exam["exam_id"]) == "held"
        with pytest.raises(errors.BadRequest):
            box.post(f"/exams/{exam['exam_id']}/reidentify", to(box, "Шевченко", reason=" "))
        body = to(box, "Шевченко", mode="reenter", typed="9999")
        with pytest.raises(errors.NotConfirmed):
            box.post(f"/exams/{exam['exam_id']}/reidentify", body)
        assert state_of(box, exam["exam_id"]) == "held"
        ordered = box.post(f"/exams/{exam['exam_id']}/reidentify", {**body, "typed": "0003"})
        assert (ordered["kind"], ordered["accession_number"]) == ("scheduled", "ACC-0003")
        wait_for("sent", box.all_sent)
        (got,) = stored(sandbox)
        assert (str(got.PatientID), str(got.AccessionNumber)) == ("UA-00000003", "ACC-0003")
        assert str(got.StudyInstanceUID) == ordered["study_instance_uid"]
        assert sandbox.received()[0].pixels_sha256 == picture["payload_sha256"]
        assert got.RequestAttributesSequence[0].ScheduledProcedureStepID == "SPS-0003"
        with pytest.raises(errors.WrongState):  # it was discarded: nothing to move any more
            box.post(f"/exams/{exam['exam_id']}/reidentify", to(box, "Коваль^Олена"))


def test_a_swapped_order_or_another_open_exam_moves_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox, undo_window_s=60)) as box:
        booked(sandbox, box)
        exam = start(box, chosen(box, "Коваль^Олена"))
        box.capture("one")
        asked = to(box, "Коваль^Ольга")
        Desk(sandbox.folder).books(OLENA, {**OLHA, "PatientBirthDate": "19710203"})
        box.post("/worklist/refresh")
        with pytest.raises(errors.OrderChanged):
            box.post(f"/exams/{exam['exam_id']}/reidentify", asked)
        with pytest.raises(errors.WrongState):
            box.post(f"/exams/{exam['exam_id']}/reidentify", to(box, "Коваль^Олена"))
        assert box.get(f"/exams/{exam['exam_id']}")["captured"] == 1
        assert len(list((box.data / "spool/frames").iterdir())) == 1
        # A typed patient will do as well, with a study of its own.
        body = {"reason": "no order", "patient": {"patient_name": "Бондар^Ія", "patient_id": "UA-9"}}
        box.post(f"/exams/{exam['exam_id']}/finish")
        moved = box.post(f"/exams/{exam['exam_id']}/reidentify", body)
        assert (moved["kind"], moved["state"]) == ("unscheduled", "finishing")
        assert moved["study_instance_uid"] != exam["study_instance_uid"]
        undone = box.post(f"/exams/{moved['exam_id']}/undo")
        assert (undone["state"], undone["patient"]["patient_id"]) == ("open", "UA-9")


def test_after_sending_the_new_exam_is_made_and_the_removal_wanted(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        booked(sandbox, box)
        wrong = start(box, chosen(box, "Коваль^Олена"))
        box.capture("one")
        box.post(f"/exams/{wrong['exam_id']}/finish")
        wait_for("committed", lambda: state_of(box, wrong["exam_id"]) == "committed")
        right = box.post(f"/exams/{wrong['exam_id']}/reidentify", to(box, "Коваль^Ольга"))
        wait_for("sent", lambda: state_of(box, right["exam_id"]) == "committed")
        first, second = stored(sandbox)[:2]
        assert (str(first.PatientID), str(second.PatientID)) == ("UA-00000001", "UA-00000002")
        assert first.SOPInstanceUID != second.SOPInstanceUID
        assert first.PixelData == second.PixelData
        assert box.get("/corrections")[0]["removal"] in ("wanted", "asked")
        if box.get("/corrections")[0]["removal"] == "wanted":  # nobody asks the archive: a person has to
            assert [a["subject"] for a in box.get("/status")["alarms"] if a["code"] == "I-14"] == [wrong["exam_id"]]


def finished_with_one_picture(box: Box) -> tuple[str, Callable[[], list[str]]]:
    """Return the exam and what tells the states of its picture's tries."""
    wrong = start(box, chosen(box, "Коваль^Олена"))["exam_id"]
    picture = box.capture("one")["frame_id"]
    box.post(f"/exams/{wrong}/finish")
    return wrong, lambda: [j["state"] for j in box.jobs() if j["frame_id"] == picture and j["attempts"]]


@pytest.mark.parametrize("state", ["waiting", "sending"])
def test_what_waits_in_the_queue_is_not_sent_once_it_moved(sandbox: Sandbox, tmp_path: Path, state: str) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        booked(sandbox, box)
        sandbox.faults(status=0xA700, delay_s=2.0 if state == "sending" else 0.0)
        wrong, states = finished_with_one_picture(box)
        wait_for(state, lambda: states() == [state])
        right = box.post(f"/exams/{wrong}/reidentify", to(box, "Коваль^Ольга"))
        # One that is on its way when it is moved may arrive: the archive refuses it here until that try is over.
        wait_for("given up", lambda: states() == ["discarded"], 60)
        sandbox.faults()
        wait_for("sent", lambda: state_of(box, right["exam_id"]) in ("delivered", "committed"), 90)
        assert {one.patient_id for one in sandbox.received()} == {"UA-00000002"}


def test_what_may_have_arrived_is_to_be_removed_although_it_waited_again(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        booked(sandbox, box)
        sandbox.faults(drop_after_store=True)
        wrong, states = finished_with_one_picture(box)
        wait_for("it waits", lambda: states() == ["waiting"])
        assert {one.patient_id for one in sandbox.received()} == {"UA-00000001"}
        box.post(f"/exams/{wrong}/reidentify", to(box, "Коваль^Ольга"))
        sandbox.faults()
        (removal,) = box.get(f"/exams/{wrong}/removals")
        assert removal["state"] == "told by note", removal
        wait_for("the archive is told", lambda: [d for d in stored(sandbox) if d.Modality == "KO"], 90)


def test_one_more_series_of_a_known_study(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        booked(sandbox, box)
        first = start(box, chosen(box, "Шевченко"))
        box.capture("one")
        with pytest.raises(errors.WrongState):
            box.post(f"/exams/{first['exam_id']}/append", {"source": "us1"})
        box.post(f"/exams/{first['exam_id']}/finish")
        wait_for("sent", box.all_sent)
        assert box.get(f"/exams/{first['exam_id']}")["appendable"]
        body = {"source": "us1", "mode": "scan"}
        with pytest.raises(errors.IdentityMismatch):
            box.post(f"/exams/{first['exam_id']}/append", {**body, "typed": "UA-00000001"})
        second = box.post(f"/exams/{first['exam_id']}/append", {**body, "typed": "UA-00000003"})
        assert second["study_instance_uid"] == first["study_instance_uid"]
        box.capture("two")
        box.post(f"/exams/{second['exam_id']}/finish")
        wait_for("sent", lambda: len(box.jobs()) == 2 and box.all_sent())
        one, two = stored(sandbox)
        assert one.StudyInstanceUID == two.StudyInstanceUID
        assert (one.StudyDate, one.StudyTime) == (two.StudyDate, two.StudyTime)
        assert one.SeriesInstanceUID != two.SeriesInstanceUID
        assert (int(one.SeriesNumber), int(two.SeriesNumber)) == (1, 2)
        assert one.AccessionNumber == two.AccessionNumber == "ACC-0003"


@pytest.mark.parametrize("step", ["move:clip-linked", "move:written", "move:folder-synced", "move:files-written"])
def test_a_move_that_was_cut_off_never_happened(sandbox: Sandbox, tmp_path: Path, step: str) -> None:
    box = Box(tmp_path / "box", toml_for(sandbox, undo_window_s=60))
    box.start(MODALITY_AGENT_KILL_AT=step)
    try:
        booked(sandbox, box)
        exam = start(box, chosen(box, "Коваль^Олена"))
        box.capture("one")
        record_clip(box)
        before = sorted(p.name for p in (box.data / "spool").rglob("*") if p.is_file())
        with pytest.raises(errors.AgentError):
            box.post(f"/exams/{exam['exam_id']}/reidentify", to(box, "Коваль^Ольга"))
        box.process.wait(timeout=10)
        box.start()
        assert sorted(p.name for p in (box.data / "spool").rglob("*") if p.is_file()) == before
        assert (state_of(box, exam["exam_id"]), len(box.get("/exams"))) == ("open", 1)
        assert not box.get("/status")["alarms"]
        moved = box.post(f"/exams/{exam['exam_id']}/reidentify", to(box, "Коваль^Ольга"))
        assert moved["captured"] == 2
    finally:
        box.stop()


def test_a_move_that_was_recorded_stays(sandbox: Sandbox, tmp_path: Path) -> None:
    box = Box(tmp_path / "box", toml_for(sandbox))
    box.start(MODALITY_AGENT_KILL_AT="move:recorded")
    try:
        booked(sandbox, box)
        exam = start(box, chosen(box, "Коваль^Олена"))
        box.capture("one")
        with pytest.raises(errors.AgentError):
            box.post(f"/exams/{exam['exam_id']}/reidentify", to(box, "Коваль^Ольга"))
        box.process.wait(timeout=10)
        box.start()
        new, old = box.get("/exams")
        assert (old["state"], new["state"], new["moved_from"]) == ("discarded", "open", exam["exam_id"])
        assert new["asks"] == "restart"
        box.post(f"/exams/{new['exam_id']}/resume")
        box.post(f"/exams/{new['exam_id']}/finish")
        wait_for("sent", box.all_sent)
        assert {one.patient_id for one in sandbox.received()} == {"UA-00000002"}
    finally:
        box.stop()


def test_a_lost_database_brings_a_moved_picture_back_under_the_right_patient(sandbox: Sandbox, tmp_path: Path) -> None:
    box = Box(tmp_path / "box", toml_for(sandbox, undo_window_s=60))
    box.start()
    try:
        booked(sandbox, box)
        exam = start(box, chosen(box, "Коваль^Олена"))
        box.capture("one")
        box.post(f"/exams/{exam['exam_id']}/reidentify", to(box, "Коваль^Ольга"))
        box.stop()
        for file in box.data.glob("agent.sqlite3*"):
            file.unlink()
        box.start()
        (back,) = box.get("/exams")
        assert (back["state"], back["patient"]["patient_id"], back["held"]) == ("held", "UA-00000002", 1)
    finally:
        box.stop()


def test_orders_of_one_study_under_two_patients_are_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox, undo_window_s=60)) as box:
        Desk(sandbox.folder).books(OLENA, TARAS)
        box.post("/worklist/refresh")
        exam = start(box, chosen(box, "Коваль"))
        box.capture("one")
        box.post(f"/exams/{exam['exam_id']}/finish")
        Desk(sandbox.folder).books(order(7, "Чужа^Особа", "UA-00000007", study="0001"))
        box.post("/worklist/refresh")
        with pytest.raises(errors.IdentityBlocked):
            start(box, chosen(box, "Чужа"))
