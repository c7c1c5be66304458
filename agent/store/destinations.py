"""What we believe of each destination: up, down until, misconfigured (survives a restart)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.lifecycle import DestinationState
from agent.store import audit_rows
from agent.store.database import Connection, Database
from agent.store.transition import Stamp, move, note


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """State of one destination; `until` (Unix seconds) is when it is probed next."""

    name: str
    state: DestinationState
    failures: int
    until: float
    code: str
    words: str
    since: str


class Destinations:
    """Every statement about the destination table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> Belief | None:
        """Return what is believed of `name`; None before it was ever tried."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM destination WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        values = {key: row[key] for key in row.keys()}  # noqa: SIM118
        return Belief(**{**values, "state": DestinationState(row["state"])})

    def learn(self, name: str, event: str, until: float, code: str, words: str, stamp: Stamp) -> None:
        """Apply `answered`, `unreachable` or `refused us`; durable on return."""

        def work(connection: Connection) -> None:
            known = connection.execute("SELECT state FROM destination WHERE name = ?", (name,)).fetchone()
            if known is None:
                connection.execute(
                    "INSERT INTO destination (name, state, since) VALUES (?, 'up', ?)", (name, stamp.at)
                )
                note(connection, "destination", name, "first tried", "", DestinationState.UP, stamp)
            before = known["state"] if known else "up"
            after = move(connection, "destination", name, event, stamp, code=code)
            audit_rows.after_belief(connection, name, before, after, at=stamp.at, code=code)
            connection.execute(
                "UPDATE destination SET until = ?, code = ?, words = ?,"
                " failures = CASE WHEN ? = 'answered' THEN 0 ELSE failures + 1 END,"
                " since = CASE WHEN ? THEN ? ELSE since END WHERE name = ?",
                (until, code, words, event, before != after, stamp.at, name),
            )

        self._database.write(work)
