"""Every operation of the JSON interface, by noun: one table."""

from __future__ import annotations

from agent.web.operation import Operation
from agent.web.operations import administration, captures, exams, overview, patients, queue, tray

OPERATIONS: tuple[Operation, ...] = (
    *overview.OPERATIONS,
    *patients.OPERATIONS,
    *exams.OPERATIONS,
    *captures.OPERATIONS,
    *tray.OPERATIONS,
    *queue.OPERATIONS,
    *administration.OPERATIONS,
)
