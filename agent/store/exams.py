"""Exams: opened with a frozen identity snapshot, finished, undone, released (promise P2)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.errors import AnotherExamOpen, NotFound, OutOfDate, WrongState
from agent.lifecycle import ExamState
from agent.model import Equipment, ExamKind, FrameRecord, IdentitySnapshot
from agent.plain import from_plain, to_plain
from agent.store import steps
from agent.store.database import Connection, Database, Row
from agent.store.transition import Stamp, move, note


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
    finished_at: str
    release_due: float | None
    captured: int
    """Stills that are neither deleted nor purged."""


_SELECT = """SELECT exam.*, (SELECT count(*) FROM frame WHERE frame.exam_id = exam.exam_id
    AND frame.state IN ('captured', 'built', 'held')) AS captured FROM exam """


def exam_from_row(row: Row) -> Exam:
    """Return the typed exam of one row of `_SELECT`."""
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
        finished_at=row["finished_at"],
        release_due=row["release_due"],
        captured=row["captured"],
    )


def patient_key(snapshot: IdentitySnapshot) -> str:
    """Return what tells two patients apart in the database: identifier and its issuer."""
    return f"{snapshot.patient.patient_id}\x1f{snapshot.patient.issuer_of_patient_id}"


class Exams:
    """Every statement about the exam table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(
        self,
        exam_id: str,
        source: str,
        snapshot: IdentitySnapshot,
        equipment: Equipment,
        series_instance_uid: str,
        opened_boottime_ns: int,
        stamp: Stamp,
        *,
        entry_key: str = "",
        entry_digest: str = "",
    ) -> Exam:
        """Open an exam on `source`; on return it and its snapshot are durable.

        With `entry_digest` the worklist entry must still be what the person confirmed, checked in the same
        transaction. Raises `AnotherExamOpen`, `OutOfDate`, `IdentityBlocked` (study of another patient).
        """

        def work(connection: Connection) -> Exam:
            _assert_same_entry(connection, entry_key, entry_digest)
            _assert_free(connection, source)
            connection.execute(
                "INSERT INTO exam (exam_id, source, state, kind, entry_key, snapshot, snapshot_sha256, equipment,"
                " patient_key, study_instance_uid, series_instance_uid, series_number, opened_at,"
                " opened_boottime_ns, run_id) VALUES (?, ?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    exam_id,
                    source,
                    snapshot.kind.value,
                    entry_key,
                    snapshot.canonical(),
                    snapshot.digest(),
                    json.dumps(to_plain(equipment), ensure_ascii=False, sort_keys=True),
                    patient_key(snapshot),
                    snapshot.study_instance_uid,
                    series_instance_uid,
                    _next_series_number(connection, snapshot.study_instance_uid),
                    stamp.at,
                    opened_boottime_ns,
                    stamp.run_id,
                ),
            )
            note(connection, "exam", exam_id, "open", "", ExamState.OPEN, stamp)
            return _get(connection, exam_id)

        return self._database.write(work)

    def bring_back(
        self,
        record: FrameRecord,
        snapshot: IdentitySnapshot,
        equipment: Equipment,
        told: Mapping[str, Any],
        stamp: Stamp,
    ) -> bool:
        """Make the exam of a picture again, held, from what its file says; False: it is there already.

        Counters of numbers that never repeat go beyond every number in use. Raises `IdentityBlocked`.
        """

        def work(connection: Connection) -> bool:
            if connection.execute("SELECT 1 FROM exam WHERE exam_id = ?", (record.exam_id,)).fetchone():
                return False
            connection.execute(
                "INSERT INTO exam (exam_id, source, state, reason, kind, snapshot, snapshot_sha256, equipment,"
                " patient_key, study_instance_uid, series_instance_uid, series_number, opened_at,"
                " opened_boottime_ns, run_id) VALUES (?, ?, 'held', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    record.exam_id,
                    equipment.source,
                    told["reason"],
                    snapshot.kind.value,
                    snapshot.canonical(),
                    snapshot.digest(),
                    json.dumps(to_plain(equipment), ensure_ascii=False, sort_keys=True),
                    patient_key(snapshot),
                    snapshot.study_instance_uid,
                    record.series_instance_uid,
                    told["series_number"],
                    told["opened_at"],
                    record.boottime_ns,
                    stamp.run_id,
                ),
            )
            for counter, text in (("emergency", snapshot.patient.patient_id), ("study", snapshot.study_id)):
                _count_beyond(connection, counter, text)
            note(connection, "exam", record.exam_id, "bring back", "", ExamState.HELD, stamp)
            return True

        return self._database.write(work)

    def get(self, exam_id: str) -> Exam:
        """Return one exam; raises `NotFound`."""
        with self._database.read() as connection:
            return _get(connection, exam_id)

    def open_on(self, source: str) -> Exam | None:
        """Return the exam that accepts captures on `source` now."""
        with self._database.read() as connection:
            row = connection.execute(_SELECT + "WHERE source = ? AND state = 'open'", (source,)).fetchone()
            return exam_from_row(row) if row else None

    def recent(self, limit: int = 200) -> list[Exam]:
        """Return the newest exams, all states, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(_SELECT + "ORDER BY opened_at DESC, exam.rowid DESC LIMIT ?", (limit,))
            return [exam_from_row(row) for row in rows]

    def several(self, exam_ids: list[str]) -> dict[str, Exam]:
        """Return the exams of these ids that there are, by id, in one statement."""
        marks = ", ".join("?" * len(exam_ids))
        with self._database.read() as connection:
            rows = connection.execute(_SELECT + f"WHERE exam.exam_id IN ({marks})", exam_ids)
            return {row["exam_id"]: exam_from_row(row) for row in rows}

    def in_state(self, state: ExamState) -> list[Exam]:
        """Return the exams in `state`, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(_SELECT + "WHERE state = ? ORDER BY opened_at, exam.rowid", (state.value,))
            return [exam_from_row(row) for row in rows]

    def finish(self, exam_id: str, release_due: float, stamp: Stamp) -> Exam:
        """Close the exam for captures and start its undo window; durable on return. Raises `WrongState`."""

        def work(connection: Connection) -> Exam:
            move(connection, "exam", exam_id, "finish", stamp)
            connection.execute(
                "UPDATE exam SET finished_at = ?, release_due = ? WHERE exam_id = ?",
                (stamp.at, release_due, exam_id),
            )
            return _get(connection, exam_id)

        return self._database.write(work)

    def apply(self, exam_id: str, event: str, stamp: Stamp, *, reason: str = "", code: str = "") -> Exam:
        """Apply one event of the exam table (`undo`, `hold`, `discard`, `delivered` …); durable on return.

        Release and discard end the exam's procedure step in the same transaction (ruling 5); `code` is the reason
        of PS3.16 CID 9300 for a discarded one. Raises `WrongState`, also for an exam of which something was sent.
        """

        def work(connection: Connection) -> Exam:
            if event == "undo":
                _assert_free(connection, _get(connection, exam_id).source)
            if event == "discard":
                _assert_nothing_built(connection, exam_id)
            move(connection, "exam", exam_id, event, stamp, code=reason)
            if event in _STEP_ENDS:
                steps.end(connection, exam_id, _STEP_ENDS[event], stamp, reason=code)
            connection.execute(
                "UPDATE exam SET reason = ?, release_due = NULL, run_id = ? WHERE exam_id = ?",
                (reason, stamp.run_id, exam_id),
            )
            return _get(connection, exam_id)

        return self._database.write(work)

    def resume(self, exam_id: str, stamp: Stamp) -> Exam:
        """Let an exam of an older run go on in this one: a person said it is still this patient; durable."""

        def work(connection: Connection) -> Exam:
            exam = _get(connection, exam_id)
            if exam.state is not ExamState.OPEN:
                raise WrongState
            note(connection, "exam", exam_id, "resume", exam.state, exam.state, stamp)
            connection.execute("UPDATE exam SET run_id = ? WHERE exam_id = ?", (stamp.run_id, exam_id))
            return _get(connection, exam_id)

        return self._database.write(work)

    def release_due(self, unix: float, window_s: float, stamp: Stamp) -> list[str]:
        """Release the exams whose undo window has ended and return their ids; durable on return.

        A due time further away than the window is a clock that jumped back: it counts as due.
        """

        def work(connection: Connection) -> list[str]:
            rows = connection.execute(
                "SELECT exam_id FROM exam WHERE state = 'finishing' AND (release_due <= ? OR release_due > ?)",
                (unix, unix + window_s + 1),
            ).fetchall()
            for row in rows:
                move(connection, "exam", row["exam_id"], "release", stamp)
                steps.end(connection, row["exam_id"], "complete", stamp)
            return [row["exam_id"] for row in rows]

        return self._database.write(work) if self.next_release() is not None else []

    def next_release(self) -> float | None:
        """Return when the next undo window ends (Unix seconds); None: no exam is finishing."""
        with self._database.read() as connection:
            row = connection.execute("SELECT min(release_due) AS due FROM exam WHERE state = 'finishing'").fetchone()
            return None if row["due"] is None else float(row["due"])

    def held_before(self, unix: float) -> list[str]:
        """Return the exams that are held since before `unix` (seconds)."""
        query = """SELECT exam_id FROM exam WHERE state = 'held' AND (
            SELECT max(CAST(strftime('%s', at) AS REAL)) FROM event
            WHERE machine = 'exam' AND subject = exam_id AND after = 'held') < ?"""
        with self._database.read() as connection:
            return [row["exam_id"] for row in connection.execute(query, (unix,))]

    def close_delivered(self, stamp: Stamp) -> list[str]:
        """Move released exams whose frames are all built and whose required objects are all sent to `delivered`."""
        query = """SELECT exam_id FROM exam WHERE state = 'released'
            AND NOT EXISTS (SELECT 1 FROM frame WHERE frame.exam_id = exam.exam_id
                            AND frame.state IN ('captured', 'held'))
            AND NOT EXISTS (SELECT 1 FROM job WHERE job.exam_id = exam.exam_id AND job.kind = 'store'
                            AND job.required = 1 AND job.state IN ('waiting', 'pending', 'running', 'held'))"""
        with self._database.read() as connection:
            if connection.execute(query).fetchone() is None:
                return []

        def work(connection: Connection) -> list[str]:
            # Asked again: another destination's worker may have closed the exam since.
            ready = [row["exam_id"] for row in connection.execute(query).fetchall()]
            for exam_id in ready:
                move(connection, "exam", exam_id, "delivered", stamp)
            return ready

        return self._database.write(work)

    def close_committed(self, exam_id: str, stamp: Stamp) -> bool:
        """Move a delivered exam to `committed` once every object that asks for it is confirmed; True: it moved."""
        query = """SELECT 1 FROM exam WHERE exam_id = ? AND state = 'delivered'
            AND NOT EXISTS (SELECT 1 FROM job WHERE job.exam_id = exam.exam_id AND job.kind = 'store'
                            AND job.commits = 1 AND job.state NOT IN ('confirmed', 'discarded'))"""

        def work(connection: Connection) -> bool:
            ready = connection.execute(query, (exam_id,)).fetchone() is not None
            if ready:
                move(connection, "exam", exam_id, "committed", stamp)
            return ready

        return self._database.write(work)


