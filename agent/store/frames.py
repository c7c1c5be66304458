"""Frames and the SOP Instances made of them: one row each, content frozen (promises P1, P3)."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from agent.errors import NotFound
from agent.lifecycle import FrameState
from agent.model import BuiltObject, ClockTrust, FrameRecord, Route
from agent.plain import from_plain, to_plain
from agent.store import steps, tray
from agent.store.database import Connection, Database, Row
from agent.store.desk import route
from agent.store.renditions import preferred
from agent.store.steps import NewStep
from agent.store.transition import Stamp, move, note


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFrame:
    """One durable still and what became of it."""

    record: FrameRecord
    state: FrameState
    reason: str
    file_size: int
    captured_at: str
    boot_id: str
    """Boot that `record.boottime_ns` counts from; empty: not known."""
    dated: str = ""
    """How `record.acquired_at` was said afterwards (`boottime`, `shift`, `instant`); empty: as captured."""

    @property
    def undated(self) -> bool:
        """Whether nobody vouches for the time of this picture yet (ruling 6)."""
        return self.record.clock_trust is ClockTrust.UNTRUSTED and not self.dated


SELECT = """SELECT frame.*, frame_date.acquired_at AS dated_at, frame_date.how AS dated
    FROM frame LEFT JOIN frame_date USING (frame_id) """


def frame_from_row(row: Row) -> StoredFrame:
    """Return the typed frame of one row of `SELECT`, with the time that was said afterwards, if any."""
    record = from_plain(FrameRecord, json.loads(row["record"]))
    return StoredFrame(
        record=replace(record, acquired_at=row["dated_at"]) if row["dated_at"] else record,
        state=FrameState(row["state"]),
        reason=row["reason"],
        file_size=row["file_size"],
        captured_at=row["captured_at"],
        boot_id=row["boot_id"],
        dated=row["dated"] or "",
    )


class Frames:
    """Every statement about the frame and sop_instance tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def commit(
        self,
        record: FrameRecord,
        file_size: int,
        stamp: Stamp,
        *,
        step: NewStep | None = None,
        release_due: float | None = None,
        item_id: str = "",
    ) -> None:
        """Record a captured still whose file is already durable; on return the row is, too.

        The transaction fails with `ExamClosed` unless the exam of the press is still open (ruling 1). With `step`
        the exam's procedure step begins with its first still. `release_due` (Unix seconds): sent by itself from
        then on, before the exam is finished. `item_id` is the tray's item that it was made of.
        """

        def work(connection: Connection) -> None:
            insert(connection, record, file_size, FrameState.CAPTURED, "", stamp, release_due=release_due)
            connection.execute("DELETE FROM recording WHERE frame_id = ?", (record.frame_id,))
            if item_id:
                tray.use(connection, item_id, record.frame_id, stamp)
            if step is not None:
                steps.begin(connection, record.exam_id, step, stamp)
            connection.execute(
                "UPDATE exam SET active_ns = ? WHERE exam_id = ?", (stamp.boottime_ns, record.exam_id)
            )

        self._database.write(work)

    def bind(self, record: FrameRecord, file_size: int, pages: list[str], stamp: Stamp) -> None:
        """Record a document made of `pages`, which belong to it from now on; all in one transaction, durable."""

        def work(connection: Connection) -> None:
            insert(connection, record, file_size, FrameState.CAPTURED, "", stamp)
            for page in pages:
                move(connection, "frame", page, "bind", stamp, code=record.frame_id)
                connection.execute("UPDATE frame SET reason = ? WHERE frame_id = ?", (record.frame_id, page))

        self._database.write(work)

    def adopt(self, record: FrameRecord, file_size: int, reason: str, stamp: Stamp) -> None:
        """Record a file found without a row: held for a person, never sent by itself."""
        self._database.write(lambda c: insert(c, record, file_size, FrameState.HELD, reason, stamp, boot_id=""))

    def get(self, frame_id: str) -> StoredFrame:
        """Return one frame; raises `NotFound`."""
        with self._database.read() as connection:
            row = connection.execute(SELECT + "WHERE frame.frame_id = ?", (frame_id,)).fetchone()
        if row is None:
            raise NotFound("There is no such picture.")
        return frame_from_row(row)

    def by_trigger(self, trigger_id: str) -> StoredFrame | None:
        """Return the still that this press already made, if any (one press, one image)."""
        with self._database.read() as connection:
            row = connection.execute(SELECT + "WHERE frame.trigger_id = ?", (trigger_id,)).fetchone()
            return frame_from_row(row) if row else None

    def of_exam(self, exam_id: str) -> list[StoredFrame]:
        """Return the pictures of one exam in the order of capture, without its key object documents."""
        query = SELECT + "WHERE frame.exam_id = ? AND frame.composed = 0 ORDER BY frame.instance_number"
        with self._database.read() as connection:
            rows = connection.execute(query, (exam_id,))
            return [frame_from_row(row) for row in rows]

    def next_instance_number(self, series_instance_uid: str) -> int:
        """Return the number after the highest in the series; a unique index guards against two takers."""
        query = "SELECT coalesce(max(instance_number), 0) + 1 FROM frame WHERE series_instance_uid = ?"
        with self._database.read() as connection:
            return int(connection.execute(query, (series_instance_uid,)).fetchone()[0])

    def files(self) -> dict[str, tuple[FrameState, int]]:
        """Return frame id → (state, size of its `.frm` file) for every frame whose bytes must exist."""
        query = "SELECT frame_id, state, file_size FROM frame WHERE state <> 'purged' AND composed = 0"
        with self._database.read() as connection:
            rows = connection.execute(query)
            return {row["frame_id"]: (FrameState(row["state"]), row["file_size"]) for row in rows}

    def objects(self) -> dict[str, int]:
        """Return frame id → size of its object file for every object that must exist."""
        query = """SELECT sop_instance.frame_id, size FROM sop_instance
            JOIN frame USING (frame_id) WHERE frame.state = 'built'"""
        with self._database.read() as connection:
            return {row["frame_id"]: row["size"] for row in connection.execute(query)}

    def sop_instance(self, frame_id: str) -> BuiltObject:
        """Return what the object of a frame is; raises `NotFound`."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM sop_instance WHERE frame_id = ?", (frame_id,)).fetchone()
        if row is None:
            raise NotFound("This picture has no object yet.")
        return BuiltObject(**{key: row[key] for key in row.keys() if key != "built_at"})  # noqa: SIM118

    def to_build(self, unix: float, window_s: float, limit: int = 20) -> list[str]:
        """Return the ids of captured frames that are to be built, oldest exam first.

        Those of released exams, and those whose own release is due (a due time further away than the window is a
        clock that jumped back).
        """
        query = """SELECT frame_id FROM frame JOIN exam USING (exam_id) WHERE frame.state = 'captured'
            AND (exam.state = 'released' OR (exam.state IN ('open', 'finishing') AND frame.release_due IS NOT NULL
                AND (frame.release_due <= ? OR frame.release_due > ?)))
            ORDER BY exam.opened_at, frame.instance_number LIMIT ?"""
        with self._database.read() as connection:
            return [row["frame_id"] for row in connection.execute(query, (unix, unix + window_s + 1, limit))]

    def next_release(self) -> float | None:
        """Return when the next picture of an unfinished exam is released by itself (Unix seconds)."""
        query = """SELECT min(frame.release_due) AS due FROM frame JOIN exam USING (exam_id)
            WHERE frame.state = 'captured' AND frame.release_due IS NOT NULL AND exam.state IN ('open', 'finishing')"""
        with self._database.read() as connection:
            due = connection.execute(query).fetchone()["due"]
        return None if due is None else float(due)

    def built(self, built: BuiltObject, routes: tuple[Route, ...], stamp: Stamp) -> None:
        """Record a validated, durable object and queue it for every destination, in one transaction.

        On return object row and jobs are durable; from then on the object is never built again (promise P3).
        """

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO sop_instance (frame_id, sop_class_uid, sop_instance_uid, transfer_syntax_uid, size,"
                " sha256, built_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    built.frame_id,
                    built.sop_class_uid,
                    built.sop_instance_uid,
                    built.transfer_syntax_uid,
                    built.size,
                    built.sha256,
                    stamp.at,
                ),
            )
            move(connection, "frame", built.frame_id, "built", stamp)
            _queue(connection, built.frame_id, routes, stamp)

        self._database.write(work)

    def apply(self, frame_id: str, event: str, stamp: Stamp, *, reason: str = "") -> None:
        """Apply one event of the frame table (`hold`, `accept`, `delete`, `restore`); durable on return."""

        def work(connection: Connection) -> None:
            move(connection, "frame", frame_id, event, stamp, code=reason)
            connection.execute("UPDATE frame SET reason = ? WHERE frame_id = ?", (reason, frame_id))
            steps.let_go(connection, _exam_id(connection, frame_id), stamp)

        self._database.write(work)


def insert(
    connection: Connection,
    record: FrameRecord,
    file_size: int,
    state: FrameState,
    reason: str,
    stamp: Stamp,
    *,
    release_due: float | None = None,
    boot_id: str | None = None,
) -> None:
    """Write the row of a new frame. `boot_id` is the boot whose `boottime_ns` it names; None: that of this run."""
    connection.execute(
        "INSERT INTO frame (frame_id, exam_id, state, reason, sop_instance_uid, series_instance_uid,"
        " instance_number, trigger_id, payload_sha256, file_size, record, captured_at, release_due, boot_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(?,"
        " (SELECT boot_id FROM run WHERE run_id = ?), ''))",
        (
            record.frame_id,
            record.exam_id,
            state.value,
            reason,
            record.sop_instance_uid,
            record.series_instance_uid,
            record.instance_number,
            record.trigger_id,
            record.payload_sha256,
            file_size,
            json.dumps(to_plain(record), ensure_ascii=False, sort_keys=True),
            stamp.at,
            release_due,
            boot_id,
            stamp.run_id,
        ),
    )
    note(connection, "frame", record.frame_id, state.value, "", state, stamp, code=reason)


def _queue(connection: Connection, frame_id: str, routes: tuple[Route, ...], stamp: Stamp) -> None:
    """Queue one built object for every destination; what waits for the last object of its exam may go."""
    exam_id = _exam_id(connection, frame_id)
    study = connection.execute("SELECT study_instance_uid FROM exam WHERE exam_id = ?", (exam_id,)).fetchone()[0]
    for planned in routes:
        name = route(connection, planned, study)
        commits = planned.commits if name == planned.destination else bool(planned.standby and planned.standby.commits)
        syntax = preferred(connection, frame_id, planned, stamp) if name == planned.destination else ""
        state, waits_for = ("waiting", "rendition") if syntax else ("pending", "")
        connection.execute(
            "INSERT INTO job (kind, destination, exam_id, subject, frame_id, state, waits_for, syntax, not_before,"
            " required, commits, created_at) VALUES ('store', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (name, exam_id, frame_id, frame_id, state, waits_for, syntax, stamp.unix, int(planned.required),
             int(commits), stamp.at),
        )  # fmt: skip
    steps.let_go(connection, exam_id, stamp)


def _exam_id(connection: Connection, frame_id: str) -> str:
    row = connection.execute("SELECT exam_id FROM frame WHERE frame_id = ?", (frame_id,)).fetchone()
    return str(row["exam_id"])
