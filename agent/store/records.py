"""Runs, counters, answers to repeated requests, alarms and the history of changes."""

from __future__ import annotations

import json
from typing import Any

from agent.store.database import Connection, Database
from agent.store.transition import Stamp, note


class Records:
    """Every statement about the small tables that belong to no other noun."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin_run(self, boot_id: str, stamp: Stamp) -> bool:
        """Record the start of a run and return whether the run before it ended by itself (no crash)."""

        def work(connection: Connection) -> bool:
            last = connection.execute("SELECT ended_at FROM run ORDER BY rowid DESC LIMIT 1").fetchone()
            connection.execute(
                "INSERT INTO run (run_id, started_at, boot_id) VALUES (?, ?, ?)", (stamp.run_id, stamp.at, boot_id)
            )
            clean = last is None or last["ended_at"] is not None
            note(connection, "run", stamp.run_id, "start", "", "running", stamp, code="" if clean else "after a crash")
            return clean

        return self._database.write(work)

    def end_run(self, stamp: Stamp) -> None:
        """Record that this run ended by itself."""

        def work(connection: Connection) -> None:
            connection.execute("UPDATE run SET ended_at = ? WHERE run_id = ?", (stamp.at, stamp.run_id))
            note(connection, "run", stamp.run_id, "stop", "running", "", stamp)

        self._database.write(work)

    def next_number(self, name: str) -> int:
        """Return the next value of a counter that never repeats, power loss included (durable on return)."""

        def work(connection: Connection) -> int:
            connection.execute("INSERT OR IGNORE INTO counter VALUES (?, 0)", (name,))
            row = connection.execute(
                "UPDATE counter SET value = value + 1 WHERE name = ? RETURNING value", (name,)
            ).fetchone()
            return int(row["value"])

        return self._database.write(work)

    def answer(self, idempotency_key: str) -> dict[str, Any] | None:
        """Return the answer already given to a request with this key."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT answer FROM request WHERE idempotency_key = ?", (idempotency_key,)
            ).fetchone()
        return json.loads(row["answer"]) if row else None

    def remember(self, idempotency_key: str, answer: dict[str, Any], stamp: Stamp) -> None:
        """Keep the answer to a request, so that its repetition changes nothing."""
        self._database.write(
            lambda c: c.execute(
                "INSERT OR IGNORE INTO request VALUES (?, ?, ?)",
                (idempotency_key, json.dumps(answer, ensure_ascii=False), stamp.at),
            )
        )

    def raise_alarm(self, code: str, subject: str, words: str, stamp: Stamp) -> None:
        """Keep an alarm until somebody clears it; the same open alarm is kept once."""
        self._database.write(
            lambda c: c.execute(
                "INSERT OR IGNORE INTO alarm (at, code, subject, words) VALUES (?, ?, ?, ?)",
                (stamp.at, code, subject, words),
            )
        )

    def clear_alarm(self, code: str, subject: str, stamp: Stamp) -> None:
        """Close an open alarm whose cause is gone; none open: nothing is written."""
        if not any((a["code"], a["subject"]) == (code, subject) for a in self.alarms()):
            return
        self._database.write(
            lambda c: c.execute(
                "UPDATE alarm SET cleared_at = ? WHERE code = ? AND subject = ? AND cleared_at = ''",
                (stamp.at, code, subject),
            )
        )

    def note(self, machine: str, subject: str, event: str, before: str, new: str, stamp: Stamp) -> None:
        """Write into the history what changed outside the database (the configuration, a certificate)."""
        self._database.write(lambda c: note(c, machine, subject, event, before, new, stamp))

    def newest(self, limit: int) -> list[dict[str, str]]:
        """Return the newest changes of everything, oldest first."""
        query = "SELECT * FROM event ORDER BY event_id DESC LIMIT ?"
        with self._database.read() as connection:
            rows = connection.execute(query, (limit,)).fetchall()
            return [{key: str(row[key]) for key in row.keys()} for row in reversed(rows)]  # noqa: SIM118

    def tries(self, limit: int) -> list[dict[str, str]]:
        """Return the newest tries at peers, oldest first, without what a peer wrote as a comment."""
        query = """SELECT at, destination, kind, phase, action, attempt.code, attempt.words, blame FROM attempt
            JOIN job USING (job_id) ORDER BY attempt_id DESC LIMIT ?"""
        with self._database.read() as connection:
            rows = connection.execute(query, (limit,)).fetchall()
            return [{key: str(row[key]) for key in row.keys()} for row in reversed(rows)]  # noqa: SIM118

    def library(self) -> str:
        """Return the version of SQLite."""
        with self._database.read() as connection:
            return str(connection.execute("SELECT sqlite_version()").fetchone()[0])

    def alarms(self) -> list[dict[str, str]]:
        """Return the open alarms, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT * FROM alarm WHERE cleared_at = '' ORDER BY alarm_id")
            return [{key: str(row[key]) for key in row.keys()} for row in rows]  # noqa: SIM118

    def history(self, machine: str, subject: str) -> list[dict[str, str]]:
        """Return every change of one exam, frame, job or destination, oldest first."""
        query = "SELECT * FROM event WHERE machine = ? AND subject = ? ORDER BY event_id"
        with self._database.read() as connection:
            return [{k: str(row[k]) for k in row.keys()} for row in connection.execute(query, (machine, subject))]  # noqa: SIM118
