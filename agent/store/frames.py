"""Frames and the SOP Instances made of them: one row each, content frozen (promises P1, P3)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from agent.errors import NotFound
from agent.lifecycle import FrameState
from agent.model import BuiltObject, FrameRecord
from agent.plain import from_plain, to_plain
from agent.store.database import Connection, Database, Row
from agent.store.transition import Stamp, move, note


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFrame:
    """One durable still and what became of it."""

    record: FrameRecord
    state: FrameState
    reason: str
    file_size: int
    captured_at: str


def frame_from_row(row: Row) -> StoredFrame:
    """Return the typed frame of one row."""
    return StoredFrame(
        record=from_plain(FrameRecord, json.loads(row["record"])),
        state=FrameState(row["state"]),
        reason=row["reason"],
        file_size=row["file_size"],
        captured_at=row["captured_at"],
    )


class Frames:
    """Every statement about the frame and sop_instance tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def commit(self, record: FrameRecord, file_size: int, stamp: Stamp) -> None:
        """Record a captured still whose file is already durable; on return the row is, too.

        The transaction fails with `ExamClosed` unless the exam of the press is still open (ruling 1).
        """
        self._insert(record, file_size, FrameState.CAPTURED, "", stamp)

    def adopt(self, record: FrameRecord, file_size: int, reason: str, stamp: Stamp) -> None:
        """Record a file found without a row: held for a person, never sent by itself."""
        self._insert(record, file_size, FrameState.HELD, reason, stamp)

    def _insert(self, record: FrameRecord, file_size: int, state: FrameState, reason: str, stamp: Stamp) -> None:
        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO frame (frame_id, exam_id, state, reason, sop_instance_uid, series_instance_uid,"
                " instance_number, trigger_id, payload_sha256, file_size, record, captured_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                ),
            )
            note(connection, "frame", record.frame_id, state.value, "", state, stamp, code=reason)

        self._database.write(work)

    def get(self, frame_id: str) -> StoredFrame:
        """Return one frame; raises `NotFound`."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM frame WHERE frame_id = ?", (frame_id,)).fetchone()
        if row is None:
            raise NotFound("There is no such picture.")
        return frame_from_row(row)

    def by_trigger(self, trigger_id: str) -> StoredFrame | None:
        """Return the still that this press already made, if any (one press, one image)."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM frame WHERE trigger_id = ?", (trigger_id,)).fetchone()
            return frame_from_row(row) if row else None

    def of_exam(self, exam_id: str) -> list[StoredFrame]:
        """Return the stills of one exam in the order of capture."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT * FROM frame WHERE exam_id = ? ORDER BY instance_number", (exam_id,))
            return [frame_from_row(row) for row in rows]

    def next_instance_number(self, series_instance_uid: str) -> int:
        """Return the number after the highest in the series; a unique index guards against two takers."""
        query = "SELECT coalesce(max(instance_number), 0) + 1 FROM frame WHERE series_instance_uid = ?"
        with self._database.read() as connection:
            return int(connection.execute(query, (series_instance_uid,)).fetchone()[0])

    def files(self) -> dict[str, tuple[FrameState, int]]:
        """Return frame id → (state, size of its `.frm` file) for every frame whose bytes must exist."""
        query = "SELECT frame_id, state, file_size FROM frame WHERE state <> 'purged'"
        with self._database.read() as connection:
            rows = connection.execute(query)
            return {row["frame_id"]: (FrameState(row["state"]), row["file_size"]) for row in rows}

    def objects(self) -> dict[str, int]:
        """Return frame id → size of its object file for every object that must exist."""
        query = """SELECT sop_instance.frame_id, size FROM sop_instance
            JOIN frame USING (frame_id) WHERE frame.state = 'built'"""
        with self._database.read() as connection:
            return {row["frame_id"]: row["size"] for row in connection.execute(query)}

    def to_build(self, limit: int = 20) -> list[str]:
        """Return the ids of captured frames of released exams, oldest exam first."""
        query = """SELECT frame_id FROM frame JOIN exam USING (exam_id)
            WHERE exam.state = 'released' AND frame.state = 'captured'
            ORDER BY exam.opened_at, frame.instance_number LIMIT ?"""
        with self._database.read() as connection:
            return [row["frame_id"] for row in connection.execute(query, (limit,))]

    def built(self, built: BuiltObject, destinations: tuple[str, ...], stamp: Stamp) -> None:
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
            connection.executemany(
                "INSERT INTO job (kind, destination, exam_id, frame_id, state, not_before, created_at)"
                " SELECT 'store', ?, exam_id, frame_id, 'pending', ?, ? FROM frame WHERE frame_id = ?",
                [(name, stamp.unix, stamp.at, built.frame_id) for name in destinations],
            )

        self._database.write(work)

    def apply(self, frame_id: str, event: str, stamp: Stamp, *, reason: str = "") -> None:
        """Apply one event of the frame table (`hold`, `accept`, `delete`, `restore`); durable on return."""

        def work(connection: Connection) -> None:
            move(connection, "frame", frame_id, event, stamp, code=reason)
            connection.execute("UPDATE frame SET reason = ? WHERE frame_id = ?", (reason, frame_id))

        self._database.write(work)
