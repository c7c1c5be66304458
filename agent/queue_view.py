"""The queue as a person sees it: by patient, in counts, with the reason in words."""

from __future__ import annotations

from dataclasses import dataclass

from agent.view import PatientView


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleView:
    """Why some pictures of an exam are not at one destination yet."""

    destination: str
    state: str
    """`waiting` (tried again by itself) or `held` (waits for a person)."""
    code: str
    words: str
    number: int
    """How many pictures."""
    next_try_s: float | None
    job_id: int
    """The oldest of them: its tries tell the story."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """The objects of one exam. *Sent* and *confirmed* are counted apart: neither holds the other (promise P5)."""

    exam_id: str
    source: str
    kind: str
    exam_state: str
    reason: str
    """Why the exam itself is held; empty: it is not."""
    patient: PatientView
    procedure: str
    opened_at: str
    captured: int
    total: int
    """Pictures times destinations; 0: nothing was queued yet."""
    waiting: int
    sending: int
    held: int
    sent: int
    confirmed: int
    discarded: int
    state: str
    """The one word for the whole: `attention`, `sending`, `retry`, `waiting`, `sent`, `confirmed`, `discarded`."""
    next_try_s: float | None
    troubles: tuple[TroubleView, ...] = ()
