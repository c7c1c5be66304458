"""The audit trail as an administrator and other services meet it: record, read, verify (PS3.15 A.5)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from agent.accounts_view import AuditRowView, VerifyView
from agent.actor import Actor, Role
from agent.audit_anchor import Anchor, verify
from agent.audit_event import AUDIT_READ, MEANINGS, NODE_REFUSED, RESTRICTED, AuditEvent, Result
from agent.seldom import Seldom
from agent.store import AuditRow, Stamp, Store

_AGAIN_S, _MOST_TOLD = 600.0, 256
"""So long is what was refused not told again, and so many different ones are told in that time."""


class Audit:
    """Asked by administrators; `record` is for every service that does something which changes no state."""

    def __init__(self, store: Store, anchor: Anchor, *, stamp: Callable[[str], Stamp]) -> None:
        self._store, self._anchor, self._stamp = store, anchor, stamp
        self._seldom = Seldom(seconds=_AGAIN_S, most=_MOST_TOLD)

    def record(
        self, actor: Actor, event: AuditEvent, *, result: Result = Result.SUCCESS, subject: str = "", **told: Any
    ) -> None:
        """Append one row about what `actor` did (`agent.audit_event` names the events); durable on return.

        Patient data belongs in `patient_id`, `patient_name`, `study`, `accession`, `query`, and nowhere else.
        """
        self._store.audit.record(
            event, self._stamp(actor.name), result, subject=subject, role=actor.role.value, address=actor.address,
            **told,
        )  # fmt: skip

    def refused(self, actor: Actor, act: str) -> None:
        """Append that `actor` asked for what the role does not permit; the same again makes no row for a while."""
        if self._seldom.first(f"{actor.role}\x1f{actor.name}\x1f{act}"):
            self.record(actor, RESTRICTED, result=Result.MINOR_FAILURE, subject=act, reason="not permitted")

    def foreign(self, address: str, what: str) -> None:
        """Append that a request under a foreign name or origin came from `address`; the same again makes no row for
        a while, and a flood from many addresses makes a bounded number of rows."""
        if self._seldom.first(f"{address}\x1f{what}"):
            actor = Actor(name="", role=Role.NOBODY, address=address)
            self.record(actor, NODE_REFUSED, result=Result.SERIOUS_FAILURE, subject="page", reason=what)

    def read(self, actor: Actor, *, before: int = 0, limit: int = 200) -> tuple[AuditRowView, ...]:
        """Return the newest rows before a number (zero: the newest of all); that they were read is a row itself."""
        rows = self._store.audit.before(before or 2**62, limit)
        self.record(actor, AUDIT_READ, subject="audit trail")
        return tuple(_view(row) for row in rows)

    def verify(self, number: int = 0, sha256: str = "") -> VerifyView:
        """Look through the whole chain, against its anchor and against a number and hash from elsewhere, if given."""
        found = verify(self._store, self._anchor, (number, sha256) if number else None)
        return VerifyView(
            ok=not found.why,
            rows=found.rows,
            first=found.first,
            last=found.last,
            sha256=found.sha256,
            broken_at=found.broken_at,
            why=found.why,
            delivered=self._store.audit.base().delivered,
        )


_COLUMNS = frozenset({"number", "at", "utc", "event", "type", "action", "result", "who"})


def _view(row: AuditRow) -> AuditRowView:
    told = row.told
    return AuditRowView(
        number=row.number,
        at=str(told.get("at", "")),
        event=MEANINGS.get(str(told.get("event", "")), ""),
        type=MEANINGS.get(str(told.get("type", "")), ""),
        action=str(told.get("action", "")),
        result=str(told.get("result", "")),
        who=str(told.get("who", "")),
        told={key: _text(value) for key, value in told.items() if key not in _COLUMNS},
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
