"""The schema, one step per migration, applied by sqlite-utils in its own process before the core starts.

`python -m agent.store.migrations FILE` (or `modality-agent migrate`). The running core never imports this file:
sqlite-utils loads numpy. Each step and its record are one transaction, so a kill in between repeats the step.
"""

from __future__ import annotations

import sqlite3
import sys
from typing import Any

from sqlite_utils import Database, Migrations

from agent.store.schema import READABLE_FROM, SCHEMA_VERSION, STEPS, works_with

migrations = Migrations("modality-agent")


def _step(number: int) -> None:
    def apply(db: Any) -> None:
        for statement in STEPS[number]:
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {number + 1}")
        db.execute(f"PRAGMA application_id = {READABLE_FROM[number + 1]}")

    apply.__name__ = f"step_{number + 1:03d}"
    migrations(name=apply.__name__)(apply)


for _number in range(SCHEMA_VERSION):
    _step(_number)


def migrate(path: str) -> int:
    """Bring the database file to `SCHEMA_VERSION` and return the version found before; durable on return.

    A newer one is left as it is.
    """
    db = Database(path)
    try:
        before = int(db.execute("PRAGMA user_version").fetchone()[0])
        if before <= SCHEMA_VERSION:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            migrations.apply(db)
        return before
    finally:
        db.close()


def readable(path: str) -> bool:
    """Whether this software can work with the database file."""
    db = Database(path)
    try:
        told = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id")]
        return works_with(int(told[0]), int(told[1]))
    finally:
        db.close()


def main(path: str) -> int:
    """Return 0; 3 for a newer database that this software cannot read, 4 for a damaged one: nothing was changed."""
    try:
        migrate(path)
        return 0 if readable(path) else 3
    except sqlite3.DatabaseError as e:
        damaged = getattr(e, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
        if not damaged:
            raise
        return 4


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
