"""What one try at a peer came to: one typed value with phase, code, words and blame.

A peer child returns outcomes, `delivery` decides by `Action`, the queue shows `words`. Plain values only: the
storage sender imports this file and must stay small.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from agent.errors import Blame


class Phase(StrEnum):
    """How far the try came (PS3.8 establishes an Association in this order)."""

    NAME = "name"
    TCP = "tcp"
    TLS = "tls"
    ASSOCIATION = "association"
    CONTEXT = "context"
    FILE = "file"
    SENDING = "sending"
    RESPONSE = "response"
    RELEASE = "release"
    SERVICE = "service"


class Action(StrEnum):
    """What `delivery` does with the job; each status row and each failure row names exactly one."""

    SENT = "sent"
    """The peer stored it (PS3.7 status class success)."""
    SENT_WITH_WARNING = "sent with warning"
    """The peer stored it and said something about it (status class warning)."""
    RETRY_LATER = "retry later"
    """The destination cannot now: all its jobs wait, no instance uses up a try."""
    RETRY_INSTANCE = "retry instance"
    """This instance failed; a few more tries (`tries`), then it is held. Others go on."""
    HOLD_INSTANCE = "hold instance"
    """The peer will never take this instance as it is: held for a person. Others go on."""
    FALL_BACK = "fall back"
    """The peer does not take this SOP Class or syntax: transcode or fall back, else hold."""
    SUSPEND_DESTINATION = "suspend destination"
    """Somebody has to correct the configuration at one end; loud, probed slowly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One try's end. `code` is a DIMSE status (`0xA700`), a PS3.8 reason (`1-1-7`) or a word of ours
    (`refused`, `verify:10`); `words` is one sentence without patient data."""

    phase: Phase
    action: Action
    code: str
    words: str
    blame: Blame
    tries: int = 0
    comment: str = ""
    offending_element: str = ""
    ambiguous: bool = False
    """True where the peer may have stored the instance although no answer came (resend the same UID)."""
    accepted: tuple[str, ...] = ()
    """Transfer syntaxes of this SOP Class that the peer accepted instead, in our order of preference."""

    @property
    def sent(self) -> bool:
        """True only after a success or warning status (promise P5)."""
        return self.action in (Action.SENT, Action.SENT_WITH_WARNING)

    def to_wire(self) -> dict[str, Any]:
        return asdict(self)


def outcome_from_wire(value: dict[str, Any]) -> Outcome:
    """Return the `Outcome` that `to_wire` described; raises `KeyError` or `ValueError` on anything else."""
    return Outcome(
        **{
            **value,
            "phase": Phase(value["phase"]),
            "action": Action(value["action"]),
            "blame": Blame(value["blame"]),
            "accepted": tuple(value.get("accepted", ())),
        }
    )
