"""The last good worklist, with its age; an entry in use is never lost with a newer list."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from agent.errors import NotFound
from agent.model import ScheduledProcedureStep, WorklistAnswer
from agent.plain import from_plain, to_plain
from agent.store.database import Connection, Database, Row
from agent.store.transition import Stamp, note


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One cached entry; `digest` changes whenever anything in it changes."""

    step: ScheduledProcedureStep
    digest: str
    found_until: float = 0.0
    """Unix seconds until which an entry stays that was asked for by number; 0: it is of the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedList:
    """The last good answer of the worklist server."""

    entries: tuple[Entry, ...]
    fetched_at: str
    """ISO 8601; empty: nothing was ever fetched."""
    received: int = 0
    unreadable: tuple[str, ...] = ()
    truncated: bool = False
    filtered_out: int = 0


def _text(step: ScheduledProcedureStep) -> str:
    return json.dumps(to_plain(step), ensure_ascii=False, sort_keys=True)


class Worklists:
    """Every statement about the cached worklist."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def replace(self, answer: WorklistAnswer, stamp: Stamp) -> None:
        """Make `answer` the last good list; durable on return."""

        def work(connection: Connection) -> None:
            connection.execute("DELETE FROM worklist_entry WHERE found_until <= ?", (stamp.unix,))
            for position, step in enumerate(answer.steps):
                _insert(connection, step, position, 0.0)
            connection.execute(
                "INSERT OR REPLACE INTO worklist_fetch VALUES (1, ?, ?, ?, ?, ?)",
                (
                    stamp.at,
                    answer.received,
                    json.dumps(answer.unreadable),
                    int(answer.truncated),
                    answer.filtered_out,
                ),
            )

        self._database.write(work)

    def add(self, steps: tuple[ScheduledProcedureStep, ...], until: float, stamp: Stamp) -> None:
        """Add entries that were asked for by number; they stay until `until` (Unix seconds), a newer list or not.

        Durable on return. One that the list holds already is brought up to date.
        """

        def work(connection: Connection) -> None:
            last = connection.execute("SELECT coalesce(max(position), 0) FROM worklist_entry").fetchone()[0]
            for number, step in enumerate(steps, 1):
                _insert(connection, step, last + number, until)
            note(connection, "worklist", "found", "add", "", "", stamp, code=str(len(steps)))

        self._database.write(work)

    def get(self) -> CachedList:
        """Return the last good list (empty with an empty `fetched_at` before the first)."""
        with self._database.read() as connection:
            fetch = connection.execute("SELECT * FROM worklist_fetch").fetchone()
            rows = connection.execute("SELECT * FROM worklist_entry ORDER BY position").fetchall()
        if fetch is None:
            return CachedList(entries=(), fetched_at="")
        return CachedList(
            entries=tuple(_entry(row) for row in rows),
            fetched_at=fetch["fetched_at"],
            received=fetch["received"],
            unreadable=tuple(json.loads(fetch["unreadable"])),
            truncated=bool(fetch["truncated"]),
            filtered_out=fetch["filtered_out"],
        )

    def fetched_at(self) -> str:
        """Return when the last good list came (ISO 8601); empty: never."""
        with self._database.read() as connection:
            row = connection.execute("SELECT fetched_at FROM worklist_fetch").fetchone()
            return row["fetched_at"] if row else ""

    def entry(self, key: str) -> Entry:
        """Return one cached entry; raises `NotFound`."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM worklist_entry WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise NotFound("This entry is not in the worklist any more.")
        return _entry(row)


def _insert(connection: Connection, step: ScheduledProcedureStep, position: int, until: float) -> None:
    text = _text(step)
    connection.execute(
        "INSERT OR REPLACE INTO worklist_entry (key, position, digest, step, found_until) VALUES (?, ?, ?, ?, ?)",
        (step.key, position, hashlib.sha256(text.encode()).hexdigest(), text, until),
    )


def _entry(row: Row) -> Entry:
    return Entry(
        step=from_plain(ScheduledProcedureStep, json.loads(row["step"])),
        digest=row["digest"],
        found_until=row["found_until"],
    )
