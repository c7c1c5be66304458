"""Modality Performed Procedure Steps: born with the first image, ended with the exam, told in order (PS3.4 Annex F).

A step's N-SET waits until its N-CREATE was answered and every picture of the exam is built or held, so that it
names the objects by their real classes. Steps never hold up images, nor images steps.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.lifecycle import JobState, StepState
from agent.store.database import Connection, Database, Row
from agent.store.transition import Stamp, move, note


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep:
    """What a first image begins where the site tells procedure steps."""

    step_uid: str
    step_id: str
    destination: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One performed procedure step; `reason` is a code of CID 9300 where it was discontinued."""

    step_uid: str
    exam_id: str
    step_id: str
    state: StepState
    started_at: str
    ended_at: str
    reason: str


class ProcedureSteps:
    """Every question about steps; what changes them happens inside the exam's own transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_exam(self, exam_id: str) -> Step | None:
        """Return the step of an exam; None where none was begun."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM procedure_step WHERE exam_id = ?", (exam_id,)).fetchone()
        return _step(row) if row else None

    def performed(self, exam_id: str) -> list[tuple[str, str]]:
        """Return (SOP Class UID, SOP Instance UID) of every object built of an exam, in order.

        A rejection note belongs to no step.
        """
        query = """SELECT sop_instance.sop_class_uid, sop_instance.sop_instance_uid FROM frame
            JOIN sop_instance USING (frame_id) LEFT JOIN key_object USING (frame_id)
            WHERE frame.exam_id = ? AND frame.state IN ('built', 'purged', 'rejected')
            AND coalesce(key_object.purpose, '') <> 'removal' ORDER BY frame.composed, frame.instance_number"""
        with self._database.read() as connection:
            return [(row[0], row[1]) for row in connection.execute(query, (exam_id,))]

    def create_again(self, exam_id: str, stamp: Stamp) -> None:
        """Send the N-CREATE once more: the other side says that it has no such step; durable on return."""

        def work(connection: Connection) -> None:
            query = "SELECT job_id FROM job WHERE exam_id = ? AND kind = 'n-create' AND state = 'done'"
            for row in connection.execute(query, (exam_id,)).fetchall():
                move(connection, "job", row["job_id"], "again", stamp)
                connection.execute("UPDATE job SET not_before = ? WHERE job_id = ?", (stamp.unix, row["job_id"]))
            query = "SELECT job_id FROM job WHERE exam_id = ? AND kind = 'n-set' AND state = 'pending'"
            for row in connection.execute(query, (exam_id,)).fetchall():
                connection.execute(
                    "UPDATE job SET state = 'waiting', waits_for = 'n-create' WHERE job_id = ?", (row["job_id"],)
                )
                note(connection, "job", row["job_id"], "wait", JobState.PENDING, JobState.WAITING, stamp)

        self._database.write(work)


def begin(connection: Connection, exam_id: str, step: NewStep, stamp: Stamp) -> None:
    """Begin the step of an exam with its first image and queue the N-CREATE; a second call changes nothing."""
    born = connection.execute(
        "INSERT OR IGNORE INTO procedure_step (step_uid, exam_id, destination, step_id, state, started_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (step.step_uid, exam_id, step.destination, step.step_id, StepState.IN_PROGRESS.value, stamp.at),
    )
    if born.rowcount:
        note(connection, "procedure_step", step.step_uid, "begin", "", StepState.IN_PROGRESS, stamp)
        _queue(connection, "n-create", step.destination, exam_id, step.step_uid, JobState.PENDING, stamp)


def end(connection: Connection, exam_id: str, event: str, stamp: Stamp, *, reason: str = "") -> None:
    """`complete` or `discontinue` the step of an exam, if there is one, and queue its N-SET."""
    row = connection.execute("SELECT * FROM procedure_step WHERE exam_id = ?", (exam_id,)).fetchone()
    if row is None or row["state"] != StepState.IN_PROGRESS:
        return
    move(connection, "procedure_step", row["step_uid"], event, stamp, code=reason)
    connection.execute(
        "UPDATE procedure_step SET ended_at = ?, reason = ? WHERE step_uid = ?", (stamp.at, reason, row["step_uid"])
    )
    _queue(connection, "n-set", row["destination"], exam_id, row["step_uid"], JobState.WAITING, stamp)
    let_go(connection, exam_id, stamp)


def let_go(connection: Connection, exam_id: str, stamp: Stamp) -> None:
    """Make the N-SET of an exam pending once nothing stands before it."""
    row = connection.execute(
        "SELECT job_id FROM job WHERE exam_id = :exam AND kind = 'n-set' AND state = 'waiting'"
        " AND EXISTS (SELECT 1 FROM job j WHERE j.exam_id = :exam AND j.kind = 'n-create' AND j.state = 'done')"
        " AND NOT EXISTS (SELECT 1 FROM frame JOIN exam USING (exam_id) WHERE frame.exam_id = :exam"
        " AND frame.state IN ('captured', 'composed') AND exam.state NOT IN ('discarded', 'rejected'))",
        {"exam": exam_id},
    ).fetchone()
    if row is not None:
        move(connection, "job", row["job_id"], "ready", stamp)
        connection.execute(
            "UPDATE job SET waits_for = '', not_before = ? WHERE job_id = ?", (stamp.unix, row["job_id"])
        )


def _queue(
    connection: Connection, kind: str, destination: str, exam_id: str, step_uid: str, state: JobState, stamp: Stamp
) -> None:
    connection.execute(
        "INSERT INTO job (kind, destination, exam_id, subject, state, not_before, waits_for, required, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)",
        (kind, destination, exam_id, step_uid, state.value, stamp.unix, "n-create" * (kind == "n-set"), stamp.at),
    )


def _step(row: Row) -> Step:
    return Step(
        step_uid=row["step_uid"],
        exam_id=row["exam_id"],
        step_id=row["step_id"],
        state=StepState(row["state"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        reason=row["reason"],
    )
