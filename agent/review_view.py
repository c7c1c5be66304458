"""What people see of review and correction: presets, requests for removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.key_object import CID_7011, TITLES
from agent.store import Exam, Job, Removal
from agent.view import PatientView
from agent.viewing import JOB_WORDS, patient_view


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeView:
    """A code of PS3.16 with its meaning."""

    value: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetsView:
    """What may be said of a picture of one source."""

    lateralities: tuple[str, ...]
    descriptions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalCodesView:
    """What a request for removal may say."""

    titles: tuple[CodeView, ...]
    reasons: tuple[CodeView, ...]
    """Only with 113001."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteView:
    """How far the note is on its way to one destination."""

    destination: str
    state: str
    """`being made`, `waiting`, `sending`, `sent`, `confirmed`, `held` or `discarded`."""
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalView:
    """One request, and what the administrator of the archive has to be told."""

    removal_id: str
    exam_id: str
    state: str
    """`told by note`: a person still has to tell the administrator; `done`."""
    at: str
    who: str
    code: str
    meaning: str
    reason: str
    reason_meaning: str
    words: str
    patient: PatientView
    accession_number: str
    study_instance_uid: str
    series_instance_uids: tuple[str, ...]
    sop_instance_uids: tuple[str, ...]
    """Of everything that is to be taken out."""
    notes: tuple[NoteView, ...]
    done_at: str
    done_by: str
    text: str
    """One sentence for the audit and the administrator, without the patient's name."""


def removal_view(removal: Removal, exam: Exam, named: Sequence[tuple[str, str]], jobs: Sequence[Job]) -> RemovalView:
    """Return a request as people see it; `named`: (Series, SOP Instance) of what it is about, `jobs` of its note."""
    by_destination = {job.destination: job for job in jobs}
    notes = tuple(_note(name, by_destination) for name in removal.destinations)
    return RemovalView(
        removal_id=removal.removal_id,
        exam_id=removal.exam_id,
        state=removal.state.value,
        at=removal.at,
        who=removal.who,
        code=removal.title,
        meaning=TITLES[removal.title],
        reason=removal.reason,
        reason_meaning=CID_7011.get(removal.reason, ""),
        words=removal.words,
        patient=patient_view(exam.snapshot.patient),
        accession_number=exam.snapshot.accession_number,
        study_instance_uid=exam.snapshot.study_instance_uid,
        series_instance_uids=tuple(dict.fromkeys(series for series, _ in named)),
        sop_instance_uids=tuple(instance for _, instance in named),
        notes=notes,
        done_at=removal.done_at,
        done_by=removal.done_by,
        text=audit_text(removal, exam, len(named)),
    )


def audit_text(removal: Removal, exam: Exam, count: int) -> str:
    """Return the sentence that goes into the audit: what was asked, of whom, by whom; no patient's name."""
    told = f"told to {', '.join(removal.destinations)}" if removal.destinations else "nobody had got anything"
    why = f", {CID_7011[removal.reason]} ({removal.reason})" if removal.reason else ""
    return (
        f"{removal.who} asked for the removal of {count} objects of study {exam.snapshot.study_instance_uid}: "
        f"{TITLES[removal.title]} ({removal.title}, DCM){why}; {told}."
    )


def _note(name: str, jobs: Mapping[str, Job]) -> NoteView:
    job = jobs.get(name)
    if job is None:
        return NoteView(destination=name, state="being made", words="")
    return NoteView(destination=name, state=JOB_WORDS[job.state], words=job.words)

