"""Every operation of the JSON interface, by noun: one table."""

from __future__ import annotations

from agent.web.operation import Operation
from agent.web.operations import (
    accounts,
    administration,
    audit,
    captures,
    exams,
    overview,
    patients,
    queue,
    review,
    tray,
)

OPERATIONS: tuple[Operation, ...] = (
    *overview.OPERATIONS,
    *patients.OPERATIONS,
    *exams.OPERATIONS,
    *captures.OPERATIONS,
    *tray.OPERATIONS,
    *review.OPERATIONS,
    *queue.OPERATIONS,
    *accounts.OPERATIONS,
    *audit.OPERATIONS,
    *administration.OPERATIONS,
)
