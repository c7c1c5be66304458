"""Pictures of what is durable, for the screens: made from the payload itself (ruling 12), never kept on the disk.

A build child of its own makes them, so that a strange PDF or video can end nothing but the look at it. It stays warm
while somebody looks and ends when nobody does. Captures never wait for it: it has its own lock, process and deadline.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import accumulate
from typing import Any

from agent.child import BUILD, Child
from agent.errors import AgentError, ChildError
from agent.launcher import Launcher
from agent.lifecycle import FrameState
from agent.model import FrameRecord
from agent.plain import from_plain, to_plain
from agent.review_errors import NoPicture, PicturesBusy
from agent.sop_classes import SOP_CLASSES
from agent.spool import Spool
from agent.store import Store, StoredFrame
from agent.store.tray import WAITING, TrayItem

WIDTHS = (160, 320, 640, 1024, 1600, 2560, 4096)
"""Columns that pictures are made in: a wish is rounded up, so that few sizes are kept."""
VIEWER = replace(BUILD, name="viewer")
PICTURE_S = 10.0
"""Deadline of one picture."""
IDLE_S = 30.0
"""So long after the last look the child ends."""
CACHE_BYTES = 16 << 20
MOST_WAITING = 12
_TURN_S = 5.0
_SHOWN = frozenset(FrameState) - {FrameState.PURGED, FrameState.COMPOSED}


class Clip:
    """The JPEG frames of a clip as recorded, and when each is shown (milliseconds from the first)."""

    def __init__(self, fd: int, offset: int, record: FrameRecord) -> None:
        self._fd, self._sizes = fd, record.frame_sizes
        self._starts = list(accumulate(self._sizes[:-1], initial=offset))
        self.starts_ms = _times(record)
        self.ends_ms = self.starts_ms[-1] + _last_ms(record)

    def jpeg(self, number: int) -> bytes:
        """Return the stream of one frame, from 0."""
        return os.pread(self._fd, self._sizes[number], self._starts[number])

    def close(self) -> None:
        os.close(self._fd)


class Pictures:
    """Makes pictures one at a time. `turned` tells that the worker lives."""

    def __init__(
        self, store: Store, spool: Spool, launcher: Launcher, *, monotonic: Callable[[], float],
        turned: Callable[[], None],
    ) -> None:  # fmt: skip
        self._store, self._spool, self._launcher = store, spool, launcher
        self._monotonic, self._turned = monotonic, turned
        self._child: Child | None = None
        self._used = 0.0
        self._making = threading.Lock()
        self._waiting = threading.Semaphore(MOST_WAITING)
        self._kept: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._keeping = threading.Lock()
        self._wake = threading.Event()

    # --- looking --------------------------------------------------------------------------------------------

    def picture(self, frame_id: str, width: int, number: int = 1) -> bytes:
        """Return a JPEG of a stored picture, at most `width` columns; `number`: which frame or page, from 1.

        Raises `NotFound`, `NoPicture`, `PicturesBusy`, `SpoolDamaged`, `ObjectError`, `ChildError`.
        """
        frame = self._store.frames.get(frame_id)
        if frame.state not in _SHOWN or not 1 <= number <= max(1, frame.record.number_of_frames):
            raise NoPicture
        return self._looked_up((frame_id, number, _rounded(width)), lambda: self._open_frame(frame), {})

    def item(self, item_id: str, width: int) -> bytes:
        """Return a JPEG of what waits in the tray; raises as `picture`."""
        item = self._store.tray.get(item_id)
        if item.state != WAITING:
            raise NoPicture
        told = {"record": to_plain(_record_of(item))}
        return self._looked_up((item_id, 1, _rounded(width)), lambda: [self._spool.open_item(item_id)], told)

    @contextmanager
    def clip(self, frame_id: str) -> Iterator[Clip]:
        """Give the recorded frames of a clip, read from its own file; raises `NoPicture` for anything else."""
        frame = self._store.frames.get(frame_id)
        record = frame.record
        if frame.state not in _SHOWN or not record.frame_sizes or not record.number_of_frames > 1:
            raise NoPicture
        own = bool(record.payload_file)
        fd = self._spool.open_clip(frame_id) if own else self._spool.open_frame(frame_id)
        clip = Clip(fd, 0 if own else frame.file_size - record.payload_size, record)
        try:
            yield clip
        finally:
            clip.close()

    def _open_frame(self, frame: StoredFrame) -> list[int]:
        fds = [self._spool.open_frame(frame.record.frame_id)]
        if frame.record.payload_file:
            try:
                fds.append(self._spool.open_clip(frame.record.frame_id))
            except AgentError:
                os.close(fds[0])
                raise
        return fds

    # --- making ---------------------------------------------------------------------------------------------

    def _looked_up(self, key: tuple[str, int, int], opened: Callable[[], list[int]], told: dict[str, Any]) -> bytes:
        with self._keeping:
            if (kept := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return kept
        made = self._made(opened, {"max_width": key[2], "number": key[1], **told})
        with self._keeping:
            self._kept[key] = made
            while sum(map(len, self._kept.values())) > CACHE_BYTES:
                self._kept.popitem(last=False)
        return made

    def _made(self, opened: Callable[[], list[int]], told: dict[str, Any]) -> bytes:
        if not self._waiting.acquire(blocking=False):
            raise PicturesBusy
        try:
            if not self._making.acquire(timeout=PICTURE_S):
                raise PicturesBusy
            try:
                return self._ask(opened(), told)
            finally:
                self._used = self._monotonic()
                self._making.release()
        finally:
            self._waiting.release()

    def _ask(self, fds: list[int], told: dict[str, Any]) -> bytes:
        try:
            if self._child is None or self._child.death is not None:
                self._end()
                self._child = Child(VIEWER, self._launcher)
                self._child.wait_ready()
            answer, extra = self._child.request("thumbnail", told, fds, deadline_s=PICTURE_S)
        except ChildError:
            self._end()
            raise
        finally:
            for fd in fds:
                os.close(fd)
        return _read(answer, extra)

    def _end(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None

    # --- living ---------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Make the main loop look at `stop` now."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """End the child when nobody looks; the thread's main loop."""
        while not stop.is_set():
            self._turned()
            self._wake.wait(_TURN_S)
            self._wake.clear()
            self._end_if(idle_s=IDLE_S)
        self._end_if(idle_s=0.0)

    def _end_if(self, *, idle_s: float) -> None:
        if self._child is None or not self._making.acquire(blocking=False):
            return
        try:
            if self._monotonic() - self._used >= idle_s:
                self._end()
        finally:
            self._making.release()


