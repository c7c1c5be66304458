"""Presses that wait for their frame: the first complete, live one captured at or after the press.

A press is answered once: with a still, or with the reason why there is none. The codes are those that people
read on the screen: V-03 no signal, V-04 not a live picture, V-05 broken picture, V-06 no frame in time, V-02
no device, V-08 no cable, V-09 no sync, V-10 another standard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from drivers.contract import Frame, Signal
from drivers.still import Still, StillRefused, make
from drivers.still_options import StillOptions

MAX_WAITING = 8
RING = 2
MAX_DEADLINE_MS = 60_000

FAILED = {
    "V-02": "The capture device is not there.",
    "V-03": "There is no video signal. Nothing can be captured.",
    "V-04": "The picture is not moving or is a test picture. Nothing was captured.",
    "V-05": "The device delivered a broken picture. Nothing was captured.",
    "V-08": "There is no cable at the input, or the device at its other end is off. Nothing can be captured.",
    "V-09": "The video signal cannot be locked. Nothing can be captured.",
    "V-10": "The video standard is not the one that is set. Nothing can be captured.",
    "V-06": "The device delivered no new picture after the press. Nothing was captured.",
}

CODE = {
    Signal.NO_SIGNAL: "V-03",
    Signal.NO_CABLE: "V-08",
    Signal.NO_SYNC: "V-09",
    Signal.WRONG_STANDARD: "V-10",
    Signal.COLOUR_BARS: "V-04",
    Signal.FROZEN: "V-04",
}
"""What is answered when this is what the source shows."""

Answer = Callable[[int, Still], None]
Fail = Callable[[int, str, str, dict[str, Any]], None]


@dataclass(slots=True, kw_only=True)
class _Waiting:
    id: int
    not_before_ns: int
    deadline_ns: int
    code: str = field(default="V-06")
    """Why the last look at a frame did not answer it."""


class Stills:
    """All waiting presses of one source, and the newest two frames."""

    def __init__(self, options: StillOptions, *, answer: Answer, fail: Fail) -> None:
        self._options, self._answer, self._fail = options, answer, fail
        self._waiting: list[_Waiting] = []
        self._ring: deque[tuple[Frame, Signal, bool]] = deque(maxlen=RING)
        self._flushed_ns = 0
        self._believed = Signal.UNKNOWN
        self._configured = (options.rows, options.columns) if options.rows and options.columns else None
        self._expected = self._configured

    def expect(self, size: tuple[int, int] | None) -> None:
        """Set the size, (rows, columns), that frames must have where neither settings nor a frame since `flush` say.

        So the pictures of one exam have one size, and a device that changes it (PAL to NTSC) works in the next.
        """
        self._expected = self._expected or size

    def ask(self, request_id: int, *, not_before_ns: int, deadline_ms: int, now_ns: int) -> None:
        """Take a press; a frame that is already here may answer it at once."""
        if len(self._waiting) >= MAX_WAITING:
            self.refuse(request_id, "V-06", "Too many presses are waiting.")
            return
        until_ns = now_ns + min(max(0, deadline_ms), MAX_DEADLINE_MS) * 1_000_000
        press = _Waiting(
            id=request_id, not_before_ns=max(not_before_ns, self._flushed_ns), deadline_ns=until_ns
        )
        self._waiting.append(press)
        for frame, verdict, closely in self._ring:
            if closely:  # the verdict on any other is partly that on a frame before it: the next one is looked at
                self._try(press, frame, verdict)

    def see(self, frame: Frame, verdict: Signal, believed: Signal, *, closely: bool = True) -> None:
        """Offer a new frame: `verdict` is on this frame (alone, if `closely`), `believed` is what has lasted."""
        self._believed = believed
        if frame.captured_ns < self._flushed_ns:
            return
        self._ring.append((frame, verdict, closely))
        for press in list(self._waiting):
            self._try(press, frame, verdict)

    def _try(self, press: _Waiting, frame: Frame, verdict: Signal) -> None:
        if press not in self._waiting or frame.captured_ns < press.not_before_ns:
            return
        good, lasting = self._live(verdict), self._believed not in CODE or self._live(self._believed)
        if self._expected and (frame.geometry.rows, frame.geometry.columns) != self._expected:
            facts = {"rows": frame.geometry.rows, "columns": frame.geometry.columns}
            self._end(press, "V-05", "The picture does not have the configured size.", facts)
        elif good and lasting:
            self._take(press, frame, verdict)
        else:
            press.code = CODE.get(self._believed if good else verdict, "V-06")
            if not good and not lasting:
                self._end(press, press.code)

    def _live(self, signal: Signal) -> bool:
        """The first frame after opening (UNKNOWN) is no proof of life: it may be an old one."""
        still = signal in (Signal.FROZEN, Signal.UNKNOWN)
        return signal is Signal.PRESENT or (still and self._options.accept_frozen)

    def _take(self, press: _Waiting, frame: Frame, verdict: Signal) -> None:
        try:
            still = make(frame, self._options, verdict)
        except StillRefused as e:
            self._end(press, "V-05", f"{FAILED['V-05']} {e}")
            return
        self._waiting.remove(press)
        self._answer(press.id, still)

    def broken(self) -> None:
        """A frame was refused: if no good one follows in time, that is the reason."""
        for press in self._waiting:
            press.code = "V-05"

    def lost(self, cause: str) -> None:
        """The device is gone: nobody needs to wait, and its old frames are of no use to anybody."""
        self._ring.clear()
        self._believed = Signal.UNKNOWN
        for press in list(self._waiting):
            self._end(press, "V-02", facts={"cause": cause})

    def expire(self, now_ns: int) -> None:
        """Answer the presses whose time is over."""
        for press in list(self._waiting):
            if now_ns >= press.deadline_ns:
                self._end(press, press.code)

    def flush(self, now_ns: int) -> None:
        """From now on no older frame is used; presses of before are answered with a refusal."""
        self._flushed_ns = now_ns
        self._expected = self._configured
        self._ring.clear()
        for press in list(self._waiting):
            self._end(press, "V-06", "Another exam was opened before the picture came. Nothing was captured.")

    def refuse(
        self, request_id: int, code: str, message: str = "", facts: dict[str, Any] | None = None
    ) -> None:
        """Answer a press that was not taken."""
        self._fail(request_id, code, message or FAILED[code], facts or {})

    def _end(
        self, press: _Waiting, code: str, message: str = "", facts: dict[str, Any] | None = None
    ) -> None:
        self._waiting.remove(press)
        self.refuse(press.id, code, message, facts)

    @property
    def waiting(self) -> int:
        return len(self._waiting)
