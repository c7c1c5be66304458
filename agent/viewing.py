"""From what is stored to what is seen: one function for each view, values in, view out."""

from __future__ import annotations

from agent.lifecycle import JobState
from agent.model import Patient
from agent.scans import Scanned
from agent.store import Exam, Job, StoredFrame
from agent.store.tray import TrayItem
from agent.view import FrameView, JobView, PatientView, ScanView, TrayView
from agent.wristband import Band

_JOB_WORDS = {
    JobState.PENDING: "waiting",
    JobState.WAITING: "waiting",
    JobState.RUNNING: "sending",
    JobState.DONE: "sent",
    JobState.CONFIRMED: "confirmed",
    JobState.HELD: "held",
    JobState.DISCARDED: "discarded",
}


def job_view(job: Job, exam: Exam, number: int, now: float) -> JobView:
    """Return one job as people see it; `number` is its picture's, `now` Unix seconds."""
    waits = job.state is JobState.PENDING
    return JobView(
        job_id=job.job_id,
        kind=job.kind,
        destination=job.destination,
        state=_JOB_WORDS[job.state],
        waits_for=job.waits_for,
        code=job.code,
        words=job.words,
        attempts=job.attempts,
        next_try_s=max(0.0, job.not_before - now) if waits else None,
        frame_id=job.frame_id,
        exam_id=job.exam_id,
        number=number,
        patient=patient_view(exam.snapshot.patient),
        sop_instance_uid=job.sop_instance_uid,
        settled_at=job.settled_at,
    )


def all_in(jobs: list[Job], states: tuple[JobState, ...]) -> set[str]:
    """Return the frames all of whose `jobs` are in one of `states`."""
    return {job.frame_id for job in jobs} - {job.frame_id for job in jobs if job.state not in states}


def patient_view(patient: Patient) -> PatientView:
    return PatientView(
        name=patient.patient_name,
        patient_id=patient.patient_id,
        birth_date=patient.patient_birth_date,
        sex=patient.patient_sex,
    )


def tray_view(item: TrayItem) -> TrayView:
    return TrayView(
        item_id=item.item_id,
        source=item.source,
        state=item.state,
        reason=item.reason,
        kind=str(item.facts.get("kind", "")),
        name=item.name,
        size=item.payload_size,
        arrived_at=item.arrived_at,
    )


def band_view(band: Band) -> PatientView:
    """Return what a wristband says, as a patient; empty where it says nothing."""
    return PatientView(
        name="^".join(part for part in (band.family, band.given) if part),
        patient_id=band.numbers[-1] if band.numbers else "",
        birth_date=band.birth_date,
        sex="",
    )


def scan_view(scanned: Scanned) -> ScanView:
    return ScanView(
        source=scanned.source,
        text=scanned.text,
        at=scanned.at,
        keys=scanned.keys,
        band=band_view(scanned.band),
        differs=scanned.differs,
        fits=scanned.fits,
    )


def frame_view(frame: StoredFrame) -> FrameView:
    record = frame.record
    return FrameView(
        frame_id=record.frame_id,
        exam_id=record.exam_id,
        number=record.instance_number,
        state=frame.state.value,
        reason=frame.reason,
        sop_instance_uid=record.sop_instance_uid,
        payload_sha256=record.payload_sha256,
        transfer_syntax_uid=record.transfer_syntax_uid,
        frame_number=record.frame_number,
        rows=record.rows,
        columns=record.columns,
        frames=record.number_of_frames,
        captured_at=frame.captured_at,
    )
