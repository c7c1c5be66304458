"""The queue as a person sees it and what may be done about it."""

from __future__ import annotations

from collections.abc import Callable

from agent import receipts
from agent.building import Building
from agent.clock import Clock
from agent.delivery import Destination
from agent.errors import BadRequest, NotFound, WrongState
from agent.exam import Examinations
from agent.model import ExamKind, Route
from agent.store import Exam, Store
from agent.view import FrameView, JobView
from agent.viewing import frame_view, job_view


class Queue:
    """Jobs, their tries, and a person's acts on them; durable on return."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        exams: Examinations,
        building: Building,
        destinations: dict[str, Destination],
        *,
        routes: Callable[[str], Route | None],
    ) -> None:
        self._store, self._clock, self._exams, self._building = store, clock, exams, building
        self._destinations, self._routes = destinations, routes

    def jobs(self, limit: int = 500) -> tuple[JobView, ...]:
        """Return the queue: first what is not done, then the newest of the rest."""
        exams: dict[str, Exam] = {}
        now = self._clock.now().timestamp()
        numbers: dict[str, int] = {}
        views = []
        for job in self._store.jobs.recent(limit):
            if job.exam_id not in exams:
                exams[job.exam_id] = self._store.exams.get(job.exam_id)
                frames = self._store.frames.of_exam(job.exam_id)
                numbers.update({f.record.frame_id: f.record.instance_number for f in frames})
            views.append(job_view(job, exams[job.exam_id], numbers.get(job.frame_id, 0), now))
        return tuple(views)

    def receipts(self, first: str, last: str) -> bytes:
        """Return receipts of what was sent on these days of the site (ISO dates, both included) as CSV.

        Nothing of a patient is in them. Raises `BadRequest` for days that are none, and for more rows than fit.
        """
        begin, after = receipts.days(first, last, self._clock.now().date())
        found = self._store.receipts.between(begin, after, receipts.MOST_ROWS + 1)
        if len(found) > receipts.MOST_ROWS:
            raise BadRequest("These are too many receipts for one answer: ask for fewer days.")
        return receipts.as_csv(found)

    def attempts(self, job_id: int) -> list[dict[str, str]]:
        """Return every try of one job, oldest first."""
        return self._store.jobs.attempts(job_id)

    def accept_frame(self, frame_id: str, who: str) -> FrameView:
        """Let a held frame take part again; a person looked at it."""
        event = "compose" if self._store.key_objects.is_one(frame_id) else "accept"
        self._store.frames.apply(frame_id, event, self._exams.stamp(who))
        self._building.wake()
        return frame_view(self._store.frames.get(frame_id))

    def apply(self, job_id: int, event: str, who: str, reason: str = "") -> JobView:
        """`retry now`, `hold` or `discard` one job; durable on return."""
        if event == "discard" and not reason.strip():
            raise BadRequest("Discarding a job needs a reason.")
        self._store.desk.apply(job_id, event, self._exams.stamp(who), reason=reason)
        return self._changed_job(job_id)

    def redirect(self, job_id: int, destination: str, who: str, reason: str) -> JobView:
        """Send one object to another destination than planned; durable on return."""
        target = self._routes(destination)
        if target is None:
            raise NotFound("There is no destination of that name.")
        exam = self._store.exams.get(self._store.jobs.get(job_id).exam_id)
        if target.test is not (exam.kind is ExamKind.TEST):
            raise WrongState("Test pictures go to destinations for tests alone, and no patient's picture goes there.")
        self._store.desk.redirect(job_id, target, self._exams.stamp(who), reason=reason)
        return self._changed_job(job_id)

    def _changed_job(self, job_id: int) -> JobView:
        job = self._store.jobs.get(job_id)
        if job.destination in self._destinations:
            self._destinations[job.destination].wake()
        number = self._store.frames.get(job.frame_id).record.instance_number if job.frame_id else 0
        return job_view(job, self._store.exams.get(job.exam_id), number, self._clock.now().timestamp())
