"""Operations on the audit trail: reading (itself audited, therefore no GET) and verifying."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agent.accounts_view import AuditRowView, VerifyView
from agent.actor import Act
from agent.service import Service
from agent.web.operation import Call, Operation, body_type


@body_type
class Page:
    """Which rows: the newest before a number."""

    before: Annotated[int, Field(ge=0, lt=2**53)] = 0
    """Zero: from the newest."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


@body_type
class Against:
    """A number and hash that were written down elsewhere; empty: the anchor of the box alone."""

    number: Annotated[int, Field(ge=0, lt=2**53)] = 0
    sha256: Annotated[str, Field(max_length=64)] = ""


def _read(service: Service, call: Call) -> tuple[AuditRowView, ...]:
    return service.audit.read(call.actor, before=call.body.before, limit=call.body.limit)


OPERATIONS = (
    Operation(
        method="POST", path="/audit/read", act=Act.SEE_AUDIT, answer=tuple[AuditRowView, ...], body=Page, does=_read,
        secret=True,
    ),
    Operation(
        method="POST",
        path="/audit/verify",
        act=Act.SEE_AUDIT,
        answer=VerifyView,
        body=Against,
        secret=True,
        does=lambda s, c: s.audit.verify(c.body.number, c.body.sha256),
    ),
)