_STEP_ENDS = {"release": "complete", "discard": "discontinue"}


_OWN_NUMBER = re.compile(r"(?:TMP-.*-|MA)([0-9]{1,15})")


def _count_beyond(connection: Connection, counter: str, text: str) -> None:
    """Raise a counter to the number at the end of one of our own identifiers."""
    if found := _OWN_NUMBER.fullmatch(text):
        connection.execute("INSERT OR IGNORE INTO counter VALUES (?, 0)", (counter,))
        connection.execute("UPDATE counter SET value = max(value, ?) WHERE name = ?", (int(found[1]), counter))


def _assert_nothing_built(connection: Connection, exam_id: str) -> None:
    query = "SELECT 1 FROM frame WHERE exam_id = ? AND state IN ('built', 'purged')"
    if connection.execute(query, (exam_id,)).fetchone() is not None:
        raise WrongState("Pictures of this exam are on their way already. It can no longer be discarded.")


def _get(connection: Connection, exam_id: str) -> Exam:
    row = connection.execute(_SELECT + "WHERE exam_id = ?", (exam_id,)).fetchone()
    if row is None:
        raise NotFound("There is no such exam.")
    return exam_from_row(row)


def _assert_free(connection: Connection, source: str) -> None:
    if connection.execute("SELECT 1 FROM exam WHERE source = ? AND state = 'open'", (source,)).fetchone():
        raise AnotherExamOpen


def _assert_same_entry(connection: Connection, key: str, digest: str) -> None:
    if not digest:
        return
    row = connection.execute("SELECT digest FROM worklist_entry WHERE key = ?", (key,)).fetchone()
    if row is None or row["digest"] != digest:
        raise OutOfDate("The worklist entry changed since it was shown.")


def _next_series_number(connection: Connection, study_instance_uid: str) -> int:
    query = "SELECT coalesce(max(series_number), 0) + 1 FROM exam WHERE study_instance_uid = ?"
    return int(connection.execute(query, (study_instance_uid,)).fetchone()[0])
