"""The one place where a state changes: table looked up, row updated, event written, all in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import NotFound
from agent.lifecycle import after
from agent.store import audit_rows
from agent.store.database import Connection

_KEYS = {
    "exam": "exam_id",
    "frame": "frame_id",
    "job": "job_id",
    "destination": "name",
    "procedure_step": "step_uid",
    "commitment": "transaction_uid",
    "removal": "removal_id",
    "account": "account_id",
    "session": "session_id",
    "enrolment": "enrolment_id",
    "screen": "screen_id",
    "api_token": "token_id",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """When and in which run a change happens, and who asked for it."""

    at: str
    unix: float
    run_id: str
    who: str = ""
    boottime_ns: int = 0
    """CLOCK_BOOTTIME: what the time since the last picture is counted from, whatever the wall clock does."""


def move(
    connection: Connection, machine: str, subject: str | int, event: str, stamp: Stamp, *, code: str = ""
) -> str:
    """Apply `event` to one row and return its new state; raises `NotFound` or `WrongState`."""
    key = _KEYS[machine]
    row = connection.execute(f"SELECT state FROM {machine} WHERE {key} = ?", (subject,)).fetchone()
    if row is None:
        raise NotFound(f"There is no {machine} of that name.")
    new = after(machine, event, row["state"])
    connection.execute(f"UPDATE {machine} SET state = ? WHERE {key} = ?", (new, subject))
    note(connection, machine, subject, event, row["state"], new, stamp, code=code)
    return new


def note(
    connection: Connection,
    machine: str,
    subject: str | int,
    event: str,
    before: str,
    new: str,
    stamp: Stamp,
    *,
    code: str = "",
) -> None:
    """Write the event row of a change that `move` did not make (a birth, or many rows at once), and its audit row."""
    connection.execute(
        "INSERT INTO event (at, run_id, machine, subject, event, before, after, code, who)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (stamp.at, stamp.run_id, machine, str(subject), event, before, new, code, stamp.who),
    )
    audit_rows.after_change(connection, machine, str(subject), event, at=stamp.at, who=stamp.who, code=code)
