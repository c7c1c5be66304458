"""Clips of one source: a ring from before the press, frames from the press on, true times, an end in time.

A clip begins with its first live frame at or after `not_before_ns` (the press less the wanted seconds before it) and
never with one from before the last flush: opening an exam empties the ring (ruling 1). Frames without a signal are
left out and their time stays a gap; another geometry ends the clip.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from drivers.clip_options import ClipOptions
from drivers.clip_writer import ClipWriter
from drivers.contract import Frame, Geometry, Signal
from drivers.still import Still, StillRefused, make
from drivers.still_options import StillOptions

LIVE = frozenset({Signal.PRESENT, Signal.FROZEN})
FINISH_S = 20.0
_FACTS = (
    "rows", "columns", "samples_per_pixel", "bits_allocated", "bits_stored", "photometric_interpretation",
    "transfer_syntax_uid", "pixel_aspect_ratio", "image_format", "processing",
)  # fmt: skip

Send = Callable[[int, dict[str, Any]], None]
Fail = Callable[[int, str, str, dict[str, Any]], None]
Tell = Callable[[dict[str, Any]], None]


@dataclass(slots=True, kw_only=True)
class _Recording:
    asked: int
    writer: ClipWriter
    not_before_ns: int
    longest_ns: int
    geometry: Geometry | None = None
    first_ns: int = 0
    size: int = 0
    facts: dict[str, Any] | None = None
    answered: bool = False
    ended: str = ""


class Clips:
    """At most one recording at a time."""

    def __init__(self, options: ClipOptions, still: StillOptions, *, send: Send, fail: Fail, tell: Tell) -> None:
        self._options = options
        self._still = replace(
            still,
            encoding="jpeg",
            quality=options.quality,
            accept_frozen=True,
            square_pixels=still.square_pixels or options.square_pixels,
        )
        self._send, self._fail, self._tell = send, fail, tell
        self._ring: deque[Still] = deque()
        self._flushed_ns = 0
        self._now: _Recording | None = None

    @property
    def recording(self) -> bool:
        return self._now is not None

    # --- asked ----------------------------------------------------------------------------------------------

    def start(self, request_id: int, values: dict[str, Any], fds: list[int]) -> None:
        """Begin a clip into two descriptors, payload and index, which are ours from now on.

        The answer is sent when its first frame is durable.
        """
        if self._now is not None or len(fds) != 2:
            for fd in fds:
                os.close(fd)
            self._fail(request_id, "V-01", "A clip is being recorded already.", {})
            return
        pressed_ns = int(values.get("not_before_ns", 0))
        earliest_ns = pressed_ns - round(self._options.pre_trigger_s * 1e9)
        self._now = _Recording(
            asked=request_id,
            writer=ClipWriter(*fds),
            not_before_ns=max(earliest_ns, self._flushed_ns),
            longest_ns=round(self._options.longest_s * 1e9),
        )
        for still in self._ring:
            self._write(self._now, still)
        self._ring.clear()

    def stop(self, request_id: int) -> None:
        """End the clip and answer with what is durable."""
        now, self._now = self._now, None
        if now is None:
            self._fail(request_id, "V-01", "No clip is being recorded.", {})
            return
        try:
            written = now.writer.finish(FINISH_S)
        except OSError as e:
            self._fail(request_id, "V-11", "The clip could not be written.", {"errno": e.errno})
            return
        self._answer_start(now)
        told = {"frames": written.frames, "size": written.size, "sha256": written.sha256}
        self._send(request_id, {**told, "dropped": now.writer.dropped, "ended": now.ended})

    def flush(self, now_ns: int) -> None:
        """Forget what is from before now (opening an exam: ruling 1)."""
        self._flushed_ns = now_ns
        self._ring.clear()

    # --- seen -----------------------------------------------------------------------------------------------

    def see(self, frame: Frame, verdict: Signal) -> None:
        """Take a new frame into the clip, or into the ring."""
        now = self._now
        if verdict not in LIVE or frame.captured_ns < self._flushed_ns:
            return
        if now is None and not self._options.pre_trigger_s:
            return
        if now is not None and (now.ended or frame.captured_ns < now.not_before_ns):
            return
        if now is not None and now.geometry not in (None, frame.geometry):
            self._end(now, "geometry")
            return
        try:
            still = make(frame, self._still, verdict)
        except StillRefused:
            return
        if now is None:
            self._remember(still)
        else:
            now.geometry = frame.geometry
            self._write(now, still)

    def _remember(self, still: Still) -> None:
        self._ring.append(still)
        oldest_ns = still.header["captured_ns"] - round(self._options.pre_trigger_s * 1e9)
        size = sum(len(kept.payload) for kept in self._ring)
        while self._ring and (self._ring[0].header["captured_ns"] < oldest_ns or size > self._options.ring_bytes):
            size -= len(self._ring.popleft().payload)

    def _write(self, now: _Recording, still: Still) -> None:
        header = still.header
        if header["captured_ns"] < now.not_before_ns:
            return
        if now.size + len(still.payload) > self._options.largest_bytes:
            self._end(now, "size")
            return
        if now.first_ns and header["captured_ns"] - now.first_ns > now.longest_ns:
            self._end(now, "length")
            return
        if not now.writer.put(still.payload, header["captured_ns"], header["frame_number"]):
            return
        now.size += len(still.payload)
        if now.facts is None:
            now.first_ns = header["captured_ns"]
            now.facts = {name: header[name] for name in _FACTS}
            now.facts |= {"captured_ns": header["captured_ns"], "frame_number": header["frame_number"]}
            now.facts |= {"lossy_methods": [method for method, _ in header["lossy"]]}

    def turn(self) -> None:
        """Answer the start once the first frame is durable; tell when the disk refuses. Called in every turn."""
        now = self._now
        if now is None:
            return
        if now.writer.error is not None and not now.ended:
            self._end(now, "disk")
        if now.writer.durable.frames:
            self._answer_start(now)

    def lost(self) -> None:
        """The device is gone: what is recorded stays, the core is told that it ends here."""
        self._ring.clear()
        if self._now is not None:
            self._end(self._now, "device")

    def _answer_start(self, now: _Recording) -> None:
        if not now.answered and now.facts is not None:
            now.answered = True
            self._send(now.asked, now.facts)

    def _end(self, now: _Recording, why: str) -> None:
        if not now.ended:
            now.ended = why
            self._tell({"event": "clip", "ended": why})
