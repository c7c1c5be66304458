"""A consistent copy of the database while it is in use (SQLite online backup), and what makes it safe to live on."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from agent.audit_event import SECURITY_CONFIGURED
from agent.errors import DatabaseDamaged, SchemaTooNew
from agent.lifecycle import ExamState, FrameState, JobState, SessionState
from agent.store import audit_rows
from agent.store.database import Connection, Database, translated
from agent.store.schema import SCHEMA_VERSION, works_with
from agent.store.transition import Stamp, move

_PAGES = 256
"""So many pages are read at a time; the service writes in between."""
RESTORED = "D-08"
NUMBERS_AHEAD = 100_000
"""Counters go on so far beyond the copy: what was given to somebody after it was made is never given again."""
_HELD_BY: Mapping[str, tuple[str, str]] = {
    "exam": ("exam_id", f"state IN ('{ExamState.OPEN}', '{ExamState.FINISHING}')"),
    "frame": ("frame_id", f"state IN ('{FrameState.CAPTURED}', '{FrameState.COMPOSED}')"),
    "job": ("job_id", f"state IN ('{JobState.PENDING}', '{JobState.WAITING}', '{JobState.RUNNING}')"),
}
"""Machine → key and which of its rows would do something by themselves."""


def copy(database: Path, target: Path) -> int:
    """Write a copy as it was at one instant, checked, and return its schema; raises `DatabaseDamaged`.

    May run beside the service: this connection only reads. Not durable on return: the caller syncs.
    """
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source, closing(
            sqlite3.connect(target)
        ) as made:
            source.execute("PRAGMA busy_timeout = 5000")
            source.backup(made, pages=_PAGES, sleep=0.01)
            made.execute("PRAGMA journal_mode = DELETE")
            return _checked(made)
    except sqlite3.Error as e:
        raise translated(e) from e


def inspect(database: Path) -> int:
    """Return the schema of a copy after it was checked; raises `DatabaseDamaged` or `SchemaTooNew`."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            found, oldest = _checked(connection), versions(connection)[1]
    except sqlite3.Error as e:
        raise translated(e) from e
    if not works_with(found, oldest):
        raise SchemaTooNew(found=found, known=SCHEMA_VERSION)
    return found


def versions(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return the schema of a database and the oldest schema whose software can work with it (0: not said)."""
    told = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id")]
    return int(told[0]), int(told[1])


def versions_of(database: Path) -> tuple[int, int]:
    """Return `versions` of a file that may be in use; raises `StorageError` or `DatabaseDamaged`."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return versions(connection)
    except sqlite3.Error as e:
        raise translated(e) from e


def _checked(connection: sqlite3.Connection) -> int:
    if connection.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
        raise DatabaseDamaged
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


class Restoring:
    """Makes a restored database one that does nothing by itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def settle(self, made_at: str, words: str, stamp: Stamp) -> dict[str, int]:
        """Hold every open exam, unbuilt picture and job, end every session, move the counters on; one alarm.

        Returns how many of each were held. One transaction, durable on return; a second time changes nothing but
        the counters. `made_at`: when the copy was made.
        """

        def work(connection: Connection) -> dict[str, int]:
            held = {machine: _hold(connection, machine, words, stamp) for machine in _HELD_BY}
            alive = f"SELECT session_id FROM session WHERE state <> '{SessionState.ENDED}'"
            for row in connection.execute(alive).fetchall():
                move(connection, "session", row["session_id"], "revoke", stamp)
            connection.execute("UPDATE destination SET until = 0")  # what was believed then is asked anew
            connection.execute("UPDATE counter SET value = value + ?", (NUMBERS_AHEAD,))
            why = f"restored from a backup of {made_at}"
            audit_rows.append(
                connection, SECURITY_CONFIGURED, at=stamp.at, who=stamp.who, subject="database", reason=why
            )
            connection.execute(
                "INSERT OR IGNORE INTO alarm (at, code, subject, words) VALUES (?, ?, 'database', ?)",
                (stamp.at, RESTORED, words),
            )
            return held

        return self._database.write(work)


def _hold(connection: Connection, machine: str, words: str, stamp: Stamp) -> int:
    key, which = _HELD_BY[machine]
    rows = connection.execute(f"SELECT {key} AS subject, state FROM {machine} WHERE {which}").fetchall()
    for row in rows:
        move(connection, machine, row["subject"], "hold", stamp, code=RESTORED)
        if machine == "job":
            connection.execute(
                "UPDATE job SET code = ?, words = ?, run_id = '', settled_at = ? WHERE job_id = ?",
                (RESTORED, words, stamp.at, row["subject"]),
            )
        else:
            connection.execute(f"UPDATE {machine} SET reason = ? WHERE {key} = ?", (words, row["subject"]))
    return len(rows)
