"""From what is stored to what is seen: one function for each view, values in, view out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from agent.lifecycle import FrameState, JobState
from agent.model import FrameRecord, Patient
from agent.scans import Scanned
from agent.sop_classes import KEY_OBJECT, SOP_CLASSES, VIDEO
from agent.store import Exam, Job, Remarks, StoredFrame
from agent.store.jobs import STORE
from agent.store.tray import TrayItem
from agent.view import FrameView, JobView, PatientView, ScanView, TrayView
from agent.wristband import Band

UNREMARKED = Remarks()
JOB_WORDS = {
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
        state=JOB_WORDS[job.state],
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


def frame_view(frame: StoredFrame, remarks: Remarks = UNREMARKED, jobs: Sequence[Job] = ()) -> FrameView:
    """Return one picture as people see it, with what was said of it and what became of its `jobs`."""
    record = frame.record
    required = [job for job in jobs if job.required]
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
        key=remarks.key,
        laterality=remarks.said.laterality,
        description=remarks.said.description,
        frozen=remarks.frozen,
        sent=bool(required) and all(job.state in _SENT for job in required),
        confirmed=any(job.commits for job in jobs)
        and all(job.state is JobState.CONFIRMED for job in jobs if job.commits),
        waiting=sum(job.state in _UNSENT for job in jobs),
        held_words=_held_words(frame, jobs),
        page=remarks.page or (record.page_numbers[0] if len(record.page_numbers) == 1 else 0),
        duration_ms=sum(record.frame_times_ms) or record.frame_time_ms * record.number_of_frames,
        kind=kind_of(record),
    )


def frame_views(
    frames: Sequence[StoredFrame], remarks: Mapping[str, Remarks], jobs: Sequence[Job]
) -> tuple[FrameView, ...]:
    """Return the pictures of one exam, each with what was said of it and its own jobs."""
    own: defaultdict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        own[job.frame_id].append(job)
    return tuple(
        frame_view(frame, remarks.get(frame.record.frame_id, UNREMARKED), own[frame.record.frame_id])
        for frame in frames
    )


def is_picture(job: Job) -> bool:
    """Return whether a job sends a picture: not a message, and not a key object document."""
    return job.kind == STORE and job.sop_class_uid != KEY_OBJECT


def kind_of(record: FrameRecord) -> str:
    """Return what a picture is for people: `still`, `clip`, `page`, `document` or `video`."""
    if record.sop_class_uid == SOP_CLASSES["encapsulated-pdf"] or len(record.page_numbers) > 1:
        return "document"
    if record.payload_file or record.frame_sizes or record.frame_times_ms:
        return "clip"
    if record.sop_class_uid in VIDEO:
        return "video"
    return "page" if record.page_numbers else "still"


def _held_words(frame: StoredFrame, jobs: Sequence[Job]) -> str:
    if frame.state is FrameState.HELD:
        return frame.reason
    return next((job.words for job in jobs if job.state is JobState.HELD), "")


_SENT = (JobState.DONE, JobState.CONFIRMED)
_UNSENT = (JobState.PENDING, JobState.WAITING, JobState.RUNNING)
