"""Exams: capture into the exam that was open at the press, ask whether it goes on, finish, undo (promises P1, P2)."""

from __future__ import annotations

import hashlib
import os
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.clock import Clock
from agent.devices import Device, Devices
from agent.errors import (
    AgentError,
    DiskFull,
    ExamClosed,
    FrameRefused,
    IdleTooLong,
    NoOpenExam,
    OutOfDate,
    StillThisPatient,
    StorageError,
    WrongState,
)
from agent.frame_file import encode_header
from agent.lifecycle import ExamState, FrameState
from agent.model import ExamKind, FrameRecord
from agent.plain import from_plain
from agent.spool import FRAME, Spool, Steps
from agent.store import Exam, NewStep, Store, StoredFrame
from agent.store.transition import Stamp

Notice = Callable[[str, str], None]
"""Tells those who look: (what changed, its name)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamRules:
    """The site's policy, from the configuration."""

    undo_window_s: float
    minimum_free_bytes: int
    idle_question_s: float
    idle_finish_s: float
    release_by_picture: bool = False
    tells_steps_to: str = ""
    """Name of the queue of procedure steps; empty: nobody is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why the last press on a source came to nothing, until one succeeds."""

    code: str
    message: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """One deliberate act at a trigger: one press, one image."""

    trigger_id: str
    pressed_ns: int
    """CLOCK_MONOTONIC at the press."""


