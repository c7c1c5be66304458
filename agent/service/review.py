"""Review before release, and correction after sending: what a person may ask, with what is durable on return."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from agent.actor import Act, Actor, may
from agent.annotation import LATERALITIES, Annotation
from agent.building import Building
from agent.errors import BadRequest, WrongState
from agent.exam import Examinations
from agent.key_object import CID_7011, OF_INTEREST, TITLES
from agent.lifecycle import ExamState
from agent.pictures import Clip, Pictures
from agent.removal import RemovalRequests
from agent.review_errors import NotAPreset
from agent.review_view import CodeView, PresetsView, RemovalCodesView, RemovalView, removal_view
from agent.store import Asked, Removal, Store
from agent.view import FrameView
from agent.viewing import frame_views, is_picture


class Review:
    """Deletes, restores, marks, describes, reorders, shows, and asks for removal. `presets`: source → descriptions;
    `binds`: whether the sheets of a source become a document."""

    def __init__(
        self,
        store: Store,
        exams: Examinations,
        pictures: Pictures,
        removals: RemovalRequests,
        building: Building,
        *,
        presets: Mapping[str, tuple[str, ...]],
        binds: Callable[[str], bool],
        notice: Callable[[str, str], None],
    ) -> None:
        self._store, self._exams, self._pictures, self._removals = store, exams, pictures, removals
        self._building, self._presets, self._binds, self._notice = building, presets, binds, notice

    # --- before release -------------------------------------------------------------------------------------

    def presets(self, source: str) -> PresetsView:
        """Return the sides and the descriptions that may be said of pictures of `source`."""
        return PresetsView(lateralities=LATERALITIES, descriptions=self._presets.get(source, ()))

    def delete(self, frame_id: str, actor: Actor, reason: str = "") -> FrameView:
        """Take a picture out before release; durable on return, restorable until release, its bytes stay for a while.

        After release an administrator may give up a held picture that was never built, with a reason (ruling 11).
        Raises `AlreadyOnItsWay`, `WrongState`, `NotFound`.
        """
        released = may(actor, Act.CHANGE_QUEUE) and bool(reason.strip())
        self._store.review.delete(frame_id, self._exams.stamp(actor.name), reason=reason.strip(), released=released)
        self._building.wake()
        return self._changed(frame_id)

    def restore(self, frame_id: str, who: str) -> FrameView:
        """Bring a deleted picture back; durable on return. Raises `AlreadyOnItsWay`, `WrongState`."""
        self._store.review.restore(frame_id, self._exams.stamp(who))
        return self._changed(frame_id)

    def mark_key(self, frame_id: str, who: str, *, on: bool) -> FrameView:
        """Mark a picture as a key image of its exam, or no longer; durable on return. Raises `AlreadyOnItsWay`."""
        new = self._removals.new_key_object()
        self._store.review.mark(frame_id, self._exams.stamp(who), on=on, new=new)
        return self._changed(frame_id)

    def describe(self, frame_id: str, laterality: str, description: str, who: str) -> FrameView:
        """Say which side a picture shows and what it is, both from the presets; empty: as the source is configured.

        Durable on return, in the object when it is built. Raises `NotAPreset`, `AlreadyOnItsWay`.
        """
        exam = self._store.exams.get(self._store.frames.get(frame_id).record.exam_id)
        known = self.presets(exam.source)
        if laterality not in ("", *known.lateralities) or description not in ("", *known.descriptions):
            raise NotAPreset
        said = Annotation(laterality=laterality, description=description)
        self._store.review.describe(frame_id, said, self._exams.stamp(who))
        return self._changed(frame_id)

    def reorder(self, exam_id: str, frame_ids: Sequence[str], who: str) -> tuple[FrameView, ...]:
        """Put the loose sheets of an exam into this order, all of them; durable on return, used when they are bound.

        Raises `WrongState` where sheets are not bound, `BadRequest`, `AlreadyOnItsWay`.
        """
        exam = self._store.exams.get(exam_id)
        if not self._binds(exam.source):
            raise WrongState("The sheets of this source are sent one by one, as they were scanned.")
        shown = {view.frame_id: view for view in self._views(exam_id)}
        if len(set(frame_ids)) != len(frame_ids) or not set(frame_ids) <= shown.keys():
            raise BadRequest("The pages changed since they were shown, or one was named twice.")
        numbers = sorted(shown[frame_id].page for frame_id in frame_ids)
        self._store.review.reorder(exam_id, list(zip(frame_ids, numbers, strict=True)), self._exams.stamp(who))
        self._notice("exam", exam_id)
        return tuple(sorted((v for v in self._views(exam_id) if v.frame_id in frame_ids), key=lambda v: v.page))

    # --- looking --------------------------------------------------------------------------------------------

    def picture(self, frame_id: str, width: int, number: int = 1) -> bytes:
        """Return a JPEG of a picture's own durable payload, at most `width` columns; `number`: frame or page, from 1.

        Raises `NotFound`, `NoPicture`, `PicturesBusy`.
        """
        return self._pictures.picture(frame_id, width, number)

    def clip_frames(self, frame_id: str) -> AbstractContextManager[Clip]:
        """Give the frames of a clip as they were recorded, with their times; raises `NoPicture` for anything else."""
        return self._pictures.clip(frame_id)

    def act_to_see(self, frame_id: str) -> Act:
        """Return what somebody has to be allowed to see this picture: those of an open exam stand on its screen."""
        exam = self._store.exams.get(self._store.frames.get(frame_id).record.exam_id)
        return Act.SEE_OPEN_EXAM if exam.state is ExamState.OPEN else Act.SEE_PATIENTS

    # --- after sending --------------------------------------------------------------------------------------

    def removal_codes(self) -> RemovalCodesView:
        """Return what a request may say."""
        titles = tuple(CodeView(value=v, meaning=m) for v, m in TITLES.items() if v != OF_INTEREST)
        return RemovalCodesView(titles=titles, reasons=tuple(CodeView(value=v, meaning=m) for v, m in CID_7011.items()))

    def request_removal(
        self, exam_id: str, frame_ids: Sequence[str], code: str, words: str, who: str, reason: str = ""
    ) -> RemovalView:
        """Ask for the removal of pictures, all of the exam where none is named (IHE IOCM); durable on return.

        Nothing more of them is sent; everybody who may have got one gets a rejection note; a procedure step that is in
        progress is discontinued when nothing of its exam is left. Raises `BadRequest`, `NotYetOnItsWay`,
        `AlreadyRejected`, `NotFound`.
        """
        asked = Asked(exam_id=exam_id, frame_ids=tuple(frame_ids), title=code, reason=reason, words=words)
        removal = self._removals.request(asked, who)
        self._building.wake()
        return self._removal(removal)

    def tasks(self) -> tuple[RemovalView, ...]:
        """Return what a person still has to tell the administrator of an archive, oldest first."""
        return tuple(self._removal(removal) for removal in self._store.removals.open())

    def removals(self, exam_id: str) -> tuple[RemovalView, ...]:
        """Return every request about one exam, oldest first. Raises `NotFound`."""
        exam = self._store.exams.get(exam_id)
        return tuple(self._removal(removal) for removal in self._store.removals.of_exam(exam.exam_id))

    def tick_off(self, removal_id: str, words: str, who: str) -> RemovalView:
        """Say that the administrator was told, or that the pictures are gone; durable. Raises `WrongState`."""
        return self._removal(self._removals.tick_off(removal_id, words, who))

    def _removal(self, removal: Removal) -> RemovalView:
        exam = self._store.exams.get(removal.exam_id)
        records = [self._store.frames.get(frame_id).record for frame_id in removal.frame_ids]
        named = [(record.series_instance_uid, record.sop_instance_uid) for record in records]
        jobs = [job for job in self._store.jobs.of_exam(removal.exam_id) if job.frame_id == removal.note_id != ""]
        return removal_view(removal, exam, named, jobs)

    def _views(self, exam_id: str) -> tuple[FrameView, ...]:
        jobs = [job for job in self._store.jobs.of_exam(exam_id) if is_picture(job)]
        return frame_views(self._store.frames.of_exam(exam_id), self._store.review.of_exam(exam_id), jobs)

    def _changed(self, frame_id: str) -> FrameView:
        exam_id = self._store.frames.get(frame_id).record.exam_id
        self._notice("exam", exam_id)
        return next(view for view in self._views(exam_id) if view.frame_id == frame_id)
