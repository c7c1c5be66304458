"""Writes audit rows inside the transaction of the change that they tell of: canonical text, chained by SHA-256."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from agent.audit_event import EMERGENCY, NODE_REFUSED, AuditEvent, Result, planned
from agent.store.database import Connection

_NODE = ("verify", "pin", "certificate", "tls version", "tls no common cipher")
"""How the codes begin of a peer that did not prove who it is, or to whom we did not (agent.statuses)."""


def chained(previous: str, row: str) -> str:
    """Return the hash of `row` after a row whose hash is `previous`."""
    return hashlib.sha256(f"{previous}\n{row}".encode()).hexdigest()


def append(
    connection: Connection,
    event: AuditEvent,
    *,
    at: str,
    who: str,
    result: Result = Result.SUCCESS,
    **told: Any,
) -> int:
    """Append one row and return its number; what is empty in `told` is left out."""
    base = connection.execute(
        "SELECT number, sha256 FROM audit UNION ALL SELECT number, sha256 FROM audit_base ORDER BY number DESC LIMIT 1"
    ).fetchone()
    number = int(base["number"]) + 1
    row = canonical(
        {
            "number": number,
            "at": at,
            "utc": datetime.fromisoformat(at).astimezone(UTC).isoformat(timespec="milliseconds"),
            "event": event.event.value,
            "type": event.type.value,
            "action": event.action,
            "result": result.value,
            "who": who,
            **told,
        }
    )
    connection.execute(
        "INSERT INTO audit (number, row, sha256) VALUES (?, ?, ?)", (number, row, chained(base["sha256"], row))
    )
    return number


def canonical(values: dict[str, Any]) -> str:
    """Return one row as text: sorted keys, no spaces, nothing empty."""
    kept = {key: value for key, value in values.items() if value not in ("", None, [], {})}
    text = json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode()  # half a surrogate pair, as a program may send it, is no text


def after_change(
    connection: Connection, machine: str, subject: str, event: str, *, at: str, who: str, code: str
) -> None:
    """Append the row of a change of state, if the table says that it is one."""
    kind = planned(machine, event, who)
    if kind is not None:
        told = _TELLERS.get(machine, _plain)(connection, subject)
        append(connection, kind, at=at, who=who, reason=code, subject=f"{machine} {subject}", act=event, **told)
        if (machine, event) == ("exam", "open") and told.get("kind") == "emergency":
            append(connection, EMERGENCY, at=at, who=who, subject=f"{machine} {subject}", **told)


def after_belief(connection: Connection, name: str, before: str, new: str, *, at: str, code: str) -> None:
    """Append a security alert when a destination has just begun to fail in TLS."""
    if before != new and code.startswith(_NODE):
        append(
            connection, NODE_REFUSED, at=at, who="", result=Result.SERIOUS_FAILURE, subject=f"destination {name}",
            reason=code,
        )  # fmt: skip


def _plain(_connection: Connection, _subject: str) -> dict[str, Any]:
    return {}


def _exam(connection: Connection, exam_id: str) -> dict[str, Any]:
    """Return patient and study of an exam: the row must tell them after the exam is gone."""
    row = connection.execute("SELECT kind, snapshot, study_instance_uid FROM exam WHERE exam_id = ?", (exam_id,))
    exam = row.fetchone()
    if exam is None:
        return {}
    snapshot = json.loads(exam["snapshot"])
    classes = connection.execute(
        "SELECT sop_class_uid, count(*) AS n FROM sop_instance JOIN frame USING (frame_id)"
        " WHERE frame.exam_id = ? GROUP BY sop_class_uid", (exam_id,),
    )  # fmt: skip
    sent_to = connection.execute(
        "SELECT destination, count(*) AS n FROM job WHERE exam_id = ? AND kind = 'store'"
        " AND state IN ('done', 'confirmed') GROUP BY destination", (exam_id,),
    )  # fmt: skip
    pictures = connection.execute(
        "SELECT count(*) AS n FROM frame WHERE exam_id = ? AND state IN ('captured', 'built', 'held')", (exam_id,)
    ).fetchone()
    return {
        "kind": exam["kind"],
        "study": exam["study_instance_uid"],
        "patient_id": snapshot["patient"]["patient_id"],
        "patient_name": snapshot["patient"]["patient_name"],
        "accession": snapshot["accession_number"],
        "confirmation": snapshot["confirmation"],
        "pictures": pictures["n"] or None,
        "classes": {r["sop_class_uid"]: r["n"] for r in classes},
        "sent_to": {r["destination"]: r["n"] for r in sent_to},
    }


def _frame(connection: Connection, frame_id: str) -> dict[str, Any]:
    row = connection.execute("SELECT exam_id, sop_instance_uid FROM frame WHERE frame_id = ?", (frame_id,)).fetchone()
    return {} if row is None else {**_exam(connection, row["exam_id"]), "instances": [row["sop_instance_uid"]]}


def _job(connection: Connection, job_id: str) -> dict[str, Any]:
    row = connection.execute("SELECT exam_id, destination FROM job WHERE job_id = ?", (job_id,)).fetchone()
    return {} if row is None else {**_exam(connection, row["exam_id"]), "destination": row["destination"]}


def _removal(connection: Connection, removal_id: str) -> dict[str, Any]:
    row = connection.execute("SELECT exam_id FROM removal WHERE removal_id = ?", (removal_id,)).fetchone()
    return {} if row is None else _exam(connection, row["exam_id"])


def _account(connection: Connection, account_id: str) -> dict[str, Any]:
    row = connection.execute("SELECT name, role FROM account WHERE account_id = ?", (account_id,)).fetchone()
    return {} if row is None else {"user": row["name"], "role": row["role"]}


def _session(connection: Connection, session_id: str) -> dict[str, Any]:
    row = connection.execute(
        "SELECT account.name, role, address, coalesce(screen.name, '') AS screen FROM session"
        " JOIN account USING (account_id) LEFT JOIN screen USING (screen_id) WHERE session_id = ?", (session_id,),
    ).fetchone()  # fmt: skip
    if row is None:
        return {}
    return {"user": row["name"], "role": row["role"], "address": row["address"], "screen": row["screen"]}


def _screen(connection: Connection, screen_id: str) -> dict[str, Any]:
    row = connection.execute("SELECT name, source FROM screen WHERE screen_id = ?", (screen_id,)).fetchone()
    return {} if row is None else {"screen": row["name"], "source": row["source"]}


def _api_token(connection: Connection, token_id: str) -> dict[str, Any]:
    row = connection.execute("SELECT name, role FROM api_token WHERE token_id = ?", (token_id,)).fetchone()
    return {} if row is None else {"user": row["name"], "role": row["role"]}


_TELLERS = {
    "exam": _exam,
    "frame": _frame,
    "job": _job,
    "removal": _removal,
    "account": _account,
    "session": _session,
    "screen": _screen,
    "api_token": _api_token,
}
