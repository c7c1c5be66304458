"""Rows of the exam table: read, inserted, ended; parts of the transactions of `exams` and `moves`."""

from __future__ import annotations

import json
from dataclasses import dataclass

from agent.errors import AnotherExamOpen, NotFound, OrderChanged, OutOfDate
from agent.lifecycle import ExamState
from agent.model import Equipment, ExamKind, IdentitySnapshot
from agent.plain import from_plain, to_plain
from agent.store import steps
from agent.store.database import Connection, Row
from agent.store.transition import Stamp, move


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """One exam as the rooms above see it."""

    exam_id: str
    source: str
    state: ExamState
    reason: str
    kind: ExamKind
    entry_key: str
    snapshot: IdentitySnapshot
    snapshot_sha256: str
    equipment: Equipment
    series_instance_uid: str
    series_number: int
    opened_at: str
    opened_boottime_ns: int
    run_id: str
    boot_id: str
    """Boot of that run: `active_ns` counts from there."""
    active_ns: int
    """CLOCK_BOOTTIME of the last picture, or of the last time that a person said who the patient is."""
    warning: str
    """What a person should know about the order: `order-gone`, `order-changed`; empty: nothing."""
    moved_from: str
    """The exam whose pictures were moved here; empty: none."""
    finished_at: str
    release_due: float | None
    captured: int
    """Stills that are neither deleted nor purged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the exam that is open ends in the very act that opens another: `finish`, `hold` or `discard`."""

    exam_id: str
    event: str
    reason: str
    release_due: float


SELECT = """SELECT exam.*, (SELECT count(*) FROM frame WHERE frame.exam_id = exam.exam_id
    AND frame.composed = 0 AND frame.state IN ('captured', 'built', 'held')) AS captured,
    coalesce((SELECT boot_id FROM run WHERE run.run_id = exam.run_id), '') AS boot_id FROM exam """


def exam_from_row(row: Row) -> Exam:
    """Return the typed exam of one row of `SELECT`."""
    return Exam(
        exam_id=row["exam_id"],
        source=row["source"],
        state=ExamState(row["state"]),
        reason=row["reason"],
        kind=ExamKind(row["kind"]),
        entry_key=row["entry_key"],
        snapshot=from_plain(IdentitySnapshot, json.loads(row["snapshot"])),
        snapshot_sha256=row["snapshot_sha256"],
        equipment=from_plain(Equipment, json.loads(row["equipment"])),
        series_instance_uid=row["series_instance_uid"],
        series_number=row["series_number"],
        opened_at=row["opened_at"],
        opened_boottime_ns=row["opened_boottime_ns"],
        run_id=row["run_id"],
        boot_id=row["boot_id"],
        active_ns=row["active_ns"],
        warning=row["warning"],
        moved_from=row["moved_from"],
        finished_at=row["finished_at"],
        release_due=row["release_due"],
        captured=row["captured"],
    )


def patient_key(snapshot: IdentitySnapshot) -> str:
    """Return what tells two patients apart in the database: identifier and its issuer."""
    return f"{snapshot.patient.patient_id}\x1f{snapshot.patient.issuer_of_patient_id}"


def get(connection: Connection, exam_id: str) -> Exam:
    """Return one exam; raises `NotFound`."""
    row = connection.execute(SELECT + "WHERE exam_id = ?", (exam_id,)).fetchone()
    if row is None:
        raise NotFound("There is no such exam.")
    return exam_from_row(row)


def assert_free(connection: Connection, source: str) -> None:
    """Raise `AnotherExamOpen` while an exam is open on `source`."""
    if connection.execute("SELECT 1 FROM exam WHERE source = ? AND state = 'open'", (source,)).fetchone():
        raise AnotherExamOpen


def assert_same_entry(connection: Connection, key: str, digest: str) -> None:
    """Raise `OrderChanged` unless the worklist still holds the entry as it was shown and confirmed."""
    if not key:
        return
    row = connection.execute("SELECT digest FROM worklist_entry WHERE key = ?", (key,)).fetchone()
    if row is None or row["digest"] != digest:
        raise OrderChanged


def next_series_number(connection: Connection, study_instance_uid: str) -> int:
    """Return the Series Number after the highest that this box gave in the study."""
    query = "SELECT coalesce(max(series_number), 0) + 1 FROM exam WHERE study_instance_uid = ?"
    return int(connection.execute(query, (study_instance_uid,)).fetchone()[0])


def insert(
    connection: Connection,
    exam_id: str,
    source: str,
    state: ExamState,
    snapshot: IdentitySnapshot,
    equipment: Equipment,
    series_instance_uid: str,
    opened_boottime_ns: int,
    stamp: Stamp,
    *,
    entry_key: str = "",
    moved_from: str = "",
) -> None:
    """Write the row of a new exam; the caller notes what brought it about."""
    connection.execute(
        "INSERT INTO exam (exam_id, source, state, kind, entry_key, snapshot, snapshot_sha256, equipment,"
        " patient_key, study_instance_uid, series_instance_uid, series_number, opened_at,"
        " opened_boottime_ns, active_ns, run_id, moved_from)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            exam_id,
            source,
            state.value,
            snapshot.kind.value,
            entry_key,
            snapshot.canonical(),
            snapshot.digest(),
            json.dumps(to_plain(equipment), ensure_ascii=False, sort_keys=True),
            patient_key(snapshot),
            snapshot.study_instance_uid,
            series_instance_uid,
            next_series_number(connection, snapshot.study_instance_uid),
            stamp.at,
            opened_boottime_ns,
            stamp.boottime_ns,
            stamp.run_id,
            moved_from,
        ),
    )


STEP_ENDS = {"release": "complete", "discard": "discontinue"}


def end(connection: Connection, ending: Ending, stamp: Stamp) -> None:
    """Close one exam as a part of another act; raises `OutOfDate` when it is not the open one any more."""
    if get(connection, ending.exam_id).state is not ExamState.OPEN:
        raise OutOfDate
    move(connection, "exam", ending.exam_id, ending.event, stamp, code=ending.reason)
    if ending.event in STEP_ENDS:
        steps.end(connection, ending.exam_id, STEP_ENDS[ending.event], stamp)
    due = ending.release_due if ending.event == "finish" else None
    connection.execute(
        "UPDATE exam SET reason = ?, finished_at = ?, release_due = ? WHERE exam_id = ?",
        (ending.reason, stamp.at, due, ending.exam_id),
    )
