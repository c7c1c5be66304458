"""What the answers of Storage Commitment mean: tables (PS3.4 J.3, PS3.7 10.1.4.1.10, PS3.3 C.14.1.1, dicom.md 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.errors import Blame
from agent.outcome import Action, Outcome
from agent.statuses import StatusRow, row_of, status_outcome

_PEER = Blame.DESTINATION

N_ACTION: tuple[StatusRow, ...] = (
    StatusRow(0x0000, 0x0000, Action.SENT, _PEER, "The archive was asked to take responsibility."),
    StatusRow(0x0118, 0x0118, Action.HOLD_INSTANCE, _PEER, "The archive does not offer Storage Commitment."),
    StatusRow(0x0122, 0x0122, Action.HOLD_INSTANCE, _PEER, "The archive does not offer Storage Commitment."),
    StatusRow(0x0124, 0x0124, Action.HOLD_INSTANCE, _PEER, "The archive does not allow this box Storage Commitment."),
    StatusRow(0x0213, 0x0213, Action.RETRY_INSTANCE, _PEER, "The archive has no room for the request now.", 1000),
    StatusRow(0x0110, 0x0110, Action.RETRY_INSTANCE, _PEER, "The archive could not take the request.", 1000),
    StatusRow(0x0000, 0xFFFF, Action.RETRY_INSTANCE, _PEER, "The archive refused the request.", 5),
)
"""The status of an N-ACTION response; the first row that matches rules. A refused transaction UID is dead."""


_NO_STATUS = StatusRow(0, 0, Action.RETRY_LATER, _PEER, "The archive's answer carries no status.", 0, True)


def action_outcome(status: int | None, comment: str = "") -> Outcome:
    """Return what the status of an N-ACTION response means (None: none came in a response)."""
    row = _NO_STATUS if status is None else row_of(N_ACTION, status)
    return status_outcome(row, status, comment=comment)


class Verdict(StrEnum):
    """What is done about an object that was not committed."""

    STORE_AGAIN = "store again"
    ASK_AGAIN = "ask again"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """One Failure Reason (0008,1197)."""

    verdict: Verdict
    words: str


FAILURE_REASONS: Mapping[int, ReasonRow] = {
    0x0110: ReasonRow(Verdict.ASK_AGAIN, "The archive could not commit the object."),
    0x0112: ReasonRow(Verdict.STORE_AGAIN, "The archive does not have the object."),
    0x0119: ReasonRow(Verdict.HOLD, "The archive has the object under another class."),
    0x0122: ReasonRow(Verdict.HOLD, "The archive does not commit objects of this class."),
    0x0131: ReasonRow(Verdict.ASK_AGAIN, "The archive knows the transaction already."),
    0x0213: ReasonRow(Verdict.ASK_AGAIN, "The archive has no room now."),
}
_UNKNOWN = ReasonRow(Verdict.ASK_AGAIN, "The archive did not commit the object.")


def failure_reason(value: int) -> ReasonRow:
    """Return what one Failure Reason means; an unknown one is asked again."""
    return FAILURE_REASONS.get(value, _UNKNOWN)
