"""What an answer about a performed procedure step means: tables (PS3.4 F.7.2, PS3.7 Annex C, dicom.md 4.2)."""

from __future__ import annotations

from dataclasses import replace

from agent.errors import Blame
from agent.outcome import Action, Outcome
from agent.statuses import StatusRow, row_of, status_outcome

_RIS, _STEP = Blame.DESTINATION, Blame.INSTANCE
_SENT, _WARNING, _LATER, _AGAIN = Action.SENT, Action.SENT_WITH_WARNING, Action.RETRY_LATER, Action.RETRY_INSTANCE
_HOLD, _SUSPEND, _FALL_BACK = Action.HOLD_INSTANCE, Action.SUSPEND_DESTINATION, Action.FALL_BACK
FINAL_ALREADY = 0xA710
"""Error ID: the performed procedure step may no longer be updated (PS3.4 F.7.2.2.2)."""

_FINAL = StatusRow(0, 0, _HOLD, _STEP, "The server says that the step may no longer be updated.")
_BAD_ATTRIBUTES = (0x0105, 0x0106, 0x0114, 0x0115, 0x0117, 0x0120, 0x0121, 0x0212)
_COMMON: tuple[StatusRow, ...] = (
    StatusRow(0x0000, 0x0000, _SENT, _RIS, "Told."),
    StatusRow(0x0001, 0x0001, _WARNING, _RIS, "Told; the server does not support every attribute."),
    StatusRow(0x0107, 0x0107, _WARNING, _RIS, "Told; the server warns of an attribute list."),
    StatusRow(0x0116, 0x0116, _WARNING, _RIS, "Told; the server warns of an attribute value."),
    StatusRow(0xB000, 0xBFFF, _WARNING, _RIS, "Told, with a warning of the server."),
    *(StatusRow(s, s, _HOLD, _STEP, "The server does not take an attribute of this step.", 0) for s in _BAD_ATTRIBUTES),
    *(
        StatusRow(s, s, _SUSPEND, _RIS, "The server does not take procedure steps from us.")
        for s in (0x0118, 0x0122, 0x0124, 0x0211)
    ),
    StatusRow(0x0210, 0x0210, _AGAIN, _RIS, "The server saw the same message number twice.", 2),
    StatusRow(0x0213, 0x0213, _LATER, _RIS, "The server is at a resource limit."),
    StatusRow(0x0110, 0x0110, _AGAIN, _RIS, "The server failed while it processed the step.", 100),
    StatusRow(0x0000, 0xFFFF, _LATER, _RIS, "The server gave an unknown answer.", 0, True),
)
N_CREATE: tuple[StatusRow, ...] = (
    StatusRow(0x0111, 0x0111, _SENT, _RIS, "The server has this step already: an earlier message arrived."),
    *_COMMON,
)
N_SET: tuple[StatusRow, ...] = (
    StatusRow(0x0112, 0x0112, _FALL_BACK, _RIS, "The server does not know the step."),
    *_COMMON,
)
"""The first row that matches rules. 0112 makes the core create the step once more."""


def step_outcome(
    rows: tuple[StatusRow, ...], status: int | None, *, comment: str = "", error_id: int | None = None
) -> Outcome:
    """Return what the status of an N-CREATE or N-SET response means (None: the element is missing)."""
    if status is None:
        row = StatusRow(0, 0, _LATER, _RIS, "The server's answer carries no status.", 0, True)
    elif status == 0x0110 and error_id == FINAL_ALREADY:
        row = _FINAL
    else:
        row = row_of(rows, status)
    return status_outcome(row, status, comment=comment)


def told_already(outcome: Outcome) -> Outcome:
    """Return what the outcome of an N-SET that was sent before means: a step that is final there has our end.

    The answer to the earlier message was lost (dicom.md 4.2: success if our final state equals).
    """
    if outcome.words != _FINAL.words:
        return outcome
    words = "The server has the end of this step already: an earlier message arrived."
    return replace(outcome, action=_WARNING, words=words)
