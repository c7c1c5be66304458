"""When it happened all the same: to another patient, one more series, the right time (technician.md B7, ruling 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.actor import BOX, Actor
from agent.confirm_view import CorrectionView
from agent.dating import Dating
from agent.errors import AgentError, BadRequest
from agent.exam import Examinations
from agent.model import Patient
from agent.moving import REMOVAL_CODE, UNASKED, Moving
from agent.opening import Confirmed, Opening, Shown
from agent.store import Exam, Store
from agent.store.moves import Correction

Removal = Callable[[str, tuple[str, ...], str, str, Actor], object]
"""`service.review.request_removal`: (exam, frames, code of CID 7010, words, who)."""
_UNASKED_WORDS = "Pictures were sent under another patient. Ask the archive's administrator to remove them."


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """To whom pictures go: a worklist entry that was confirmed, or a patient whom a person typed."""

    shown: Shown | None = None
    patient: Patient | None = None


class Corrections:
    """Corrections of whole exams; durable on return. `removal` asks an archive to forget what was sent wrongly."""

    def __init__(
        self, store: Store, exams: Examinations, opening: Opening, moving: Moving, dating: Dating
    ) -> None:
        self._store, self._exams, self._opening = store, exams, opening
        self._moving, self._dating = moving, dating
        self.removal: Removal | None = None

    def reidentify(self, exam_id: str, target: Target, reason: str, actor: Actor) -> Exam:
        """Make the pictures of an exam those of `target`, and return the new exam; durable on return.

        What was sent already stays at the archive until its removal, which is asked for here as well.
        """
        if not reason.strip():
            raise BadRequest("Moving pictures to another patient needs a reason.")
        old = self._store.exams.get(exam_id)
        new = self._moving.move(
            exam_id, self._confirmed(old.source, target, actor), reason, self._exams.stamp(actor.name)
        )
        self.ask_wanted(actor)
        return self._store.exams.get(new.exam_id)

    def _confirmed(self, source: str, target: Target, actor: Actor) -> Confirmed:
        if target.shown is not None and target.patient is None:
            return self._opening.confirmed(source, target.shown, actor.name)
        if target.patient is not None and target.shown is None:
            return self._opening.typed(target.patient, actor.name)
        raise BadRequest("An entry of the worklist or a typed patient, one of them.")

    def ask_wanted(self, actor: Actor = BOX) -> None:
        """Ask for every removal that is wanted and was not asked for; what cannot be asked stays an alarm."""
        for wanted in self._store.moves.removals_wanted():
            stamp = self._exams.stamp(actor.name)
            if self._asked(wanted, actor):
                self._store.moves.removal_asked(wanted.correction_id, stamp)
                self._store.records.clear_alarm(UNASKED, wanted.old_exam_id, stamp)
            else:
                self._store.records.raise_alarm(UNASKED, wanted.old_exam_id, _UNASKED_WORDS, stamp)

    def _asked(self, wanted: Correction, actor: Actor) -> bool:
        frames = self._store.moves.sent_frames(wanted.old_exam_id)
        if not frames:
            return True  # nothing of it left the box
        if self.removal is None:
            return False
        try:
            self.removal(wanted.old_exam_id, frames, REMOVAL_CODE, wanted.reason, actor)
        except AgentError:
            return False
        return True

    def append(self, exam_id: str, source: str, shown: Shown, actor: Actor, finish_open: str) -> Exam:
        """Open another exam of the same patient and study, in a series of its own (dicom.md 3.4, append)."""
        old = self._store.exams.get(exam_id)
        confirmed = self._opening.same(old, shown, actor.name)
        exam = self._opening.open(source, confirmed, actor.name, finish_open=finish_open)
        self._store.exams.remark(exam_id, "append", self._exams.stamp(actor.name), code=exam.exam_id)
        return exam

    def date(self, exam_id: str, actor: Actor, *, shift_s: float | None, instant: str) -> Exam:
        """Say when an exam's pictures were taken that had no trusted clock; then they may be built."""
        self._dating.date(exam_id, actor.name, shift_s=shift_s, instant=instant)
        self._exams.told(exam_id)
        return self._store.exams.get(exam_id)

    def all(self) -> tuple[CorrectionView, ...]:
        """Return every move, oldest first."""
        return tuple(
            CorrectionView(
                at=c.at, who=c.who, old_exam_id=c.old_exam_id, new_exam_id=c.new_exam_id, reason=c.reason, text=c.text,
                removal=c.removal,
            )
            for c in self._store.moves.corrections()
        )  # fmt: skip
