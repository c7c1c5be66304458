"""Exams as a person sees them and what may be done with them."""

from __future__ import annotations

from agent.building import Building
from agent.clock import Clock
from agent.devices import Devices
from agent.errors import BadRequest, NotFound
from agent.exam import Examinations
from agent.lifecycle import ExamState, FrameState, JobState
from agent.model import Patient
from agent.store import Exam, Store
from agent.store.jobs import STORE
from agent.view import ExamView
from agent.viewing import all_in, frame_view, patient_view


class Exams:
    """Opens, finishes and shows exams; what is said to be open or finished is durable."""

    def __init__(
        self, store: Store, clock: Clock, devices: Devices, exams: Examinations, building: Building
    ) -> None:
        self._store, self._clock, self._devices, self._exams, self._building = store, clock, devices, exams, building

    # --- looking --------------------------------------------------------------------------------------------

    def recent(self, limit: int = 50) -> tuple[ExamView, ...]:
        """Return the newest exams, newest first, without their frames."""
        return tuple(self.view(exam, with_frames=False) for exam in self._store.exams.recent(limit))

    def get(self, exam_id: str) -> ExamView:
        """Return one exam with its frames; raises `NotFound`."""
        return self.view(self._store.exams.get(exam_id), with_frames=True)

    def open_on(self, source: str) -> ExamView | None:
        """Return the exam that accepts captures on `source`, if any; raises `UnknownSource`."""
        self._devices.get(source)
        exam = self._store.exams.open_on(source)
        return self.view(exam, with_frames=True) if exam else None

    def finishing(self) -> tuple[ExamView, ...]:
        """Return the exams that can still be taken back, newest first, without their frames."""
        found = self._store.exams.in_state(ExamState.FINISHING)
        return tuple(self.view(exam, with_frames=False) for exam in reversed(found))

    def view(self, exam: Exam, *, with_frames: bool) -> ExamView:
        frames = self._store.frames.of_exam(exam.exam_id)
        jobs = [job for job in self._store.jobs.of_exam(exam.exam_id) if job.kind == STORE]
        now = self._clock.now().timestamp()
        step = exam.snapshot.steps[0] if exam.snapshot.steps else None
        return ExamView(
            exam_id=exam.exam_id,
            source=exam.source,
            state=exam.state.value,
            reason=exam.reason,
            kind=exam.kind.value,
            paused=self._exams.paused(exam),
            patient=patient_view(exam.snapshot.patient),
            accession_number=exam.snapshot.accession_number,
            procedure=(step.scheduled_procedure_step_description or step.requested_procedure_description)
            if step
            else "",
            study_instance_uid=exam.snapshot.study_instance_uid,
            series_instance_uid=exam.series_instance_uid,
            opened_at=exam.opened_at,
            finished_at=exam.finished_at,
            undo_left_s=max(0.0, exam.release_due - now) if exam.release_due is not None else None,
            captured=exam.captured,
            sent=len(all_in([job for job in jobs if job.required], (JobState.DONE, JobState.CONFIRMED))),
            confirmed=len(all_in([job for job in jobs if job.commits], (JobState.CONFIRMED,))),
            held=sum(frame.state is FrameState.HELD for frame in frames),
            frames=tuple(frame_view(frame) for frame in frames) if with_frames else (),
        )

    # --- acting ---------------------------------------------------------------------------------------------

    def start(self, source: str, key: str, digest: str, typed: str, who: str) -> ExamView:
        """Open an exam for a worklist entry as it was shown and confirmed; durable on return."""
        return self.view(self._exams.open_scheduled(source, key, digest, typed, who), with_frames=True)

    def start_unscheduled(self, source: str, patient: Patient, who: str) -> ExamView:
        """Open an exam for a patient without an order; durable on return."""
        return self.view(self._exams.open_unscheduled(source, patient, who), with_frames=True)

    def start_emergency(self, source: str, who: str) -> ExamView:
        """Open an exam under a temporary identity; durable on return."""
        return self.view(self._exams.open_emergency(source, who), with_frames=True)

    def apply(self, exam_id: str, event: str, who: str, reason: str = "", code: str = "") -> ExamView:
        """`finish`, `undo`, `release`, `hold`, `discard` or `resume` an exam; durable on return.

        `code` (PS3.16 CID 9300, as 110514 for a wrong worklist entry) is told to the RIS about a discarded exam.
        """
        if event == "finish":
            exam = self._exams.finish(exam_id, who)
        elif event == "resume":
            exam = self._exams.still_this_patient(exam_id, who)
        elif event in ("undo", "release", "hold", "discard"):
            if event == "discard" and not reason.strip():
                raise BadRequest("Discarding an exam needs a reason.")
            exam = self._exams.apply(exam_id, event, who, reason, code)
        else:
            raise NotFound("There is no such act.")
        self._building.wake()
        return self.view(exam, with_frames=True)
