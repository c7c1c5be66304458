"""The unassigned tray: what arrived without a patient. It enters an exam only by a person's choice (ruling 1)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from agent.errors import NotFound, WrongState
from agent.store.database import Connection, Database, Row
from agent.store.transition import Stamp, note

WAITING, USED, REFUSED, DISCARDED = "waiting", "used", "refused", "discarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrayItem:
    """One thing that arrived. `name` is what its file was called: patient data, for the screen only."""

    item_id: str
    source: str
    state: str
    reason: str
    name: str
    facts: dict[str, Any]
    payload_sha256: str
    payload_size: int
    arrived_at: str
    frame_id: str


def _from_row(row: Row) -> TrayItem:
    values = {key: row[key] for key in row.keys()}  # noqa: SIM118
    return TrayItem(**{**values, "facts": json.loads(row["facts"])})


class Tray:
    """Every statement about the tray_item table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, item: TrayItem, stamp: Stamp) -> None:
        """Record an item whose file is durable, or why it was refused; durable on return."""

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT OR IGNORE INTO tray_item (item_id, source, state, reason, name, facts, payload_sha256,"
                " payload_size, arrived_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    item.item_id,
                    item.source,
                    item.state,
                    item.reason,
                    item.name,
                    json.dumps(item.facts, sort_keys=True),
                    item.payload_sha256,
                    item.payload_size,
                    stamp.at,
                ),
            )
            note(connection, "tray", item.item_id, "arrived", "", item.state, stamp)

        self._database.write(work)

    def get(self, item_id: str) -> TrayItem:
        """Return one item; raises `NotFound`."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM tray_item WHERE item_id = ?", (item_id,)).fetchone()
        if row is None:
            raise NotFound("There is no such item in the tray.")
        return _from_row(row)

    def known(self, item_id: str) -> bool:
        """Return whether this item was recorded before (offered again after a crash)."""
        with self._database.read() as connection:
            return connection.execute("SELECT 1 FROM tray_item WHERE item_id = ?", (item_id,)).fetchone() is not None

    def list(self, limit: int = 200) -> list[TrayItem]:
        """Return what waits for a person and what was refused, newest first."""
        query = "SELECT * FROM tray_item WHERE state IN ('waiting', 'refused') ORDER BY arrived_at DESC LIMIT ?"
        with self._database.read() as connection:
            return [_from_row(row) for row in connection.execute(query, (limit,))]

    def discard(self, item_id: str, reason: str, stamp: Stamp) -> None:
        """A named person gives an item up; durable on return, then its file may go."""

        def work(connection: Connection) -> None:
            _move(connection, item_id, DISCARDED, stamp, reason=reason)

        self._database.write(work)


def use(connection: Connection, item_id: str, frame_id: str, stamp: Stamp) -> None:
    """Say, in a frame's own transaction, that it was made of this item; raises `WrongState` the second time."""
    _move(connection, item_id, USED, stamp)
    connection.execute("UPDATE tray_item SET frame_id = ? WHERE item_id = ?", (frame_id, item_id))


def _move(connection: Connection, item_id: str, state: str, stamp: Stamp, *, reason: str = "") -> None:
    row = connection.execute("SELECT state FROM tray_item WHERE item_id = ?", (item_id,)).fetchone()
    allowed = {USED: (WAITING,), DISCARDED: (WAITING, REFUSED)}[state]
    if row is None:
        raise NotFound("There is no such item in the tray.")
    if row["state"] not in allowed:
        raise WrongState(f"The item is {row['state']}.", machine="tray", state=row["state"])
    connection.execute("UPDATE tray_item SET state = ?, reason = ? WHERE item_id = ?", (state, reason, item_id))
    note(connection, "tray", item_id, state, row["state"], state, stamp, code=reason)
