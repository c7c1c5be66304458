"""Everything that was captured, with what became of it at each destination: what a salvage of a dead box lists."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field

from agent.lifecycle import ExamState, FrameState, JobState
from agent.model import ExamKind, FrameRecord, IdentitySnapshot
from agent.plain import from_plain
from agent.store.database import Connection, Database
from agent.store.transition import Stamp, move

_FRAMES = """SELECT frame.frame_id, frame.exam_id, frame.state, frame.reason, frame.record, frame.captured_at,
    frame.composed, frame.sop_instance_uid, exam.state AS exam_state, exam.kind AS exam_kind, exam.snapshot,
    coalesce(sop_instance.size, 0) AS size, coalesce(sop_instance.sha256, '') AS sha256
    FROM frame JOIN exam USING (exam_id) LEFT JOIN sop_instance USING (frame_id)
    ORDER BY exam.opened_at, frame.exam_id, frame.instance_number"""
_JOBS = "SELECT frame_id, destination, state, attempts FROM job WHERE kind = 'store' AND frame_id IS NOT NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """One picture, clip or document. `sha256` and `size` are those of its object; empty: none was recorded."""

    frame_id: str
    exam_id: str
    state: FrameState
    reason: str
    sop_instance_uid: str
    captured_at: str
    exam_state: ExamState
    exam_kind: ExamKind
    snapshot: IdentitySnapshot
    record: FrameRecord | None
    """None: a document without bytes of its own."""
    size: int
    sha256: str
    destinations: dict[str, JobState] = field(default_factory=dict)
    tried: bool = False
    """Whether any destination was ever offered it."""


class Inventory:
    """Every statement that lists all of a box."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Captured]:
        """Return everything whose bytes must exist or existed, exam by exam, in the order of capture."""
        states: defaultdict[str, dict[str, JobState]] = defaultdict(dict)
        tried: set[str] = set()
        with self._database.read() as connection:
            for row in connection.execute(_JOBS):
                states[row["frame_id"]][row["destination"]] = JobState(row["state"])
                if row["attempts"] or row["state"] in (JobState.RUNNING, JobState.DONE, JobState.CONFIRMED):
                    tried.add(row["frame_id"])
            rows = connection.execute(_FRAMES).fetchall()
        return [
            Captured(
                frame_id=row["frame_id"],
                exam_id=row["exam_id"],
                state=FrameState(row["state"]),
                reason=row["reason"],
                sop_instance_uid=row["sop_instance_uid"],
                captured_at=row["captured_at"],
                exam_state=ExamState(row["exam_state"]),
                exam_kind=ExamKind(row["exam_kind"]),
                snapshot=from_plain(IdentitySnapshot, json.loads(row["snapshot"])),
                record=None if row["composed"] else from_plain(FrameRecord, json.loads(row["record"])),
                size=row["size"],
                sha256=row["sha256"],
                destinations=states[row["frame_id"]],
                tried=row["frame_id"] in tried,
            )
            for row in rows
        ]

    def let_build(self, exam_id: str, stamp: Stamp) -> None:
        """Release an exam in a copy of the database that sends nothing, so that its pictures may be built.

        Raises `IdentityBlocked` for an exam of which no object may be made, `WrongState`.
        """

        def work(connection: Connection) -> None:
            state = connection.execute("SELECT state FROM exam WHERE exam_id = ?", (exam_id,)).fetchone()["state"]
            if state == ExamState.OPEN:
                state = move(connection, "exam", exam_id, "hold", stamp)
            if state in (ExamState.HELD, ExamState.FINISHING):
                move(connection, "exam", exam_id, "release", stamp)

        self._database.write(work)