class Examinations:
    """What a person may do with exams; every answer that says "captured" comes after the row is durable."""

    def __init__(
        self,
        store: Store,
        spool: Spool,
        devices: Devices,
        clock: Clock,
        *,
        rules: ExamRules,
        boot_id: str,
        uids: Callable[[], str],
        stamp: Callable[[str], Stamp],
        notice: Notice,
        steps: Steps,
        on_broken: Callable[[AgentError], None],
    ) -> None:
        self._store, self._spool, self._devices, self._clock = store, spool, devices, clock
        self.rules, self._boot_id, self._uids, self._stamp = rules, boot_id, uids, stamp
        self._began_ns = clock.boottime_ns()
        self._notice, self._steps, self._on_broken = notice, steps, on_broken
        self._capturing: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self.last_refusal: dict[str, Refusal] = {}
        self.closing: Callable[[Exam], None] = lambda _exam: None
        """Called before an exam is closed: what is being recorded for it ends first."""
        self.ticked: Callable[[float], None] = lambda _seconds: None
        """Told how long it was from a press to its tick."""
        self.first_press: Callable[[Exam], None] = lambda _exam: None
        """Called when a press comes for an exam without a picture; must not wait."""

    def stamp(self, who: str) -> Stamp:
        """Return when and in which run something is done, and by whom."""
        return self._stamp(who)

    def release_due(self) -> float:
        """Return when an exam that is finished now is released (Unix seconds)."""
        return self._stamp("").unix + self.rules.undo_window_s

    def told(self, exam_id: str) -> None:
        """Tell those who look that an exam changed."""
        self._notice("exam", exam_id)

    # --- still this patient? --------------------------------------------------------------------------------

    def paused(self, exam: Exam) -> bool:
        """Return whether the box restarted while `exam` was open and nobody confirmed the patient since."""
        return exam.state is ExamState.OPEN and exam.run_id != self._stamp("").run_id

    def idle_s(self, exam: Exam) -> float:
        """Return for how many seconds nobody used an open exam; after a reboot counted from the start of this run.

        A clip that is being recorded is use.
        """
        if exam.state is not ExamState.OPEN or self._store.recordings.of_source(exam.source) is not None:
            return 0.0
        since = exam.active_ns if exam.boot_id == self._boot_id else self._began_ns
        return max(0.0, (self._clock.boottime_ns() - since) / 1e9)

    def asks(self, exam: Exam) -> str:
        """Return why *still this patient?* is to be answered before the next capture: `restart`, `idle`, or empty."""
        if self.paused(exam):
            return "restart"
        return "idle" if self.idle_s(exam) >= self.rules.idle_question_s else ""

    def token(self, source: str) -> str:
        """Return what changes whenever the exam open on `source`, its state, pause or question does.

        Not with each picture. A page that carries an older one is out of date (B2).
        """
        exam = self._store.exams.latest_on(source)
        if exam is None:
            return hashlib.sha256(source.encode()).hexdigest()[:16]
        told: tuple[str, ...] = (source, exam.exam_id)
        if exam.state is ExamState.OPEN:
            told += (exam.run_id, exam.finished_at, self.asks(exam))
        return hashlib.sha256("\x1f".join(told).encode()).hexdigest()[:16]

    def assert_current(self, source: str, token: str) -> None:
        """Raise `OutOfDate` for a page whose token is not the one of now; an empty token asks for nothing."""
        if token and token != self.token(source):
            raise OutOfDate

    def release_test(self, exam_id: str, who: str) -> Exam:
        """Close a test exam and release it at once: there is nobody to undo it for. Durable on return."""
        exam = self._store.exams.get(exam_id)
        if exam.kind is not ExamKind.TEST:
            raise WrongState("Only a test exam is released without its undo window.")
        stamp = self._stamp(who)
        exam = self._store.exams.finish(exam_id, stamp.unix, stamp)
        self._notice("exam", exam_id)
        return exam


    # --- capturing ------------------------------------------------------------------------------------------

    def capture(self, source: str, press: Press, *, exam_id: str = "") -> StoredFrame:
        """Capture one still into the exam that is open now; the tick.

        On return the frame file (fsync, rename, folder fsync) and its row (WAL fsync) are durable. The press
        belongs to the exam open on arrival; if that one closes meanwhile, `ExamClosed` is raised and nothing
        is kept (ruling 1). The same `trigger_id` again returns the same frame. Raises `NoOpenExam`,
        `OutOfDate` (`exam_id` is not the open one), `StillThisPatient`, `DiskFull`, `StorageError` and the
        device's errors.
        """
        exam = self.may_capture(source, exam_id)
        with self._capturing[source]:
            done = self._store.frames.by_trigger(press.trigger_id)
            new = done is None
            if new:
                self._keep(exam, press)
                done = self._store.frames.by_trigger(press.trigger_id)
        if done is None or done.record.exam_id != exam.exam_id:
            raise ExamClosed
        self._steps("capture:before-tick")
        self.last_refusal.pop(source, None)
        if new:
            self.ticked((self.now_ns() - press.pressed_ns) / 1e9)
        self._notice("exam", exam.exam_id)
        return done

    def may_capture(self, source: str, exam_id: str = "") -> Exam:
        """Return the exam that a press now belongs to; raises what `capture` raises before a picture is taken."""
        exam = self._store.exams.open_on(source)
        if exam is None:
            raise NoOpenExam
        if exam_id and exam.exam_id != exam_id:
            raise OutOfDate
        if asks := self.asks(exam):
            raise StillThisPatient if asks == "restart" else IdleTooLong
        if self._spool.free_bytes() < self.rules.minimum_free_bytes:
            raise DiskFull
        if not exam.captured:
            self.first_press(exam)
        return exam

    def new_frame_id(self) -> str:
        """Return a new name of our own for a picture's files."""
        return str(uuid.UUID(bytes=os.urandom(16), version=4))

    def now_ns(self) -> int:
        """Return CLOCK_MONOTONIC in nanoseconds, as a press is stamped."""
        return int(self._clock.monotonic() * 1e9)

    def _keep(self, exam: Exam, press: Press) -> None:
        device = self._devices.get(exam.source)
        if device.setup.delivers == "pages":
            self._keep_pages(exam, press, device)
        else:
            self._keep_one(exam, press, *device.still(press.pressed_ns))

    def _keep_pages(self, exam: Exam, press: Press, device: Device) -> None:
        """Keep what a scanner delivers, each page durable before the next one; what came before a jam stays."""
        kept = [n for f in self._store.frames.of_exam(exam.exam_id) for n in _loose(f)]
        number_of = page_numbers(kept, two_passes=device.setup.options.get("feed") == "manual-duplex")
        seen = 0

        def keep(header: dict[str, Any], payload_fd: int) -> None:
            nonlocal seen
            seen += 1
            trigger_id = press.trigger_id if seen == 1 else f"{press.trigger_id[:52]}+page{seen}"
            page = Press(trigger_id=trigger_id, pressed_ns=press.pressed_ns)
            self._keep_one(exam, page, {**header, "page_numbers": [number_of(seen)]}, payload_fd)
            self._notice("exam", exam.exam_id)

        device.scan(keep)

    def _keep_one(self, exam: Exam, press: Press, header: dict[str, Any], payload_fd: int) -> None:
        try:
            record = self.record(exam, press, header)
            extra = {"series_number": exam.series_number, "opened_at": exam.opened_at, "run_id": exam.run_id}
            head = encode_header(record, exam.snapshot, exam.equipment, extra)
            size = self._spool.write_frame(record.frame_id, head, payload_fd, record.payload_size)
        except StorageError as e:
            if not isinstance(e, DiskFull):
                self._on_broken(e)
            raise
        finally:
            os.close(payload_fd)
        self.commit(exam, record, size)

    @contextmanager
    def numbering(self, exam: Exam) -> Iterator[int]:
        """Give the next Instance Number of the exam's series; nobody else gets one on this source meanwhile."""
        with self._capturing[exam.source]:
            yield self._store.frames.next_instance_number(exam.series_instance_uid)

    def commit(self, exam: Exam, record: FrameRecord, size: int, *, item_id: str = "") -> None:
        """Record a picture whose file is durable, if its exam is still open; durable on return."""
        stamp = self._stamp("")
        by_itself = self.rules.release_by_picture and exam.kind is not ExamKind.EMERGENCY
        due = stamp.unix + self.rules.undo_window_s if by_itself else None
        try:
            step = None if exam.kind is ExamKind.TEST else self._new_step(record)
            self._store.frames.commit(record, size, stamp, step=step, release_due=due, item_id=item_id)
        except ExamClosed:
            self._spool.remove(self._frame_path(record.frame_id))
            raise
        self._steps("capture:committed")

    def _new_step(self, record: FrameRecord) -> NewStep | None:
        return self.new_step() if record.instance_number == 1 else None

    def new_step(self) -> NewStep | None:
        """Return a new procedure step where the site tells them; None elsewhere."""
        if not self.rules.tells_steps_to:
            return None
        uid = self._uids()
        return NewStep(step_uid=uid, step_id=uid[-16:], destination=self.rules.tells_steps_to)

    def _frame_path(self, frame_id: str) -> Path:
        return self._spool.frames / f"{frame_id}{FRAME}"

    def record(self, exam: Exam, press: Press, header: dict[str, Any], *, frame_id: str = "") -> FrameRecord:
        """Return what is known of a picture that a source delivered, with UIDs of its own (promise P3).

        Raises `FrameRefused` when the source's `header` is not what was agreed.
        """
        age_s = self._clock.monotonic() - header["captured_ns"] / 1e9
        acquired = self._clock.now() - timedelta(seconds=age_s)
        aspect = header.get("pixel_aspect_ratio")
        try:
            return from_plain(
                FrameRecord,
                {
                    "sop_class_uid": exam.equipment.sop_class_uid,
                    **{name: header[name] for name in _FROM_SOURCE},
                    **{name: header[name] for name in _MAY_SAY if name in header},
                    "pixel_aspect_ratio": aspect,
                    "frame_id": frame_id or self.new_frame_id(),
                    "exam_id": exam.exam_id,
                    "snapshot_digest": exam.snapshot_sha256,
                    "sop_instance_uid": self._uids(),
                    "series_instance_uid": exam.series_instance_uid,
                    "instance_number": self._store.frames.next_instance_number(exam.series_instance_uid),
                    "acquired_at": acquired.isoformat(),
                    "boottime_ns": self._clock.boottime_ns() - int(age_s * 1e9),
                    "clock_trust": self._clock.trust().value,
                    "trigger_id": press.trigger_id,
                },
            )
        except (KeyError, ValueError) as e:
            raise FrameRefused("The source described its picture wrongly. Nothing was captured.") from e

    def refused(self, source: str, error: AgentError) -> None:
        """A press at a pedal came to nothing: tell it where people look and sound it."""
        self.last_refusal[source] = Refusal(code=error.code, message=error.message, at=self._stamp("").at)
        self._notice("refused", source)

    # --- after ----------------------------------------------------------------------------------------------

    def still_this_patient(self, exam_id: str, who: str) -> Exam:
        """Let an exam go on that asks *still this patient?*; a person said that it is, durable on return."""
        exam = self._store.exams.resume(exam_id, self._stamp(who))
        self._notice("exam", exam_id)
        return exam

    def finish(self, exam_id: str, who: str) -> Exam:
        """Close the exam for captures; durable on return. It is released when the undo window ends.

        An emergency exam is held instead: a person decides about it. One without pictures is discarded.
        """
        self.closing(self._store.exams.get(exam_id))
        exam, stamp = self._store.exams.get(exam_id), self._stamp(who)
        event, reason = ending(exam)
        if event != "finish" and exam.state is ExamState.OPEN:
            exam = self._store.exams.apply(exam_id, event, stamp, reason=reason)
        else:
            exam = self._store.exams.finish(exam_id, stamp.unix + self.rules.undo_window_s, stamp)
        self._notice("exam", exam_id)
        return exam

    def finish_idle(self, exam: Exam) -> Exam | None:
        """Close an exam that nobody used for long, into hold; without pictures it is discarded. Durable on return.

        None: somebody used it at the last moment.
        """
        self.closing(exam)
        now = self._store.exams.get(exam.exam_id)
        event, reason = ("hold", IDLE) if now.captured else ("discard", NO_PICTURES)
        done = self._store.exams.idle(exam.exam_id, exam.active_ns, event, reason, self._stamp(""))
        self._notice("exam", exam.exam_id)
        return done

    def apply(self, exam_id: str, event: str, who: str, reason: str = "", code: str = "") -> Exam:
        """`undo`, `release` (of a held exam), `hold` or `discard` an exam; durable on return.

        `code` (PS3.16 CID 9300) is why a discarded exam's procedure step is discontinued.
        """
        if event in ("hold", "discard"):
            self.closing(self._store.exams.get(exam_id))
        exam = self._store.exams.apply(exam_id, event, self._stamp(who), reason=reason, code=code)
        self._notice("exam", exam_id)
        return exam


