"""Test exams: a real picture through the whole real path, to destinations for tests alone (B6.9).

Its identity is nobody's, its kind is frozen with it, and the kind decides where its objects are queued: neither a
redirection nor a stand-in leads from tests to archives or back.
"""

from __future__ import annotations

from agent.building import Building
from agent.errors import AgentError, NotFound, WrongState
from agent.exam import Examinations, Press
from agent.model import ExamKind, Route
from agent.opening import Opening
from agent.store import Exam, Store


class Trials:
    """Begins test exams and finds them again."""

    def __init__(
        self,
        store: Store,
        exams: Examinations,
        opening: Opening,
        building: Building,
        *,
        routes: tuple[Route, ...],
        box: str,
    ) -> None:
        self._store, self._exams, self._opening, self._building = store, exams, opening, building
        self._routes, self._box = routes, box

    @property
    def destinations(self) -> tuple[str, ...]:
        """Names of the destinations for tests."""
        return tuple(route.destination for route in self._routes)

    def commits(self, destination: str) -> bool:
        """Return whether a destination for tests is asked for Storage Commitment."""
        return any(route.commits for route in self._routes if route.destination == destination)

    def begin(self, source: str, who: str) -> Exam:
        """Take one picture of nobody at `source` and release it; on return the picture is durable and on its way.

        Raises `WrongState` where there is no destination for tests, `AnotherExamOpen`, and what a capture raises: then
        the test exam is discarded.
        """
        if not self._routes:
            raise WrongState("There is no destination for test pictures: set `test = true` at one.")
        exam = self._opening.open(source, self._opening.test(self._box, who), who)
        try:
            self._exams.capture(source, Press(trigger_id=f"test-{exam.exam_id}", pressed_ns=self._exams.now_ns()))
        except AgentError as e:
            self._exams.apply(exam.exam_id, "discard", who, f"test picture: {e.code}")
            raise
        exam = self._exams.release_test(exam.exam_id, who)
        self._building.wake()
        return exam

    def get(self, exam_id: str) -> Exam:
        """Return one test exam; raises `NotFound`, also for an exam of a patient."""
        exam = self._store.exams.get(exam_id)
        if exam.kind is not ExamKind.TEST:
            raise NotFound("There is no test exam of that name.")
        return exam