def _rounded(width: int) -> int:
    return next((w for w in WIDTHS if w >= width), WIDTHS[-1])


def _read(answer: dict[str, Any], fds: list[int]) -> bytes:
    try:
        size = int(answer.get("size", 0))
        if len(fds) != 1 or size <= 0:
            raise ChildError("The viewer answered what was not understood.")
        return os.pread(fds[0], size, 0)
    finally:
        for fd in fds:
            with suppress(OSError):
                os.close(fd)


def _times(record: FrameRecord) -> tuple[float, ...]:
    if record.frame_times_ms:
        return tuple(accumulate(record.frame_times_ms))
    return tuple(number * _last_ms(record) for number in range(record.number_of_frames))


def _last_ms(record: FrameRecord) -> float:
    """How long the last frame is shown: as long as the others, 40 ms where nothing is known."""
    gaps = record.frame_times_ms[1:]
    return record.frame_time_ms or (sum(gaps) / len(gaps) if gaps else 40.0)


def _record_of(item: TrayItem) -> FrameRecord:
    """Return what is known of an item as of a picture; it is none yet and its UIDs are empty."""
    kind = item.facts.get("kind")
    sop_class = {"document": "encapsulated-pdf", "video": "video-photographic"}.get(str(kind), "secondary-capture")
    names = FrameRecord.__dataclass_fields__
    known = {name: value for name, value in item.facts.items() if name in names}
    nothing = {"frame_id": item.item_id, "exam_id": "", "snapshot_digest": "", "sop_instance_uid": "",
               "series_instance_uid": "", "instance_number": 1}  # fmt: skip
    try:
        return from_plain(FrameRecord, {**known, **nothing, "sop_class_uid": SOP_CLASSES[sop_class]})
    except ValueError:
        raise NoPicture from None
