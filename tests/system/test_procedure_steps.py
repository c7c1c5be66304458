"""Modality Performed Procedure Steps from end to end: in order, offline or not, never in the way of images."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from agent import errors
from agent.dimse.sandbox.steps import told
from tests.system.world import Box, Sandbox, box_in, toml_for, wait_for

FAST = "\n[delivery]\nfirst_retry_s = 0.4\nlongest_retry_s = 1.0\nsuspended_probe_s = 1.0\n"


def steps(sandbox: Sandbox) -> list[Dataset]:
    return told(Path(sandbox.description["steps"]))


def message(box: Box, kind: str) -> dict[str, object]:
    return next((j for j in box.queue(kind)), {"state": "", "code": "", "attempts": 0})


def exam_of(box: Box, pictures: int = 2) -> str:
    exam = box.open_exam("Ґалаґан")
    for number in range(pictures):
        box.capture(f"press-{number}")
    return str(exam["exam_id"])


def test_a_step_begins_with_the_first_image_and_is_completed_with_the_exam(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        exam = exam_of(box)
        (begun,) = wait_for("told of the beginning", lambda: steps(sandbox))
        assert begun.PerformedProcedureStepStatus == "IN PROGRESS"
        assert str(begun.PatientName).startswith("Ґалаґан")
        (scheduled,) = begun.ScheduledStepAttributesSequence
        view = box.get(f"/exams/{exam}")
        assert scheduled.StudyInstanceUID == view["study_instance_uid"]
        assert scheduled.AccessionNumber == view["accession_number"]
        assert scheduled.ScheduledProcedureStepID.startswith("SPS-")
        box.post(f"/exams/{exam}/finish")
        wait_for("told of the end", lambda: steps(sandbox)[0].PerformedProcedureStepStatus == "COMPLETED")
        wait_for("sent", box.all_sent)
        (ended,) = steps(sandbox)
        (series,) = ended.PerformedSeriesSequence
        assert (series.SeriesInstanceUID, series.ProtocolName != "") == (view["series_instance_uid"], True)
        images = {(i.ReferencedSOPClassUID, i.ReferencedSOPInstanceUID) for i in series.ReferencedImageSequence}
        received = [dcmread(r.path, stop_before_pixels=True) for r in sandbox.received()]
        assert images == {(ds.SOPClassUID, ds.SOPInstanceUID) for ds in received}
        for ds in received:
            (reference,) = ds.ReferencedPerformedProcedureStepSequence
            assert reference.ReferencedSOPClassUID == "1.2.840.10008.3.1.2.3.3"
            assert ds.PerformedProcedureStepID == ended.PerformedProcedureStepID


def test_offline_the_order_is_kept_and_images_do_not_wait(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults(n_create=0x0213)
    with box_in(tmp_path / "box", toml_for(sandbox) + FAST) as box:
        exam = exam_of(box)
        box.post(f"/exams/{exam}/finish")
        wait_for("images went", box.all_sent)
        assert message(box, "n-create")["code"] == "0x0213"
        assert message(box, "n-set")["state"] == "waiting"
        assert steps(sandbox) == []
        sandbox.faults()
        wait_for("completed", lambda: [s.PerformedProcedureStepStatus for s in steps(sandbox)] == ["COMPLETED"])
        (step,) = steps(sandbox)
        assert step.PerformedProcedureStepStartTime <= step.PerformedProcedureStepEndTime


def test_a_wrong_entry_is_discontinued_with_its_code(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox, undo_window_s=60)) as box:
        exam = exam_of(box, 1)
        wait_for("begun", lambda: steps(sandbox))
        box.post(f"/exams/{exam}/discard", {"reason": "wrong row", "code": "110514"})
        wait_for("discontinued", lambda: steps(sandbox)[0].PerformedProcedureStepStatus == "DISCONTINUED")
        (step,) = steps(sandbox)
        (reason,) = step.PerformedProcedureStepDiscontinuationReasonCodeSequence
        assert (reason.CodeValue, reason.CodingSchemeDesignator) == ("110514", "DCM")
        assert len(step.PerformedSeriesSequence) == 1
        assert sandbox.received() == []


# PS3.4 F.7.2 and PS3.7 Annex C, transcribed: status of the N-CREATE, state of its job, tries at least.
CREATE = {
    0x0111: ("sent", 1), 0x0107: ("sent", 1), 0x0116: ("sent", 1), 0xB010: ("sent", 1), 0x0001: ("sent", 1),
    **dict.fromkeys((261, 262, 276, 277, 279, 288, 289, 530), ("held", 1)),
    **dict.fromkeys((280, 290, 292, 529, 531, 272, 4660), ("waiting", 1)),
    0x0210: ("held", 2),
}  # fmt: skip


def test_every_answer_to_the_beginning(sandbox: Sandbox, tmp_path: Path) -> None:
    toml = toml_for(sandbox, undo_window_s=60) + FAST.replace("longest_retry_s = 1.0", "longest_retry_s = 0.5")
    toml = toml.replace("suspended_probe_s = 1.0", "suspended_probe_s = 0.5")
    seen = {}
    with box_in(tmp_path / "box", toml) as box:
        for status, (state, tries) in CREATE.items():
            sandbox.faults(n_create=status)
            exam = box.open_exam("Ґалаґан")["exam_id"]
            box.capture(f"press-{status}")

            def job(exam: str = exam) -> dict[str, object]:
                return next(j for j in box.queue("n-create") if j["exam_id"] == exam)

            wanted = f"0x{status:04X}"
            settled = ("sent", "held") if state != "waiting" else ("waiting",)
            wait_for(wanted, lambda: (j := job())["code"] == wanted and j["state"] in settled, 20)  # noqa: B023
            seen[status] = (job()["state"], min(int(str(job()["attempts"])), tries))
            sandbox.faults()
            box.post(f"/exams/{exam}/discard", {"reason": "next row"})
            if state == "waiting":
                wait_for("told in the end", lambda: job()["state"] == "sent", 20)
    assert seen == CREATE


@pytest.mark.parametrize(("status", "state"), [(0x0213, "waiting"), (0x0106, "held"), (0x0110, "waiting")])
def test_answers_to_the_end(sandbox: Sandbox, tmp_path: Path, status: int, state: str) -> None:
    sandbox.faults(n_set=status)
    with box_in(tmp_path / "box", toml_for(sandbox) + FAST) as box:
        exam = exam_of(box, 1)
        box.post(f"/exams/{exam}/finish")
        wait_for("answered", lambda: (j := message(box, "n-set"))["code"] and j["state"] == state)
        wait_for("images went all the same", box.all_sent)
        sandbox.faults()
        if state == "waiting":
            wait_for("told", lambda: message(box, "n-set")["state"] == "sent")


def test_a_server_that_lost_the_step_gets_it_again_once(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults(n_set=0x0112)
    with box_in(tmp_path / "box", toml_for(sandbox) + FAST) as box:
        exam = exam_of(box, 1)
        box.post(f"/exams/{exam}/finish")
        wait_for("held after one more N-CREATE", lambda: message(box, "n-set")["state"] == "held", 20)
        created = message(box, "n-create")
        assert (created["state"], created["attempts"], created["code"]) == ("sent", 2, "0x0111")


def test_an_end_whose_answer_was_lost_is_told_again_and_counts(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox) + FAST) as box:
        exam = exam_of(box, 1)
        box.post(f"/exams/{exam}/finish")
        wait_for("completed", lambda: message(box, "n-set")["state"] == "sent")
        box.stop()
        with sqlite3.connect(box.data / "agent.sqlite3") as database:  # as a crash before the answer would leave it
            database.execute("UPDATE job SET state = 'running' WHERE kind = 'n-set'")
        database.close()
        box.start()
        wait_for("told again", lambda: message(box, "n-set")["state"] == "sent")
        told_again = message(box, "n-set")
        assert (told_again["attempts"], told_again["code"]) == (2, "0x0110")
        assert [s.PerformedProcedureStepStatus for s in steps(sandbox)] == ["COMPLETED"]


def test_what_is_told_to_the_ris_never_goes_to_an_archive(sandbox: Sandbox, tmp_path: Path) -> None:
    """Its worker knew nothing of such a message and ended, and the box with it, again after each start."""
    with box_in(tmp_path / "box", toml_for(sandbox) + FAST) as box:
        exam = exam_of(box, 1)
        box.post(f"/exams/{exam}/finish")
        wait_for("sent", lambda: box.all_sent() and message(box, "n-set")["state"] == "sent")
        wait_for("asked for commitment", lambda: box.queue("commit"))
        for kind in ("n-create", "n-set", "commit"):
            job = message(box, kind)
            with pytest.raises(errors.WrongState):
                box.post(f"/jobs/{job['job_id']}/redirect", {"destination": "sandbox-pacs", "reason": "elsewhere"})
        assert box.process is not None
        assert box.process.poll() is None
