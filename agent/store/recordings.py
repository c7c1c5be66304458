"""Clips that are being recorded: one row each from its first durable frame until its frame row is there (ruling 13)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from agent.model import FrameRecord
from agent.plain import from_plain, to_plain
from agent.store.database import Connection, Database, Row
from agent.store.transition import Stamp, note


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One clip that is not finished; `record` is complete but for what only its end can tell."""

    frame_id: str
    exam_id: str
    source: str
    record: FrameRecord
    started_at: str
    run_id: str


def _from_row(row: Row) -> Recording:
    return Recording(
        frame_id=row["frame_id"],
        exam_id=row["exam_id"],
        source=row["source"],
        record=from_plain(FrameRecord, json.loads(row["record"])),
        started_at=row["started_at"],
        run_id=row["run_id"],
    )


class Recordings:
    """Every statement about the recording table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, record: FrameRecord, source: str, stamp: Stamp) -> None:
        """Record that a clip has begun whose first frame is durable; raises `ExamClosed` if its exam is not open."""

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO recording (frame_id, exam_id, source, record, started_at, run_id)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (record.frame_id, record.exam_id, source, _told(record), stamp.at, stamp.run_id),
            )
            note(connection, "recording", record.frame_id, "begin", "", "recording", stamp)

        self._database.write(work)

    def forget(self, frame_id: str, stamp: Stamp) -> None:
        """Remove the row of a clip that came to nothing, or whose frame row is there."""

        def work(connection: Connection) -> None:
            if connection.execute("DELETE FROM recording WHERE frame_id = ?", (frame_id,)).rowcount:
                note(connection, "recording", frame_id, "end", "recording", "", stamp)

        self._database.write(work)

    def of_source(self, source: str) -> Recording | None:
        """Return the clip that is being recorded from a source, if any."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM recording WHERE source = ?", (source,)).fetchone()
            return _from_row(row) if row else None

    def all(self) -> list[Recording]:
        """Return every clip that was begun and not finished."""
        with self._database.read() as connection:
            return [_from_row(row) for row in connection.execute("SELECT * FROM recording ORDER BY started_at")]


def _told(record: FrameRecord) -> str:
    return json.dumps(to_plain(record), ensure_ascii=False, sort_keys=True)
