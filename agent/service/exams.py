"""Exams as a person sees them and what may be done with them."""

from __future__ import annotations

from agent.actor import Actor
from agent.building import Building
from agent.clock import Clock
from agent.confirm_view import ControlView, CorrectionView
from agent.control import Control, holder
from agent.devices import Devices
from agent.errors import BadRequest, NoOpenExam, NotFound
from agent.exam import Examinations
from agent.lifecycle import ExamState, FrameState, JobState
from agent.model import Patient
from agent.opening import APPENDABLE, Confirmed, Opening, Shown
from agent.service.corrections import Corrections, Target
from agent.store import Exam, Job, Store, StoredFrame
from agent.view import ExamView, FrameView
from agent.viewing import all_in, frame_views, is_picture, patient_view


class Exams:
    """Opens, finishes and shows exams; what is said to be open or finished is durable."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        devices: Devices,
        exams: Examinations,
        building: Building,
        opening: Opening,
        corrections: Corrections,
        control: Control,
        *,
        box: str,
        temporary_issuer: str,
    ) -> None:
        self._store, self._clock, self._devices, self._exams, self._building = store, clock, devices, exams, building
        self._opening, self._corrections, self._control = opening, corrections, control
        self._box, self._issuer = box, temporary_issuer

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

    def unreleased(self) -> int:
        """Return how many pictures wait in exams that nobody released yet: they are in no queue, and not sent."""
        return self._store.exams.unreleased()

    def finishing(self) -> tuple[ExamView, ...]:
        """Return the exams that can still be taken back, newest first, without their frames."""
        found = self._store.exams.in_state(ExamState.FINISHING)
        return tuple(self.view(exam, with_frames=False) for exam in reversed(found))

    def view(self, exam: Exam, *, with_frames: bool) -> ExamView:
        frames = self._store.frames.of_exam(exam.exam_id)
        jobs = [job for job in self._store.jobs.of_exam(exam.exam_id) if is_picture(job)]
        key_images, deleted = self._store.review.counts(exam.exam_id)
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
            asks=self._exams.asks(exam),
            idle_s=self._exams.idle_s(exam),
            warning=exam.warning,
            appendable=exam.state in APPENDABLE,
            moved_from=exam.moved_from,
            finished_at=exam.finished_at,
            undo_left_s=max(0.0, exam.release_due - now) if exam.release_due is not None else None,
            captured=exam.captured,
            sent=len(all_in([job for job in jobs if job.required], (JobState.DONE, JobState.CONFIRMED))),
            confirmed=len(all_in([job for job in jobs if job.commits], (JobState.CONFIRMED,))),
            deleted=deleted,
            key_images=key_images,
            held=sum(frame.state is FrameState.HELD for frame in frames),
            frames=self._frames(exam.exam_id, frames, jobs) if with_frames else (),
        )

    def _frames(self, exam_id: str, frames: list[StoredFrame], jobs: list[Job]) -> tuple[FrameView, ...]:
        remarks = self._store.review.of_exam(exam_id)
        return frame_views(frames, remarks, jobs)

    # --- who works here -------------------------------------------------------------------------------------

    def token(self, source: str) -> str:
        """Return what a page about `source` carries; an act with an older one is refused (`OutOfDate`)."""
        self._devices.get(source)
        return self._exams.token(source)

    def control(self, source: str, actor: Actor) -> ControlView:
        """Return who works on `source`, and whether that is `actor`."""
        self._devices.get(source)
        exam = self._store.exams.open_on(source)
        return ControlView(
            source=source,
            token=self._exams.token(source),
            exam_id=exam.exam_id if exam else "",
            controller=self._control.controller(source),
            mine=self._control.is_mine(source, actor),
        )

    def take_over(self, source: str, actor: Actor) -> ControlView:
        """Make `actor` the one who works on the open exam; the other screen only shows from now on. In the history."""
        self._devices.get(source)
        exam = self._store.exams.open_on(source)
        if exam is None:
            raise NoOpenExam("No exam is open: there is nothing to take over.")
        self._store.exams.remark(exam.exam_id, "take over", self._exams.stamp(actor.name))
        self._control.take(source, exam.exam_id, actor)
        self._exams.told(exam.exam_id)
        return self.control(source, actor)

    def _assert_may_act(self, source: str, token: str, actor: Actor) -> None:
        self._exams.assert_current(source, token)
        self._control.assert_mine(source, actor)

    # --- acting ---------------------------------------------------------------------------------------------

    def start(
        self,
        source: str,
        key: str,
        digest: str,
        typed: str,
        actor: Actor,
        *,
        mode: str = "",
        finish_open: str = "",
        token: str = "",
    ) -> ExamView:
        """Open an exam for a worklist entry as it was shown and confirmed; durable on return.

        `mode` says what confirmed the patient (`scan`, `reenter`, `click`; empty: by what was `typed`); `finish_open`
        is the exam on the source that ends by this act.
        """
        self._assert_may_act(source, token, actor)
        shown = Shown(key=key, digest=digest, mode=mode, typed=typed, holder=holder(actor))
        return self._open(source, self._opening.confirmed(source, shown, actor.name), actor, finish_open)

    def start_unscheduled(
        self, source: str, patient: Patient, actor: Actor, *, finish_open: str = "", token: str = ""
    ) -> ExamView:
        """Open an exam for a patient without an order; durable on return. Raises `InvalidPatient`."""
        self._assert_may_act(source, token, actor)
        return self._open(source, self._opening.typed(patient, actor.name), actor, finish_open)

    def start_emergency(self, source: str, actor: Actor, *, finish_open: str = "", token: str = "") -> ExamView:
        """Open an exam under a temporary identity; durable on return. Never asks who works on the source."""
        self._exams.assert_current(source, token)
        return self._open(source, self._opening.emergency(self._box, self._issuer, actor.name), actor, finish_open)

    def append(
        self,
        exam_id: str,
        source: str,
        actor: Actor,
        *,
        mode: str = "",
        typed: str = "",
        finish_open: str = "",
        token: str = "",
    ) -> ExamView:
        """Open another series of a study that this box knows, the patient confirmed anew; durable on return."""
        self._assert_may_act(source, token, actor)
        shown = Shown(key="", digest="", mode=mode, typed=typed, holder=holder(actor))
        exam = self._corrections.append(exam_id, source, shown, actor, finish_open)
        self._control.take(source, exam.exam_id, actor)
        return self.view(exam, with_frames=True)

    def _open(self, source: str, confirmed: Confirmed, actor: Actor, finish_open: str) -> ExamView:
        exam = self._opening.open(source, confirmed, actor.name, finish_open=finish_open)
        self._control.take(source, exam.exam_id, actor)
        self._building.wake()
        return self.view(exam, with_frames=True)

    def reidentify(self, exam_id: str, target: Target, reason: str, actor: Actor, *, token: str = "") -> ExamView:
        """Make the pictures of an exam those of another patient or order, and return the new exam; durable on return.

        Before anything was built the old exam is discarded, afterwards its removal at the archive is asked for.
        """
        old = self._store.exams.get(exam_id)
        self._exams.assert_current(old.source, token)
        if old.state is ExamState.OPEN:
            self._control.assert_mine(old.source, actor)
        exam = self._corrections.reidentify(exam_id, target, reason, actor)
        if exam.state is ExamState.OPEN:
            self._control.take(exam.source, exam.exam_id, actor)
        self._building.wake()
        return self.view(exam, with_frames=True)

    def date(
        self, exam_id: str, actor: Actor, *, shift_s: float | None = None, instant: str = "", token: str = ""
    ) -> ExamView:
        """Say when pictures were taken whose clock nobody vouched for: then they are built; durable on return.

        By `shift_s` seconds, by the `instant` of the first, or with neither by the boot clock of the same boot.
        """
        self._exams.assert_current(self._store.exams.get(exam_id).source, token)
        exam = self._corrections.date(exam_id, actor, shift_s=shift_s, instant=instant)
        self._building.wake()
        return self.view(exam, with_frames=True)

    def corrections(self) -> tuple[CorrectionView, ...]:
        """Return every move of pictures from one patient to another, oldest first."""
        return self._corrections.all()

    def apply(
        self, exam_id: str, event: str, actor: Actor, reason: str = "", code: str = "", *, token: str = ""
    ) -> ExamView:
        """`finish`, `undo`, `release`, `hold`, `discard` or `resume` an exam; durable on return.

        `code` (PS3.16 CID 9300, as 110514 for a wrong worklist entry) is told to the RIS about a discarded exam.
        """
        before = self._store.exams.get(exam_id)
        self._exams.assert_current(before.source, token)
        if before.state is ExamState.OPEN:
            self._control.assert_mine(before.source, actor)
        exam = self._apply(exam_id, event, actor.name, reason, code)
        if exam.state is ExamState.OPEN:
            self._control.take(exam.source, exam.exam_id, actor)
        self._building.wake()
        return self.view(exam, with_frames=True)

    def _apply(self, exam_id: str, event: str, who: str, reason: str, code: str) -> Exam:
        if event == "finish":
            return self._exams.finish(exam_id, who)
        if event == "resume":
            return self._exams.still_this_patient(exam_id, who)
        if event not in ("undo", "release", "hold", "discard"):
            raise NotFound("There is no such act.")
        if event == "discard" and not reason.strip():
            raise BadRequest("Discarding an exam needs a reason.")
        return self._exams.apply(exam_id, event, who, reason, code)
