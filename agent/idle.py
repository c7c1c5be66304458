"""Exams that nobody uses: the question becomes due, and in the end the exam closes itself into hold (technician.md B4).

Works from what is stored and from clocks that never jump, so a restart loses neither question nor finish. Also brings
back what a crash cut off: sent pictures whose removal was wanted and not asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from agent.exam import IDLE, Examinations
from agent.lifecycle import ExamState
from agent.store import Exam, Store
from agent.store.transition import Stamp

ALARM = "I-13"
_WORDS = "An exam was left open and closed by itself. Its pictures are safe and not sent: somebody has to look."
_TURN_S = 10.0
_SOONEST_S = 0.2


class Idleness:
    """The worker that asks and closes. `wanted` is told to ask for removals that a crash left unasked."""

    def __init__(
        self,
        store: Store,
        exams: Examinations,
        *,
        wanted: Callable[[], None],
        stamp: Callable[[], Stamp],
        notice: Callable[[str, str], None],
        turned: Callable[[], None],
    ) -> None:
        self._store, self._exams, self._wanted = store, exams, wanted
        self._stamp, self._notice, self._turned = stamp, notice, turned
        self._asked: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Look at every open exam until `stop`; the thread's main loop."""
        while not stop.is_set():
            self._turned()
            self._wanted()
            stop.wait(self.look())

    def look(self) -> float:
        """Ask and close what is due; return in how many seconds something may be due again."""
        exams = self._store.exams.in_state(ExamState.OPEN)
        left = [self._look_at(exam) for exam in exams]
        self._asked &= {exam.exam_id for exam in exams}
        self._clear_alarms()
        return min([_TURN_S, *(max(_SOONEST_S, seconds) for seconds in left)])

    def _look_at(self, exam: Exam) -> float:
        idle_s, rules = self._exams.idle_s(exam), self._exams.rules
        if idle_s >= rules.idle_finish_s:
            self._close(exam)
            return _TURN_S
        if idle_s < rules.idle_question_s:
            self._asked.discard(exam.exam_id)
            return rules.idle_question_s - idle_s
        if exam.exam_id not in self._asked:
            self._asked.add(exam.exam_id)
            self._notice("exam", exam.exam_id)
        return rules.idle_finish_s - idle_s

    def _close(self, exam: Exam) -> None:
        closed = self._exams.finish_idle(exam)
        if closed is not None and closed.state is ExamState.HELD:
            self._store.records.raise_alarm(ALARM, closed.exam_id, _WORDS, self._stamp())

    def _clear_alarms(self) -> None:
        """A held exam stays an alarm until somebody releases, discards or moves it; a crash leaves none untold."""
        held = {e.exam_id for e in self._store.exams.in_state(ExamState.HELD) if e.reason == IDLE}
        told = {a["subject"] for a in self._store.records.alarms() if a["code"] == ALARM}
        for exam_id in told - held:
            self._store.records.clear_alarm(ALARM, exam_id, self._stamp())
        for exam_id in held - told:
            self._store.records.raise_alarm(ALARM, exam_id, _WORDS, self._stamp())
