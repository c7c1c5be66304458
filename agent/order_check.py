"""Is the order still there? Asked again when its exam opens and right before the first picture (dicom.md 3.4).

Only where what is known of it is older than the site allows. The answer is a warning on the exam, never more: a press
does not wait for the network, and a worklist server that does not answer changes nothing.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from agent.clock import Clock
from agent.errors import AgentError, NotFound
from agent.lifecycle import ExamState
from agent.model import ScheduledProcedureStep
from agent.store import Exam, Store
from agent.store.transition import Stamp
from agent.worklist import Worklist

GONE, CHANGED = "order-gone", "order-changed"
_TURN_S = 10.0
_COMPARED = (
    "accession_number",
    "study_instance_uid",
    "requested_procedure_id",
    "requested_procedure_description",
    "scheduled_procedure_step_id",
    "scheduled_procedure_step_description",
)
_OF_PATIENT = ("patient_name", "patient_id", "issuer_of_patient_id", "patient_birth_date", "patient_sex")


class OrderCheck:
    """Asks for one order at a time; `old_s` is the age from which the cached list is not believed."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        worklist: Worklist,
        *,
        old_s: float,
        wait_s: float,
        stamp: Callable[[], Stamp],
        notice: Callable[[str, str], None],
        turned: Callable[[], None],
    ) -> None:
        self._store, self._clock, self._worklist = store, clock, worklist
        self._old_s, self._wait_s = old_s, wait_s
        self._stamp, self._notice, self._turned = stamp, notice, turned
        self._wanted: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._checked: dict[str, float] = {}

    def ask(self, exam: Exam) -> None:
        """Have the order of an exam looked at; returns at once."""
        last = self._checked.get(exam.exam_id)
        if exam.snapshot.steps and (last is None or self._clock.monotonic() - last > self._old_s):
            self._checked[exam.exam_id] = self._clock.monotonic()
            self._wanted.put(exam.exam_id)

    def wake(self) -> None:
        """Make the main loop look at `stop` now."""
        self._wanted.put(None)

    def run(self, stop: threading.Event) -> None:
        """Look at orders until `stop`; the thread's main loop."""
        while not stop.is_set():
            self._turned()
            with suppress(queue.Empty):
                exam_id = self._wanted.get(timeout=_TURN_S)
                if exam_id is not None:
                    self.check(exam_id)

    def check(self, exam_id: str) -> None:
        """Look at one order and keep the warning on its exam, or take it back; offline nothing changes."""
        exam = self._store.exams.get(exam_id)
        if exam.state is not ExamState.OPEN:
            return
        try:
            warning = self._warning(exam.snapshot.steps[0])
        except AgentError:
            return
        if self._store.exams.warn(exam_id, warning, self._stamp()):
            self._notice("exam", exam_id)

    def _warning(self, step: ScheduledProcedureStep) -> str:
        found = self._cached(step) if self._is_fresh() else self._asked(step)
        if not found:
            return GONE
        return "" if any(_told(step) == _told(one) for one in found) else CHANGED

    def _is_fresh(self) -> bool:
        at = self._store.worklists.fetched_at()
        age_s = (self._clock.now() - datetime.fromisoformat(at)).total_seconds() if at else self._old_s + 1
        return 0 <= age_s <= self._old_s

    def _cached(self, step: ScheduledProcedureStep) -> list[ScheduledProcedureStep]:
        try:
            return [self._store.worklists.entry(step.key).step]
        except NotFound:
            entries = [entry.step for entry in self._store.worklists.get().entries]
            return [one for one in entries if _same_order(one, step)]

    def _asked(self, step: ScheduledProcedureStep) -> list[ScheduledProcedureStep]:
        answer = self._worklist.search(
            accession_number=step.accession_number,
            patient_id="" if step.accession_number else step.patient.patient_id,
            deadline_s=self._wait_s,
        )
        return [one for one in answer.steps if _same_order(one, step)]


def _same_order(one: ScheduledProcedureStep, other: ScheduledProcedureStep) -> bool:
    if one.key == other.key:
        return True
    return (one.scheduled_procedure_step_id, one.accession_number) == (
        other.scheduled_procedure_step_id,
        other.accession_number,
    )


def _told(step: ScheduledProcedureStep) -> tuple[str, ...]:
    """Return what a person confirmed of an order; its status, comments and times may change freely."""
    return (
        *(str(getattr(step, name)) for name in _COMPARED),
        *(str(getattr(step.patient, name)) for name in _OF_PATIENT),
    )
