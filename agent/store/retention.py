"""What may leave the disk, decided by what is written here and by nothing else (dicom.md 6, ruling 18)."""

from __future__ import annotations

from agent.lifecycle import FrameState
from agent.store.database import Connection, Database
from agent.store.transition import Stamp, move

# A duplicate (0111) counts as sent, but somebody else's object may be meant: it stays until it is confirmed.
_SAFE = """frame.state = 'built' AND exam.state IN ('delivered', 'committed', 'rejected')
    AND NOT EXISTS (SELECT 1 FROM job WHERE job.frame_id = frame.frame_id AND job.kind = 'store'
        AND (job.state NOT IN ('done', 'confirmed', 'discarded')
            OR (job.state = 'done' AND (job.commits = 1 OR job.code = '0x0111'))))"""
# What can still be restored stays: an exam that is held is not released.
_GIVEN_UP = """(frame.state IN ('tombstoned', 'bound') AND exam.state NOT IN ('open', 'finishing', 'held'))
    OR (exam.state = 'discarded' AND frame.state IN ('captured', 'held', 'composed'))"""
# A rejected picture may be the right patient's only copy: never for want of space, not before a person ticked it off.
_REJECTED = """frame.state = 'rejected' AND EXISTS (SELECT 1 FROM removal_item JOIN removal USING (removal_id)
    WHERE removal_item.frame_id = frame.frame_id AND removal.state = 'done')
    AND NOT EXISTS (SELECT 1 FROM job WHERE job.frame_id = frame.frame_id AND job.state = 'running')"""
_FRAMES = """SELECT frame.frame_id FROM frame JOIN exam USING (exam_id) LEFT JOIN annotation USING (frame_id)
    LEFT JOIN removal_item USING (frame_id) LEFT JOIN removal USING (removal_id) WHERE ({}) AND
    CAST(strftime('%s', coalesce(nullif(removal.at, ''), nullif(annotation.deleted_at, ''), frame.captured_at)) AS REAL)
    < ? ORDER BY frame.captured_at LIMIT ?"""


class Retention:
    """Every statement that lets something go."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def safe(self, captured_before: float, limit: int) -> list[str]:
        """Return the frames that every destination has (confirmed where it is asked), oldest first.

        `captured_before` is Unix seconds; a mirror that has not got its copy keeps the frame as well.
        """
        return self._list(_FRAMES.format(_SAFE), captured_before, limit)

    def given_up(self, captured_before: float, limit: int) -> list[str]:
        """Return the frames that a named person deleted or whose exam one discarded, oldest first.

        A deleted one counts from its deletion on.
        """
        return self._list(_FRAMES.format(_GIVEN_UP), captured_before, limit)

    def rejected(self, before: float, limit: int) -> list[str]:
        """Return the frames whose removal was requested before `before` (Unix seconds) and is done with."""
        return self._list(_FRAMES.format(_REJECTED), before, limit)

    def _list(self, query: str, before: float, limit: int) -> list[str]:
        with self._database.read() as connection:
            return [row["frame_id"] for row in connection.execute(query, (before, limit))]

    def purge(self, frame_id: str, stamp: Stamp) -> bool:
        """Say that a frame's bytes go; durable on return, then the files may be removed. False: no longer allowed."""
        rules = f"({_SAFE}) OR ({_REJECTED}) OR {_GIVEN_UP}"
        query = f"SELECT 1 FROM frame JOIN exam USING (exam_id) WHERE frame_id = ? AND ({rules})"

        def work(connection: Connection) -> bool:
            allowed = connection.execute(query, (frame_id,)).fetchone() is not None
            if allowed:
                move(connection, "frame", frame_id, "purge", stamp)
            return allowed

        return self._database.write(work)

    def purged(self, names: set[str]) -> set[str]:
        """Return those of `names` whose bytes should be gone (a crash came between row and files)."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT frame_id FROM frame WHERE state = ?", (FrameState.PURGED.value,))
            return {row["frame_id"] for row in rows} & names
