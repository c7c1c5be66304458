"""The audit trail as the rooms above see it: append what is no change of state, read, deliver, let go (ruling 18)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from agent.audit_event import AuditEvent, Result
from agent.store.audit_rows import append, chained
from agent.store.database import Connection, Database
from agent.store.transition import Stamp

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One row; `text` is what is hashed."""

    number: int
    text: str
    sha256: str

    @property
    def told(self) -> dict[str, Any]:
        """What the row tells, by key."""
        value: dict[str, Any] = json.loads(self.text)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditBase:
    """What the chain stands on: the last row that left, why it left, and how far it was delivered."""

    number: int
    sha256: str
    why: str
    delivered: int


class Audit:
    """Every statement about the audit tables but the appending of changes, which is in their own transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.heard: Callable[[AuditEvent, Result, dict[str, Any]], None] = lambda _event, _result, _told: None
        """Told of every row that `record` wrote, for counting."""

    def record(
        self, event: AuditEvent, stamp: Stamp, result: Result = Result.SUCCESS, **told: Any
    ) -> int:
        """Append one row of what is no change of state (a query, a failed login) and return its number; durable."""
        number = self._database.write(
            lambda c: append(c, event, at=stamp.at, who=stamp.who, result=result, **told)
        )
        self.heard(event, result, told)
        return number

    def base(self) -> AuditBase:
        """Return what the chain stands on."""
        with self._database.read() as connection:
            return _base(connection)

    def head(self) -> tuple[int, str]:
        """Return number and hash of the newest row, or of the base where there is none."""
        with self._database.read() as connection:
            row = connection.execute("SELECT number, sha256 FROM audit ORDER BY number DESC LIMIT 1").fetchone()
            base = _base(connection)
        return (int(row["number"]), str(row["sha256"])) if row else (base.number, base.sha256)

    def get(self, number: int) -> AuditRow | None:
        """Return one row; None: there is none of that number."""
        found = self.after(number - 1, 1)
        return found[0] if found and found[0].number == number else None

    def after(self, number: int, limit: int = _AT_ONCE) -> list[AuditRow]:
        """Return the rows that follow `number`, oldest first."""
        query = "SELECT number, row, sha256 FROM audit WHERE number > ? ORDER BY number LIMIT ?"
        with self._database.read() as connection:
            return [_row(r) for r in connection.execute(query, (number, limit))]

    def before(self, number: int, limit: int = _AT_ONCE) -> list[AuditRow]:
        """Return the rows that precede `number`, newest first."""
        query = "SELECT number, row, sha256 FROM audit WHERE number < ? ORDER BY number DESC LIMIT ?"
        with self._database.read() as connection:
            return [_row(r) for r in connection.execute(query, (number, limit))]

    def walk(self) -> Iterator[tuple[AuditRow, str]]:
        """Yield every row, oldest first, with the hash that it should have after the row before it."""
        base = self.base()
        number, previous = base.number, base.sha256
        while rows := self.after(number):
            for row in rows:
                yield row, chained(previous, row.text)
                number, previous = row.number, row.sha256

    def delivered(self, number: int) -> None:
        """Say that the collector has every row up to `number`; durable on return."""
        self._database.write(
            lambda c: c.execute("UPDATE audit_base SET delivered = max(delivered, ?)", (number,))
        )

    def rebase(self, number: int, sha256: str) -> None:
        """Begin the chain after rows that are lost with an older database; only while it is empty."""
        self._database.write(
            lambda c: c.execute(
                "UPDATE audit_base SET number = ?, sha256 = ?, why = 'lost', delivered = ?"
                " WHERE NOT EXISTS (SELECT 1 FROM audit)",
                (number, sha256, number),
            )
        )

    def let_go(self, before_at: str, limit: int = _AT_ONCE) -> int:
        """Remove delivered rows that are older than `before_at` (ISO 8601, UTC) and return how many."""
        base = self.base()
        old = [r for r in self.after(base.number, limit) if r.number <= base.delivered]
        going: AuditRow | None = None
        for row in old:
            if row.told["utc"] >= before_at:
                break
            going = row
        if going is None:
            return 0
        last = going

        def work(connection: Connection) -> int:
            connection.execute(
                "UPDATE audit_base SET number = ?, sha256 = ?, why = 'retention'", (last.number, last.sha256)
            )
            return connection.execute("DELETE FROM audit WHERE number <= ?", (last.number,)).rowcount

        return self._database.write(work)


def _base(connection: Connection) -> AuditBase:
    row = connection.execute("SELECT number, sha256, why, delivered FROM audit_base").fetchone()
    return AuditBase(number=row["number"], sha256=row["sha256"], why=row["why"], delivered=row["delivered"])


def _row(row: Any) -> AuditRow:
    return AuditRow(number=row["number"], text=row["row"], sha256=row["sha256"])
