"""Clips: begun and ended by a press, durable each second, whole again after any crash (promise P1, ruling 13).

The core opens the files and names them durably, the source child appends to them. Once the first frame is on the
disk a row says so, and only then *recording* is told to a person. What the index proves is what the clip is: a power
cut costs at most the last second.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from agent.clip_record import complete
from agent.devices import Devices
from agent.errors import AgentError, ChildError, ClipBusy, NoClip, SpoolDamaged
from agent.exam import Examinations, Press
from agent.frame_file import encode_header
from agent.model import FrameRecord
from agent.spool import Spool, Steps
from agent.store import Exam, Recording, Store, StoredFrame
from agent.store.transition import Stamp

FOUND = "found after power loss"


class Clips:
    """What a person may do with clips; at most one is recorded from each source."""

    def __init__(
        self,
        store: Store,
        spool: Spool,
        devices: Devices,
        exams: Examinations,
        *,
        sop_class: Callable[[str], str],
        notice: Callable[[str, str], None],
        steps: Steps,
    ) -> None:
        self._store, self._spool, self._devices, self._exams = store, spool, devices, exams
        self._sop_class, self._notice, self._steps = sop_class, notice, steps
        self._busy: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def recording(self, source: str) -> Recording | None:
        """Return the clip that is being recorded from `source`, if any."""
        return self._store.recordings.of_source(source)

    def toggle(self, source: str, press: Press) -> StoredFrame | None:
        """Begin a clip, or end the one that runs: what a pedal does. Returns the clip that ended."""
        if self.recording(source) is None:
            self.start(source, press)
            return None
        return self.stop(source)

    def start(self, source: str, press: Press, *, exam_id: str = "") -> Recording:
        """Begin a clip in the exam that is open now; on return its first frame and its row are durable.

        Raises what `Examinations.capture` raises, and `ClipBusy`.
        """
        exam = self._exams.may_capture(source, exam_id)
        with self._busy[source]:
            if self.recording(source) is not None:
                raise ClipBusy
            record = self._begin(exam, press)
        self._notice("exam", exam.exam_id)
        found = self.recording(source)
        if found is None or found.frame_id != record.frame_id:
            raise NoClip
        return found

    def _begin(self, exam: Exam, press: Press) -> FrameRecord:
        frame_id = self._exams.new_frame_id()
        fds = self._spool.begin_clip(frame_id)
        device = self._devices.get(exam.source)
        try:
            facts = device.record(press.pressed_ns, fds)
            self._steps("clip:first-frame")
            record = self._exams.record(exam, press, _header(facts, self._sop_class(exam.source)), frame_id=frame_id)
            self._store.recordings.begin(record, exam.source, self._exams.stamp(""))
        except BaseException:
            with suppress(AgentError):
                device.end_record()
            self._spool.drop_clip(frame_id)  # nobody was told "recording"
            raise
        finally:
            for fd in fds:
                os.close(fd)
        self._steps("clip:begun")
        return record

    def stop(self, source: str) -> StoredFrame:
        """End the clip that runs; on return it is a durable picture of its exam. Raises `NoClip`."""
        with self._busy[source]:
            running = self.recording(source)
            if running is None:
                raise NoClip
            sha256 = ""
            try:
                sha256 = str(self._devices.get(source).end_record().get("sha256", ""))
            except AgentError:
                sha256 = ""  # the source is gone: what the index proves is what there is
            self._steps("clip:ended")
            self._keep(running, sha256)
        self._notice("exam", running.exam_id)
        return self._store.frames.get(running.frame_id)

    def _keep(self, running: Recording, sha256: str) -> None:
        exam = self._store.exams.get(running.exam_id)
        record = self._complete(running, sha256)
        with self._exams.numbering(exam) as number:  # stills were taken meanwhile
            record = replace(record, instance_number=number)
            self._exams.commit(exam, record, self._write(exam, record))
        self._spool.end_clip(record.frame_id)

    def _complete(self, running: Recording, sha256: str) -> FrameRecord:
        payload_fd = self._spool.open_clip(running.frame_id)
        try:
            return complete(running.record, self._spool.clip_index(running.frame_id), payload_fd, sha256=sha256)
        finally:
            os.close(payload_fd)

    def _write(self, exam: Exam, record: FrameRecord) -> int:
        extra = {"series_number": exam.series_number, "opened_at": exam.opened_at, "run_id": exam.run_id}
        head = encode_header(record, exam.snapshot, exam.equipment, extra)
        return self._spool.write_frame(record.frame_id, head, None, record.payload_size)

    def stop_for(self, exam: Exam) -> None:
        """End the clip of an exam that is about to be closed: nothing that was recorded is left behind."""
        running = self.recording(exam.source)
        if running is not None and running.exam_id == exam.exam_id:
            with suppress(NoClip):
                self.stop(exam.source)

    def ended(self, source: str, why: str) -> None:
        """The source ended a clip by itself: keep it, and go on with the next one where it was only too large."""
        try:
            frame = self.stop(source)
            if why == "size":
                pressed_ns = self._exams.now_ns()
                self.start(source, Press(trigger_id=f"{frame.record.trigger_id[:48]}+{pressed_ns:x}"[-64:],
                                         pressed_ns=pressed_ns))  # fmt: skip
        except AgentError as e:
            self._exams.refused(source, e)


class Salvage:
    """What the boot scan does with clips that a crash or a power cut ended."""

    def __init__(self, store: Store, spool: Spool, stamp: Stamp) -> None:
        self._store, self._spool, self._stamp = store, spool, stamp
        self.kept: list[str] = []
        self.lost: list[str] = []

    def run(self) -> None:
        """Keep every clip that was begun, up to its last whole frame; held, so that a person looks at it."""
        for running in self._store.recordings.all():
            if running.frame_id not in self._store.frames.files():
                self._keep(running)
            self._store.recordings.forget(running.frame_id, self._stamp)

    def _keep(self, running: Recording) -> None:
        exam = self._store.exams.get(running.exam_id)
        try:
            number = self._store.frames.next_instance_number(running.record.series_instance_uid)
            record = replace(self._cut(running), instance_number=number)
        except SpoolDamaged as e:
            self.lost.append(running.frame_id)
            self._store.records.raise_alarm("D-04", running.frame_id, f"A clip could not be kept. {e}", self._stamp)
            return
        extra = {"series_number": exam.series_number, "opened_at": exam.opened_at, "run_id": exam.run_id}
        head = encode_header(record, exam.snapshot, exam.equipment, extra)
        size = self._spool.write_frame(record.frame_id, head, None, record.payload_size)
        self._store.frames.adopt(record, size, FOUND, self._stamp)
        self._spool.end_clip(record.frame_id)
        self.kept.append(record.frame_id)

    def _cut(self, running: Recording) -> FrameRecord:
        """Return the record of what is whole, after the file was cut to exactly that."""
        payload_fd = self._spool.open_clip(running.frame_id, writable=True)
        try:
            record = complete(running.record, self._spool.clip_index(running.frame_id), payload_fd)
            os.ftruncate(payload_fd, record.payload_size)
            os.fsync(payload_fd)
        except OSError as e:
            raise SpoolDamaged(f"A clip cannot be read ({e.errno}).") from e
        finally:
            os.close(payload_fd)
        return record


def _header(facts: dict[str, Any], sop_class_uid: str) -> dict[str, Any]:
    """Return what a still's header would say, of a clip whose end is not known yet."""
    methods = facts.get("lossy_methods")
    if not isinstance(methods, list):
        raise ChildError("The source described its clip wrongly.")
    return {
        **facts,
        "payload_size": 0,
        "payload_sha256": "",
        "lossy": [[str(method), 0.0] for method in methods],
        "sop_class_uid": sop_class_uid,
        "payload_file": "clip",
    }