def _loose(frame: StoredFrame) -> tuple[int, ...]:
    """Return the page number of a sheet that is not part of a document yet."""
    return frame.record.page_numbers if frame.state is FrameState.CAPTURED else ()


def page_numbers(kept: list[int], *, two_passes: bool) -> Callable[[int], int]:
    """Return the page number of the nth sheet (from 1) of the next scan, after the pages `kept`.

    In `two_passes` the fronts are scanned first and get odd numbers; then the pile is turned over, so that the back of
    the last sheet comes first, and the backs get the even numbers downwards.
    """
    last = max(kept, default=0)
    if not two_passes:
        return lambda seen: last + seen
    fronts, backs = [n for n in kept if n % 2], [n for n in kept if not n % 2]
    if len(fronts) > len(backs):
        waiting = sorted({n + 1 for n in fronts} - set(backs), reverse=True)
        return lambda seen: waiting[seen - 1] if seen <= len(waiting) else last + 1 + 2 * (seen - len(waiting))
    start = last + last % 2
    return lambda seen: start + 2 * seen - 1


IDLE, NO_PICTURES, TEMPORARY = "idle", "no pictures", "temporary identity"


def ending(exam: Exam) -> tuple[str, str]:
    """Return by which event an exam ends when a person finishes it, and the reason."""
    if not exam.captured:
        return "discard", NO_PICTURES
    return ("hold", TEMPORARY) if exam.kind is ExamKind.EMERGENCY else ("finish", "")


_FROM_SOURCE = (
    "rows",
    "columns",
    "samples_per_pixel",
    "bits_allocated",
    "bits_stored",
    "photometric_interpretation",
    "transfer_syntax_uid",
    "payload_size",
    "payload_sha256",
    "lossy",
    "image_format",
    "processing",
    "frame_number",
)
_MAY_SAY = tuple(FrameRecord.LATER)
