"""The queue by exam: what the queue page asks and does."""

from __future__ import annotations

from agent.clock import Clock
from agent.errors import NotFound
from agent.lifecycle import ExamState
from agent.queue_view import GroupView, TroubleView
from agent.service.queue import Queue
from agent.store import Exam, Store
from agent.store.groups import Group, Trouble
from agent.viewing import patient_view

MOST = 40
"""Exams on one page of the queue."""
MOST_AT_ONCE = 500
"""Objects that one act on an exam moves."""


class Groups:
    """Looks at the queue by exam, and acts on all objects of one exam."""

    def __init__(self, store: Store, clock: Clock, queue: Queue) -> None:
        self._store, self._clock, self._queue = store, clock, queue

    def newest(self, limit: int = MOST) -> tuple[GroupView, ...]:
        """Return the exams in the queue: first what needs a person, then what waits, then what was sent."""
        early = (*self._store.exams.in_state(ExamState.HELD), *self._store.exams.in_state(ExamState.FINISHING))
        held = [self._view(exam, None) for exam in early]
        groups = self._store.groups.newest(limit)
        exams = self._store.exams.several([group.exam_id for group in groups])
        shown = [self._view(exams[g.exam_id], g) for g in groups if exams[g.exam_id] not in early]
        return tuple(sorted([*held, *shown], key=lambda view: _ORDER[view.state])[:limit])

    def of(self, exam_id: str) -> GroupView:
        """Return what became of the objects of one exam; raises `NotFound`."""
        return self._view(self._store.exams.get(exam_id), self._store.groups.of(exam_id))

    def send_now(self, exam_id: str, who: str) -> None:
        """Try everything of an exam again now, also what was held; durable on return."""
        self._each(exam_id, ("pending", "held"), "retry now", who, "")

    def hold(self, exam_id: str, who: str, reason: str) -> None:
        """Send nothing more of an exam until somebody says so; durable on return."""
        self._each(exam_id, ("pending", "waiting"), "hold", who, reason)

    def _each(self, exam_id: str, states: tuple[str, ...], event: str, who: str, reason: str) -> None:
        jobs = self._store.groups.jobs_in(exam_id, states)[:MOST_AT_ONCE]
        if not jobs:
            raise NotFound("Nothing of this exam waits.")
        for job_id in jobs:
            self._queue.apply(job_id, event, who, reason)

    def _view(self, exam: Exam, group: Group | None) -> GroupView:
        now = self._clock.now().timestamp()
        step = exam.snapshot.steps[0] if exam.snapshot.steps else None
        troubles = tuple(_trouble(t, now) for t in group.troubles) if group else ()
        waits = [t.next_try_s for t in troubles if t.next_try_s is not None]
        return GroupView(
            exam_id=exam.exam_id,
            source=exam.source,
            kind=exam.kind.value,
            exam_state=exam.state.value,
            reason=exam.reason,
            patient=patient_view(exam.snapshot.patient),
            procedure=(step.scheduled_procedure_step_description or step.requested_procedure_description)
            if step
            else "",
            opened_at=exam.opened_at,
            captured=exam.captured,
            total=group.total if group else 0,
            waiting=group.waiting if group else 0,
            sending=group.sending if group else 0,
            held=group.held if group else 0,
            sent=group.sent if group else 0,
            confirmed=group.confirmed if group else 0,
            discarded=group.discarded if group else 0,
            state=_state(exam, group, waits),
            next_try_s=min(waits) if waits else None,
            troubles=troubles,
        )


_ORDER = {
    name: i
    for i, name in enumerate(("attention", "sending", "retry", "waiting", "sent", "confirmed", "discarded"))
}


def _state(exam: Exam, group: Group | None, waits: list[float]) -> str:
    if exam.state is ExamState.HELD or (group and group.held):
        return "attention"
    if group is None:
        return "waiting"
    if group.sending:
        return "sending"
    if group.waiting:
        return "retry" if waits else "waiting"
    if group.sent:
        return "sent"
    return "confirmed" if group.confirmed else "discarded"


def _trouble(trouble: Trouble, now: float) -> TroubleView:
    held = trouble.state == "held"
    return TroubleView(
        destination=trouble.destination,
        state="held" if held else "waiting",
        code=trouble.code,
        words=trouble.words,
        number=trouble.number,
        next_try_s=None if held else max(0.0, trouble.not_before - now),
        job_id=trouble.job_id,
    )
