"""Removal after sending, through the real service: what the PACS and the RIS are told, and what never leaves."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from agent.cli.client import NotRunning
from agent.errors import AgentError
from tests import pki
from tests.integration.test_archives import destination
from tests.integration.test_archives import toml as archive_toml
from tests.peers.dcmtk import storescp
from tests.peers.orthanc import orthanc
from tests.system.test_procedure_steps import steps
from tests.system.test_review import an_exam, documents, images, named, refused, release, toml
from tests.system.world import Box, Json, Sandbox, box_in, wait_for

WRONG, SAFETY, QUALITY = "113038", "113037", "113001"
FAST = "\n[delivery]\nfirst_retry_s = 0.4\nlongest_retry_s = 1.0\n"


def ask(box: Box, exam: str, code: str = WRONG, **more: Any) -> Json:
    return box.post(f"/exams/{exam}/removal", {"code": code, "words": "Не той пацієнт", **more})


def sent_exam(box: Box, sandbox: Sandbox, pictures: int = 2) -> tuple[str, list[Json]]:
    before = len(images(sandbox))
    exam, frames = an_exam(box, pictures)
    release(box, exam)
    wait_for("sent", lambda: len(images(sandbox)) == before + pictures and box.all_sent())
    return exam, frames


def title(ds: Dataset) -> str:
    return str(ds.ConceptNameCodeSequence[0].CodeValue)


def test_a_sent_exam_is_rejected_with_the_wrong_patients_identity(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml(sandbox)) as box:
        exam, frames = sent_exam(box, sandbox)
        assert refused(box, f"/exams/{exam}/discard", {"reason": "x"}) == "S-07"
        view = ask(box, exam)
        assert view["text"].startswith("box asked for the removal of 2 objects of study ")
        assert view["patient"]["name"] not in view["text"]
        wait_for("the note", lambda: len(documents(sandbox)) == 1)
        wait_for("sent", lambda: box.get("/removals")[0]["notes"][0]["state"] in ("sent", "confirmed"))
        assert box.get(f"/exams/{exam}")["state"] == "rejected"
        assert {f["state"] for f in box.get(f"/exams/{exam}")["frames"]} == {"rejected"}
        assert refused(box, f"/exams/{exam}/removal", {"code": WRONG}) == "R-03"
        (task,) = box.get("/removals")
        box.post(f"/removals/{task['removal_id']}/done", {"words": "phoned"})
        assert refused(box, f"/removals/{task['removal_id']}/done") == "S-07"
        assert box.get("/removals") == []
        assert box.get(f"/exams/{exam}/removals")[0]["done_by"] == "box"
        # whatever brings a job of it back into the queue, it does not leave
        with sqlite3.connect(box.data / "agent.sqlite3") as database:
            database.execute("UPDATE job SET state = 'pending', not_before = 0 WHERE kind = 'store' AND frame_id = ?",
                             (frames[0]["frame_id"],))  # fmt: skip
        database.close()
        wait_for("given up", lambda: box.job(frames[0]["sop_instance_uid"])["state"] == "discarded", 90)
    (note,) = documents(sandbox)
    first = images(sandbox)[0]
    assert named(note) == {f["sop_instance_uid"] for f in frames}
    assert (title(note), note.PatientID, note.PatientName) == (WRONG, first.PatientID, first.PatientName)
    assert (note.StudyInstanceUID, note.Modality) == (first.StudyInstanceUID, "KO")
    assert note.SeriesInstanceUID != first.SeriesInstanceUID
    assert len(images(sandbox)) == 2, "nothing was sent again"


def test_a_step_in_progress_is_discontinued_and_what_was_not_sent_never_is(sandbox: Sandbox, tmp_path: Path) -> None:
    text = toml(sandbox, undo_window_s=1, release="picture") + FAST
    with box_in(tmp_path / "box", text) as box:
        exam, (first,) = an_exam(box, 1)
        wait_for("sent by itself", lambda: len(images(sandbox)) == 1 and box.all_sent())
        sandbox.faults(status=0xA700)
        second = box.capture("a second one")
        wait_for("refused", lambda: (j := box.job(second["sop_instance_uid"])) and j["code"] == "0xA700")
        third = box.capture("a third one")
        assert ask(box, exam)["patient"]["name"].startswith("Ґалаґан")
        sandbox.faults()
        wait_for("the note", lambda: len(documents(sandbox)) == 1)
        wait_for("discontinued", lambda: steps(sandbox)[0].PerformedProcedureStepStatus == "DISCONTINUED")
        assert box.get(f"/exams/{exam}")["state"] == "rejected"
        with pytest.raises(AgentError):
            box.capture("one too many")
        wait_for("nothing waits", lambda: box.get("/status")["unsent"] == 0)
    (reason,) = steps(sandbox)[0].PerformedProcedureStepDiscontinuationReasonCodeSequence
    assert reason.CodeValue == "110514"
    assert [ds.SOPInstanceUID for ds in images(sandbox)] == [first["sop_instance_uid"]]
    assert named(documents(sandbox)[0]) == {first["sop_instance_uid"]}, "a definite refusal is not there"
    assert third["sop_instance_uid"] not in {ds.SOPInstanceUID for ds in images(sandbox)}


def test_an_answer_that_was_lost_counts_as_perhaps_there(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults(drop_after_store=True)
    with box_in(tmp_path / "box", toml(sandbox) + FAST) as box:
        exam, (first,) = an_exam(box, 1)
        release(box, exam)
        wait_for("tried", lambda: (j := box.job(first["sop_instance_uid"])) and j["attempts"] >= 1 and j["code"])
        view = ask(box, exam, SAFETY)
        assert view["notes"]
        sandbox.faults()
        wait_for("the note", lambda: len(documents(sandbox)) == 1, 60)
    assert named(documents(sandbox)[0]) == {first["sop_instance_uid"]}
    assert title(documents(sandbox)[0]) == SAFETY


def test_what_nobody_got_is_taken_back_without_a_note(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults(status=0xA700)
    with box_in(tmp_path / "box", toml(sandbox) + FAST) as box:
        exam, (first,) = an_exam(box, 1)
        assert refused(box, f"/exams/{exam}/removal", {"code": "110514"}) == "S-08"
        assert refused(box, f"/exams/{exam}/removal", {"code": QUALITY}) == "S-08"
        assert refused(box, f"/exams/{exam}/removal", {"code": WRONG, "frame_ids": [first["frame_id"]]}) == "R-02"
        release(box, exam)
        wait_for("refused", lambda: (j := box.job(first["sop_instance_uid"])) and j["code"] == "0xA700")
        view = ask(box, exam)
        assert (view["notes"], view["state"]) == ([], "done")
        sandbox.faults()
        wait_for("nothing waits", lambda: box.get("/status")["unsent"] == 0)
        assert box.get("/removals") == []
    assert images(sandbox) + documents(sandbox) == []


def test_one_picture_of_bad_quality_and_the_document_that_named_it(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml(sandbox)) as box:
        exam, (first, second) = an_exam(box, 2)
        box.post(f"/frames/{first['frame_id']}/key", {"on": True})
        release(box, exam)
        wait_for("sent", lambda: len(images(sandbox)) == 2 and len(documents(sandbox)) == 1 and box.all_sent())
        wait_for("confirmed", lambda: box.get(f"/exams/{exam}")["state"] == "committed")
        view = ask(box, exam, QUALITY, reason="111210", frame_ids=[first["frame_id"]])
        assert len(view["sop_instance_uids"]) == 2
        wait_for("the note", lambda: len(documents(sandbox)) == 2)
        assert box.get(f"/exams/{exam}")["state"] == "committed"
        states = {f["frame_id"]: f["state"] for f in box.get(f"/exams/{exam}")["frames"]}
        assert states == {first["frame_id"]: "rejected", second["frame_id"]: "built"}
        assert ask(box, exam, WRONG)["sop_instance_uids"] == [second["sop_instance_uid"]]
        wait_for("the second note", lambda: len(documents(sandbox)) == 3)
        assert box.get(f"/exams/{exam}")["state"] == "rejected"
    interest, quality, _ = documents(sandbox)
    assert named(quality) == {first["sop_instance_uid"], str(interest.SOPInstanceUID)}
    assert quality.ContentSequence[0].ConceptCodeSequence[0].CodeValue == "111210"
    numbers = [ds.SeriesNumber for ds in documents(sandbox)]
    assert len(set(numbers)) == 3


@pytest.mark.timeout(400)
def test_a_crash_between_any_two_steps_is_harmless(sandbox: Sandbox, tmp_path: Path) -> None:
    """Each life dies at another step of a removal, or of a document of key images; the next one finishes it."""
    box = Box(tmp_path / "box", toml(sandbox))
    plan = ("removal:requested#1", "document:settled#1", "build:frozen#2", "document:settled#1", "document:settled#2",
            "build:written#3", "build:renamed#3", "build:verified#3", "build:queued#3", "send:answered#3")  # fmt: skip
    exams: dict[str, set[str]] = {}
    for step in plan:
        box.start(ready=False, MODALITY_AGENT_KILL_AT=step)
        with suppress(NotRunning, AgentError, AssertionError):
            box.wait_ready()
            exam, frames = an_exam(box, 2)
            exams[exam] = {f["sop_instance_uid"] for f in frames}
            box.post(f"/frames/{frames[0]['frame_id']}/key", {"on": True})
            release(box, exam)
            wait_for("built", lambda e=exam: box.get(f"/exams/{e}")["state"] in ("delivered", "committed"), 20)
            ask(box, exam)
        wait_for(f"death at {step}", lambda: box.process.poll() is not None, 20)
    box.start()
    for exam in exams:
        with suppress(AgentError):  # it is rejected, or the request never arrived and is made now
            if box.get(f"/exams/{exam}")["state"] == "open":
                box.post(f"/exams/{exam}/resume")
                release(box, exam)
            wait_for("delivered", lambda e=exam: box.get(f"/exams/{e}")["state"] != "released", 40)
            ask(box, exam)
    wait_for("all sent", lambda: box.get("/status")["unsent"] == 0, 60)
    assert {box.get(f"/exams/{exam}")["state"] for exam in exams} == {"rejected"}
    wait_for("every note", lambda: all(note["state"] in ("sent", "confirmed")
             for task in box.get("/removals") for note in task["notes"]), 60)  # fmt: skip
    assert len(box.get("/removals")) >= 3
    box.stop()
    by_uid: dict[str, set[bytes]] = {}
    for ds in documents(sandbox):
        by_uid.setdefault(str(ds.SOPInstanceUID), set()).add(ds.to_json().encode())
    assert all(len(contents) == 1 for contents in by_uid.values()), "one UID, one content"
    notes = {str(d.SOPInstanceUID): d for d in documents(sandbox) if title(d) == WRONG}
    interest = {str(d.SOPInstanceUID) for d in documents(sandbox) if title(d) == "113000"}
    there = {str(ds.SOPInstanceUID) for ds in images(sandbox)} | interest
    rejected = {uid for note in notes.values() for uid in named(note)}
    assert there <= rejected, "whatever the PACS has is named by a note"
    assert set().union(*exams.values()) & there == set().union(*exams.values()) & rejected


@pytest.mark.peers
def test_orthanc_and_dcmtk_take_the_note(tmp_path: Path) -> None:
    p = pki.make(tmp_path / "pki")
    with (
        orthanc(tmp_path / "orthanc", p, "AGENT") as pacs,
        storescp(tmp_path / "scp", p, "+xi") as port,
    ):
        told = archive_toml(
            p,
            destination("orthanc", "ORTHANC", pacs.port, "commitment = true")
            + destination("narrow", "STORESCP", port),
            listener=pacs.box,
        )
        with box_in(tmp_path / "box", told) as box:
            patient = {"patient_name": "Ґалаґан^Їванна", "patient_id": "UA-1"}
            exam = box.post("/exams/unscheduled", {"source": "us1", "patient": patient})["exam_id"]
            frames = [box.capture(f"press-{n}") for n in range(2)]
            box.post(f"/frames/{frames[1]['frame_id']}/key", {"on": True})
            box.post(f"/exams/{exam}/finish")
            wait_for("committed", lambda: box.get(f"/exams/{exam}")["state"] == "committed", 60)
            ask(box, exam)
            noted = {"confirmed", "sent"}
            wait_for("noted", lambda: {n["state"] for n in box.get("/removals")[0]["notes"]} == noted, 60)
        found = pacs.find(Modality="KO")
        assert len(found) == 2
        assert {row["PatientID"] for row in found} == {"UA-1"}
    from pydicom import dcmread

    kept = [dcmread(f) for f in (tmp_path / "scp" / "received").iterdir()]
    notes = [ds for ds in kept if ds.Modality == "KO"]
    assert {title(ds) for ds in notes} == {"113000", WRONG}
    assert {str(ds.file_meta.TransferSyntaxUID) for ds in notes} == {"1.2.840.10008.1.2"}, "changed into what it takes"
    (note,) = [ds for ds in notes if title(ds) == WRONG]
    assert named(note) == {str(ds.SOPInstanceUID) for ds in kept} - {str(note.SOPInstanceUID)}
