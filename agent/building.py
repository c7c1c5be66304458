"""Builds each SOP Instance once, when its exam is released and the clock is trusted (rulings 6 and 8).

The build child writes into a descriptor, the core makes the file durable, the child reads the renamed file
again and compares it with the snapshot; only then does the object exist and is queued (promise P4).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agent.child import BUILD, Child
from agent.clock import Clock
from agent.errors import (
    AgentError,
    ChildError,
    ClockNotTrusted,
    ObjectCorrupt,
    ObjectError,
    SpoolDamaged,
    StorageError,
    WrongState,
)
from agent.instant import da_tm
from agent.launcher import Launcher
from agent.lifecycle import FrameState
from agent.material import Material
from agent.model import BuiltObject, ClockTrust, ExamKind, Route, SeriesRecord
from agent.plain import from_plain, to_plain
from agent.spool import Spool, Steps
from agent.store import Exam, Store, StoredFrame
from agent.store.transition import Stamp

_TURN_S = 10.0
_DEADLINE_S = 120.0
_CHILD_TRIES = 3
_FORGOTTEN, _FORGOTTEN_S = "I-10", 8 * 3600.0


class Building:
    """The worker that turns captured frames of released exams into queued objects."""

    def __init__(
        self,
        store: Store,
        spool: Spool,
        launcher: Launcher,
        clock: Clock,
        *,
        routes: tuple[Route, ...],
        test_routes: tuple[Route, ...],
        undo_window_s: float,
        stamp: Callable[[], Stamp],
        notice: Callable[[str, str], None],
        queued: Callable[[], None],
        dated: Callable[[StoredFrame], StoredFrame],
        turned: Callable[[], None],
        steps: Steps,
        on_broken: Callable[[AgentError], None],
    ) -> None:
        self._store, self._spool, self._launcher, self._clock = store, spool, launcher, clock
        self._routes, self._test_routes, self._undo_window_s = routes, test_routes, undo_window_s
        self._stamp, self._notice, self._queued, self._dated = stamp, notice, queued, dated
        self._turned, self._steps, self._on_broken = turned, steps, on_broken
        self._wake = threading.Event()
        self._child: Child | None = None
        self._child_failures: dict[str, int] = {}

    def wake(self) -> None:
        """An exam may have been finished or released."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Release, build and queue until `stop`; the thread's main loop."""
        while not stop.is_set():
            self._turned()
            self._wake.clear()
            for exam_id in self._store.exams.release_due(self._stamp().unix, self._undo_window_s, self._stamp()):
                self._notice("exam", exam_id)
            self._remind()
            if not self._build_some(stop):
                self._rest()
                self._wake.wait(self._until_next_release())
        self._end_child()

    def _remind(self) -> None:
        """Tell aloud which exams somebody held and forgot; their procedure steps stay in progress (ruling 5)."""
        stamp = self._stamp()
        forgotten = set(self._store.exams.held_before(stamp.unix - _FORGOTTEN_S))
        reminded = {a["subject"] for a in self._store.records.alarms() if a["code"] == _FORGOTTEN}
        for exam_id in forgotten - reminded:
            words = "An exam is held for more than eight hours: somebody has to release or discard it."
            self._store.records.raise_alarm(_FORGOTTEN, exam_id, words, stamp)
        for exam_id in reminded - forgotten:
            self._store.records.clear_alarm(_FORGOTTEN, exam_id, stamp)

    def build_now(self, frame_id: str) -> None:
        """Build one captured picture, whatever became of its exam: for a salvage, which sends nothing.

        On return it is built, durably, or held with the reason.
        """
        self._build_or_hold(frame_id)

    def proven(self, frame_id: str) -> BuiltObject:
        """Return what the object of a frame is, proven against the frame alone: what was said of the picture is not
        known any more. Raises `ObjectError`, `SpoolDamaged`, `ChildError`."""
        frame_fd = self._spool.open_frame(frame_id)
        try:
            object_fd = self._spool.open_object(frame_id)
            try:
                answer = self._ask("verify", {"said": "unknown"}, [frame_fd, object_fd])
            finally:
                os.close(object_fd)
        finally:
            os.close(frame_fd)
        return _built(answer)

    def close(self) -> None:
        """End the build child."""
        self._end_child()

    def _until_next_release(self) -> float:
        dues = [d for d in (self._store.exams.next_release(), self._store.frames.next_release()) if d is not None]
        return min([_TURN_S, *(max(0.05, due - self._stamp().unix) for due in dues)])

    def _build_some(self, stop: threading.Event) -> bool:
        if self._clock.trust() is ClockTrust.UNTRUSTED:
            return False
        frames = self._store.frames.to_build(self._stamp().unix, self._undo_window_s)
        documents = self._store.key_objects.to_build()
        for frame_id in frames + documents:
            if stop.is_set():
                break
            self._turned()
            self._build_or_hold(frame_id)
        return self._make_renditions(stop) or bool(frames or documents)

    def _make_renditions(self, stop: threading.Event) -> bool:
        wanted = self._store.renditions.wanted()
        for frame_id, transfer_syntax_uid in wanted:
            if stop.is_set():
                break
            self._turned()
            self._rendition_or_hold(frame_id, transfer_syntax_uid)
        return bool(wanted)

    def _rendition_or_hold(self, frame_id: str, transfer_syntax_uid: str) -> None:
        try:
            self._rendition(frame_id, transfer_syntax_uid)
        except (ObjectError, SpoolDamaged, ChildError) as e:
            self._end_child()
            self._store.renditions.failed(frame_id, transfer_syntax_uid, e.code, e.message, self._stamp())
        except StorageError as e:
            self._on_broken(e)
            self._wake.wait(_TURN_S)
        self._queued()

    def _rendition(self, frame_id: str, transfer_syntax_uid: str) -> None:
        """Make one object anew in another syntax, the same instance by attributes and pixels (ruling 4)."""
        instance = self._store.frames.sop_instance(frame_id)
        object_fd = self._spool.open_object(frame_id)
        part_fd = self._spool.begin_object(frame_id)
        try:
            answer = self._ask("transcode", {"transfer_syntax_uid": transfer_syntax_uid}, [object_fd, part_fd])
            self._steps("rendition:written")
            self._spool.finish_rendition(frame_id, transfer_syntax_uid, part_fd)
        finally:
            os.close(object_fd)
            os.close(part_fd)
        made = replace(
            instance,
            transfer_syntax_uid=transfer_syntax_uid,
            size=int(answer["size"]),
            sha256=str(answer["sha256"]),
        )
        self._store.renditions.built(made, self._stamp())
        self._steps("rendition:recorded")

    def _build_or_hold(self, frame_id: str) -> None:
        frame = self._store.frames.get(frame_id)
        exam = self._store.exams.get(frame.record.exam_id)
        try:
            if frame.state is FrameState.COMPOSED:
                self._build_document(exam, frame_id)
            else:
                self._build_picture(exam, frame)
            self._child_failures.pop(frame_id, None)
        except (ObjectError, SpoolDamaged, ClockNotTrusted) as e:
            self._hold(frame_id, e)
        except WrongState:
            pass  # moved, deleted or rejected while it was being built: nobody waits for its object
        except ChildError as e:
            self._end_child()
            self._child_failures[frame_id] = self._child_failures.get(frame_id, 0) + 1
            if self._child_failures[frame_id] >= _CHILD_TRIES:
                self._hold(frame_id, e)
        except StorageError as e:
            self._on_broken(e)
            self._wake.wait(_TURN_S)
        self._notice("exam", exam.exam_id)

    def _hold(self, frame_id: str, error: AgentError) -> None:
        stamp = self._stamp()
        try:
            self._store.frames.apply(frame_id, "hold", stamp, reason=f"{error.code} {error.message}")
        except WrongState:
            return  # as above
        self._store.records.raise_alarm(error.code, frame_id, error.message, stamp)

    def _build_picture(self, exam: Exam, frame: StoredFrame) -> None:
        frame = self._dated(frame)
        if frame.undated:
            raise ClockNotTrusted("The picture was taken while the clock was not set; a person must date it.")
        said = self._store.review.freeze(frame.record.frame_id)
        if said is None:
            return
        self._steps("build:frozen")
        self._build(exam, Material.of_picture(self._spool, frame, said), self.routes_of(exam))

    def _build_document(self, exam: Exam, frame_id: str) -> None:
        """Build a key object document: what it names is durable before it is written."""
        settled = self._store.key_objects.settle(frame_id, self._clock.trust(), self._stamp())
        self._steps("document:settled")
        if settled is None:
            return
        record, content = settled.record, settled.content
        material = Material.of_document(self._spool, record, exam.snapshot, exam.equipment, content)
        ways = self.routes_of(exam) if settled.destinations is None else self._to(settled.destinations)
        self._build(exam, material, ways)

    def _to(self, names: tuple[str, ...]) -> tuple[Route, ...]:
        """Return the way to each destination, a standby as well; one that is no longer configured is left out."""
        known = [*self._routes, *(route.standby for route in self._routes if route.standby)]
        return tuple(replace(route, standby=None, prefers="") for route in known if route.destination in names)

    def _build(self, exam: Exam, material: Material, routes: tuple[Route, ...]) -> None:
        frame_id = material.frame_id
        try:
            if material.wants_video:
                self._encode(material)
            whole = self._spool.has_object(frame_id) and not material.wants_video
            written = "" if whole else self._write(self._series(exam), material)
            built = self._verify(material)
            if written and built.sha256 != written:
                raise ObjectCorrupt("The object read back from the disk is not the one that was written.")
        finally:
            material.close()
        self._steps("build:verified")
        self._store.frames.built(built, routes, self._stamp())
        self._steps("build:queued")
        self._queued()

    def routes_of(self, exam: Exam) -> tuple[Route, ...]:
        """Return where the objects of `exam` go: test pictures to destinations for tests alone, all others never."""
        return self._test_routes if exam.kind is ExamKind.TEST else self._routes

    def _series(self, exam: Exam) -> SeriesRecord:
        """Return what all objects of the exam's series share: times of its first still, else of the order's study."""
        first = self._store.frames.of_exam(exam.exam_id)[0]
        series = _series(exam, first)
        begun = self._store.exams.begun(exam.snapshot.study_instance_uid)
        if begun is not None and begun.exam_id != exam.exam_id:  # the study has its date already
            study = _series(begun, self._store.frames.of_exam(begun.exam_id)[0])
            series = replace(series, study_date=study.study_date, study_time=study.study_time)
        step = self._store.steps.of_exam(exam.exam_id)
        if step is None:
            return series
        date, time = da_tm(step.started_at, exam.equipment.timezone)
        return replace(
            series,
            performed_procedure_step_uid=step.step_uid,
            performed_procedure_step_id=step.step_id,
            performed_procedure_step_start_date=date,
            performed_procedure_step_start_time=time,
        )

    def _encode(self, material: Material) -> None:
        """Have a clip made into a video; an unrecorded object of an earlier try is written anew."""
        fd = self._spool.begin_video()
        answer = self._ask("encode", {}, [*material.fds, fd])
        material.made(fd, answer["record"])

    def _write(self, series: SeriesRecord, material: Material) -> str:
        """Have the object written and make it durable; return the SHA-256 of what the child wrote."""
        part_fd = self._spool.begin_object(material.frame_id)
        try:
            frame_fd, *rest = material.fds
            answer = self._ask("build", {"series": to_plain(series), **material.told}, [frame_fd, part_fd, *rest])
            self._steps("build:written")
            self._spool.finish_object(material.frame_id, part_fd)
            return str(answer.get("sha256", ""))
        finally:
            os.close(part_fd)

    def _verify(self, material: Material) -> BuiltObject:
        object_fd = self._spool.open_object(material.frame_id)
        try:
            answer = self._ask("verify", material.told, [material.fds[0], object_fd])
        finally:
            os.close(object_fd)
        return _built(answer)

    def _ask(self, do: str, params: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        if self._child is None or self._child.death is not None:
            self._end_child()
            self._child = Child(BUILD, self._launcher)
            self._child.wait_ready()
        answer, extra = self._child.request(do, params, fds, deadline_s=_DEADLINE_S)
        for fd in extra:
            os.close(fd)
        return answer

    def _rest(self) -> None:
        """Nothing to build: the child's memory is worth more than its start-up."""
        self._end_child()

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None


def _built(answer: dict[str, Any]) -> BuiltObject:
    try:
        return from_plain(BuiltObject, answer["built"])
    except (KeyError, ValueError) as e:
        raise ChildError("The build child answered what was not understood.") from e


def _series(exam: Exam, first: StoredFrame) -> SeriesRecord:
    step = exam.snapshot.steps[0] if exam.snapshot.steps else None
    date, time = da_tm(first.record.acquired_at, exam.equipment.timezone)
    ordered = step is not None and bool(step.study_date)
    return SeriesRecord(
        study_date=step.study_date if step and ordered else date,
        study_time=step.study_time if step and ordered else time,
        series_number=exam.series_number,
        series_date=date,
        series_time=time,
        instance_creator_uid=exam.equipment.device_uid,
    )

