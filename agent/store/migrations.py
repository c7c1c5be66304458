"""The schema, one step per migration, applied by sqlite-utils in its own process before the core starts.

`python -m agent.store.migrations FILE` (or `modality-agent migrate`). The running core never imports this file:
sqlite-utils loads numpy. Each step and its record are one transaction, so a kill in between repeats the step.
"""

from __future__ import annotations

import sqlite3
import sys
from typing import Any

from sqlite_utils import Database, Migrations

from agent.store.schema import SCHEMA_VERSION, STEPS

migrations = Migrations("modality-agent")


def _step(number: int) -> None:
    def apply(db: Any) -> None:
        for statement in STEPS[number]:
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {number + 1}")

    apply.__name__ = f"step_{number + 1:03d}"
    migrations(name=apply.__name__)(apply)


for _number in range(SCHEMA_VERSION):
    _step(_number)


def migrate(path: str) -> int:
    """Bring the database file to `SCHEMA_VERSION` and return the version found before; durable on return."""
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


def main(path: str) -> int:
    """Return 0, 3 for a database of a newer version, 4 for a damaged one; nothing was changed then."""
    try:
        return 3 if migrate(path) > SCHEMA_VERSION else 0
    except sqlite3.DatabaseError as e:
        damaged = getattr(e, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
        if not damaged:
            raise
        return 4


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
