"""Exams: opened with a frozen identity snapshot, finished, undone, released (promise P2)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from agent.errors import WrongState
from agent.lifecycle import ExamState
from agent.model import Equipment, FrameRecord, IdentitySnapshot
from agent.plain import to_plain
from agent.store import steps
from agent.store.database import Connection, Database
from agent.store.exam_rows import (
    SELECT,
    STEP_ENDS,
    Ending,
    Exam,
    assert_free,
    assert_same_entry,
    end,
    exam_from_row,
    get,
    insert,
    patient_key,
)
from agent.store.transition import Stamp, move, note

__all__ = ["Ending", "Exam", "Exams", "exam_from_row"]


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
        ending: Ending | None = None,
    ) -> Exam:
        """Open an exam on `source`; on return it and its snapshot are durable.

        With `entry_digest` the worklist entry must still be what the person confirmed, checked in the same
        transaction; `ending` closes the exam that is open in it as well. Raises `AnotherExamOpen`, `OutOfDate`,
        `OrderChanged`, `IdentityBlocked` (study of another patient).
        """

        def work(connection: Connection) -> Exam:
            assert_same_entry(connection, entry_key, entry_digest)
            if ending is not None:
                end(connection, ending, stamp)
            assert_free(connection, source)
            insert(
                connection,
                exam_id,
                source,
                ExamState.OPEN,
                snapshot,
                equipment,
                series_instance_uid,
                opened_boottime_ns,
                stamp,
                entry_key=entry_key,
            )
            note(connection, "exam", exam_id, "open", "", ExamState.OPEN, stamp)
            return get(connection, exam_id)

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
            return get(connection, exam_id)

    def unreleased(self) -> int:
        """Return how many pictures wait in exams that nobody released yet (open, in their undo window, held)."""
        query = """SELECT count(*) FROM frame WHERE state IN ('captured', 'held') AND composed = 0 AND exam_id IN
            (SELECT exam_id FROM exam WHERE state IN ('open', 'finishing', 'held'))"""
        with self._database.read() as connection:
            return int(connection.execute(query).fetchone()[0])

    def open_on(self, source: str) -> Exam | None:
        """Return the exam that accepts captures on `source` now."""
        with self._database.read() as connection:
            row = connection.execute(SELECT + "WHERE source = ? AND state = 'open'", (source,)).fetchone()
            return exam_from_row(row) if row else None

    def latest_on(self, source: str) -> Exam | None:
        """Return the exam that was opened last on `source`, whatever became of it."""
        query = SELECT + "WHERE source = ? ORDER BY exam.rowid DESC LIMIT 1"
        with self._database.read() as connection:
            row = connection.execute(query, (source,)).fetchone()
            return exam_from_row(row) if row else None

    def idle(self, exam_id: str, active_ns: int, event: str, reason: str, stamp: Stamp) -> Exam | None:
        """Close an exam (`hold`, `discard`) that nobody used since `active_ns`; durable. None: somebody did meanwhile.

        What is being recorded for it counts as use.
        """

        def work(connection: Connection) -> Exam | None:
            exam = get(connection, exam_id)
            recording = connection.execute("SELECT 1 FROM recording WHERE exam_id = ?", (exam_id,)).fetchone()
            if exam.state is not ExamState.OPEN or exam.active_ns != active_ns or recording:
                return None
            end(connection, Ending(exam_id=exam_id, event=event, reason=reason, release_due=0), stamp)
            return get(connection, exam_id)

        return self._database.write(work)

    def warn(self, exam_id: str, warning: str, stamp: Stamp) -> bool:
        """Keep what a person should know about the order; the same warning again changes nothing (False)."""

        def work(connection: Connection) -> bool:
            exam = get(connection, exam_id)
            if exam.warning == warning:
                return False
            note(connection, "exam", exam_id, "warn", exam.state, exam.state, stamp, code=warning)
            connection.execute("UPDATE exam SET warning = ? WHERE exam_id = ?", (warning, exam_id))
            return True

        return self._database.write(work)

    def remark(self, exam_id: str, event: str, stamp: Stamp, *, code: str = "") -> None:
        """Write something about an exam into its history that changes no state (`take over`); durable on return."""

        def work(connection: Connection) -> None:
            exam = get(connection, exam_id)
            note(connection, "exam", exam_id, event, exam.state, exam.state, stamp, code=code)

        self._database.write(work)

    def begun(self, study_instance_uid: str) -> Exam | None:
        """Return the exam of which the first object of a study was built: it said when the study began."""
        query = """SELECT frame.exam_id FROM sop_instance JOIN frame USING (frame_id) JOIN exam USING (exam_id)
            WHERE exam.study_instance_uid = ? ORDER BY sop_instance.built_at, sop_instance.rowid LIMIT 1"""
        with self._database.read() as connection:
            row = connection.execute(query, (study_instance_uid,)).fetchone()
            return get(connection, row["exam_id"]) if row else None

    def recent(self, limit: int = 200) -> list[Exam]:
        """Return the newest exams, all states, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(SELECT + "ORDER BY opened_at DESC, exam.rowid DESC LIMIT ?", (limit,))
            return [exam_from_row(row) for row in rows]

    def several(self, exam_ids: list[str]) -> dict[str, Exam]:
        """Return the exams of these ids that there are, by id, in one statement."""
        marks = ", ".join("?" * len(exam_ids))
        with self._database.read() as connection:
            rows = connection.execute(SELECT + f"WHERE exam.exam_id IN ({marks})", exam_ids)
            return {row["exam_id"]: exam_from_row(row) for row in rows}

    def in_state(self, state: ExamState) -> list[Exam]:
        """Return the exams in `state`, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(SELECT + "WHERE state = ? ORDER BY opened_at, exam.rowid", (state.value,))
            return [exam_from_row(row) for row in rows]

    def finish(self, exam_id: str, release_due: float, stamp: Stamp) -> Exam:
        """Close the exam for captures and start its undo window; durable on return. Raises `WrongState`."""

        def work(connection: Connection) -> Exam:
            move(connection, "exam", exam_id, "finish", stamp)
            connection.execute(
                "UPDATE exam SET finished_at = ?, release_due = ? WHERE exam_id = ?",
                (stamp.at, release_due, exam_id),
            )
            return get(connection, exam_id)

        return self._database.write(work)

    def apply(self, exam_id: str, event: str, stamp: Stamp, *, reason: str = "", code: str = "") -> Exam:
        """Apply one event of the exam table (`undo`, `hold`, `discard`, `delivered` …); durable on return.

        Release and discard end the exam's procedure step in the same transaction (ruling 5); `code` is the reason
        of PS3.16 CID 9300 for a discarded one. Raises `WrongState`, also for an exam of which something was sent.
        """

        def work(connection: Connection) -> Exam:
            if event == "undo":
                assert_free(connection, get(connection, exam_id).source)
            if event == "discard":
                _assert_nothing_built(connection, exam_id)
            move(connection, "exam", exam_id, event, stamp, code=reason)
            if event in STEP_ENDS:
                steps.end(connection, exam_id, STEP_ENDS[event], stamp, reason=code)
            connection.execute(
                "UPDATE exam SET reason = ?, release_due = NULL, run_id = ?, active_ns = ? WHERE exam_id = ?",
                (reason, stamp.run_id, stamp.boottime_ns, exam_id),
            )
            return get(connection, exam_id)

        return self._database.write(work)

    def resume(self, exam_id: str, stamp: Stamp) -> Exam:
        """Let an exam go on that was open at a restart or idle: a person said it is still this patient; durable."""

        def work(connection: Connection) -> Exam:
            exam = get(connection, exam_id)
            if exam.state is not ExamState.OPEN:
                raise WrongState
            note(connection, "exam", exam_id, "resume", exam.state, exam.state, stamp)
            connection.execute(
                "UPDATE exam SET run_id = ?, active_ns = ? WHERE exam_id = ?",
                (stamp.run_id, stamp.boottime_ns, exam_id),
            )
            return get(connection, exam_id)

        return self._database.write(work)

    def release_due(self, unix: float, window_s: float, stamp: Stamp) -> list[str]:
        """Release the exams whose undo window has ended and return their ids; durable on return.

        One whose last picture was deleted meanwhile is discarded: there is nothing to send.

        A due time further away than the window is a clock that jumped back: it counts as due.
        """

        def work(connection: Connection) -> list[str]:
            rows = connection.execute(
                "SELECT exam_id FROM exam WHERE state = 'finishing' AND (release_due <= ? OR release_due > ?)",
                (unix, unix + window_s + 1),
            ).fetchall()
            for row in rows:
                event = "release" if get(connection, row["exam_id"]).captured else "discard"
                move(connection, "exam", row["exam_id"], event, stamp, code="" if event == "release" else _NO_PICTURES)
                steps.end(connection, row["exam_id"], STEP_ENDS[event], stamp)
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
                            AND frame.state IN ('captured', 'held', 'composed'))
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
            AND EXISTS (SELECT 1 FROM job WHERE job.exam_id = exam.exam_id AND job.kind = 'store'
                        AND job.commits = 1 AND job.state = 'confirmed')
            AND NOT EXISTS (SELECT 1 FROM job WHERE job.exam_id = exam.exam_id AND job.kind = 'store'
                            AND job.commits = 1 AND job.state NOT IN ('confirmed', 'discarded'))"""

        def work(connection: Connection) -> bool:
            ready = connection.execute(query, (exam_id,)).fetchone() is not None
            if ready:
                move(connection, "exam", exam_id, "committed", stamp)
            return ready

        return self._database.write(work)


_NO_PICTURES = "no pictures"
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
