"""When pictures were really taken, where the clock was not trusted then, and who vouched for it (ruling 6)."""

from __future__ import annotations

from collections.abc import Mapping

from agent.lifecycle import ExamState, FrameState
from agent.store.database import Connection, Database
from agent.store.transition import Stamp, move, note


class Dates:
    """Every statement about dated pictures and the confirmed clock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def date(self, instants: Mapping[str, str], how: str, stamp: Stamp, *, held_by: str) -> None:
        """Say when pictures were taken (frame -> ISO 8601); those held with `held_by` take part again. Durable.

        `how` is `boottime`, `shift` or `instant`. Fails for a picture of which an object was built (promise P3).
        """

        def work(connection: Connection) -> None:
            for frame_id, acquired_at in instants.items():
                connection.execute(
                    "INSERT INTO frame_date (frame_id, acquired_at, how, at, who) VALUES (?, ?, ?, ?, ?)"
                    " ON CONFLICT (frame_id) DO UPDATE SET acquired_at = excluded.acquired_at, how = excluded.how,"
                    " at = excluded.at, who = excluded.who",
                    (frame_id, acquired_at, how, stamp.at, stamp.who),
                )
                self._accept(connection, frame_id, held_by, stamp)
                note(connection, "frame", frame_id, "date", "", "", stamp, code=how)

        self._database.write(work)

    def _accept(self, connection: Connection, frame_id: str, held_by: str, stamp: Stamp) -> None:
        row = connection.execute("SELECT state, reason FROM frame WHERE frame_id = ?", (frame_id,)).fetchone()
        if row["state"] == FrameState.HELD and row["reason"].startswith(held_by):
            move(connection, "frame", frame_id, "accept", stamp, code=held_by)
            connection.execute("UPDATE frame SET reason = '' WHERE frame_id = ?", (frame_id,))

    def confirm_clock(self, boot_id: str, stamp: Stamp) -> None:
        """Keep that a named person vouched for the clock, until the next boot; durable on return."""

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO clock_confirmation (boot_id, at, who) VALUES (?, ?, ?)",
                (boot_id, stamp.at, stamp.who),
            )
            note(connection, "clock", boot_id, "confirm", "untrusted", "confirmed", stamp)

        self._database.write(work)

    def clock_confirmed(self, boot_id: str) -> bool:
        """Return whether somebody vouched for the clock in this boot."""
        query = "SELECT 1 FROM clock_confirmation WHERE boot_id = ?"
        with self._database.read() as connection:
            return connection.execute(query, (boot_id,)).fetchone() is not None

    def waiting(self) -> list[str]:
        """Return the exams that hold pictures which somebody has to date."""
        query = """SELECT DISTINCT exam.exam_id FROM frame JOIN exam USING (exam_id)
            WHERE exam.state <> ? AND frame.state = 'held' AND frame.reason LIKE 'T-01%'"""
        with self._database.read() as connection:
            return [row[0] for row in connection.execute(query, (ExamState.DISCARDED.value,))]
