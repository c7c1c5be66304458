"""Everything that makes a picture, and the live picture before it is one."""

from __future__ import annotations

import uuid
from contextlib import AbstractContextManager

from agent.actor import BOX, Actor
from agent.clips import Clips
from agent.clock import Clock
from agent.control import Control
from agent.devices import Devices
from agent.errors import BadRequest
from agent.exam import Examinations, Press
from agent.scans import Scans
from agent.service.age import age
from agent.service.patients import Patients
from agent.view import ClipView, FrameView, RefusalView, ScanView
from agent.viewing import frame_view, scan_view

_MOST_SCANNED = 256


class Captures:
    """Presses, clips, barcodes and previews of the sources."""

    def __init__(
        self,
        devices: Devices,
        exams: Examinations,
        clips: Clips,
        scans: Scans,
        clock: Clock,
        patients: Patients,
        control: Control,
    ) -> None:
        self._devices, self._exams, self._clips, self._scans, self._clock = devices, exams, clips, scans, clock
        self._patients, self._control = patients, control
        self._refused: dict[str, tuple[int, float]] = {}

    def _assert_may_act(self, source: str, token: str, actor: Actor) -> None:
        self._exams.assert_current(source, token)
        self._control.assert_mine(source, actor)

    def note_refusal(self, source: str) -> None:
        """A press at `source` was refused just now: the screens are to tell it."""
        number, _ = self._refused.get(source, (0, 0.0))
        self._refused[source] = number + 1, self._clock.monotonic()

    def age_s(self, at: str) -> float:
        """Return how many seconds ago a picture was taken (`FrameView.captured_at`)."""
        return max(0.0, age(self._clock, at) or 0.0)

    def refusal(self, source: str) -> RefusalView | None:
        """Return the last press at `source` in this run that came to nothing, if none succeeded since."""
        refused = self._exams.last_refusal.get(source)
        if refused is None or source not in self._refused:
            return None
        number, at = self._refused[source]
        return RefusalView(number=number, age_s=self._clock.monotonic() - at, code=refused.code)

    def _press(self, trigger_id: str, pressed_ns: int | None) -> Press:
        if not trigger_id or len(trigger_id) > 64:
            raise BadRequest("A press needs an identifier (1 to 64 characters).")
        return Press(trigger_id=trigger_id, pressed_ns=pressed_ns or self._exams.now_ns())

    def still(
        self,
        source: str,
        trigger_id: str,
        pressed_ns: int | None = None,
        exam_id: str = "",
        *,
        token: str = "",
        actor: Actor = BOX,
    ) -> FrameView:
        """Capture one still; on return it is durable on the disk and in the database (the tick)."""
        self._assert_may_act(source, token, actor)
        return frame_view(self._exams.capture(source, self._press(trigger_id, pressed_ns), exam_id=exam_id))

    def start_clip(
        self,
        source: str,
        trigger_id: str,
        pressed_ns: int | None = None,
        exam_id: str = "",
        *,
        token: str = "",
        actor: Actor = BOX,
    ) -> ClipView:
        """Begin a clip; on return its first frame is durable."""
        self._assert_may_act(source, token, actor)
        running = self._clips.start(source, self._press(trigger_id, pressed_ns), exam_id=exam_id)
        return ClipView(frame_id=running.frame_id, exam_id=running.exam_id, started_at=running.started_at)

    def stop_clip(self, source: str, *, token: str = "", actor: Actor = BOX) -> FrameView:
        """End the clip that runs; on return it is a durable picture of its exam."""
        self._assert_may_act(source, token, actor)
        return frame_view(self._clips.stop(source))

    def cancel_scan(self, source: str, *, actor: Actor = BOX) -> None:
        """End a scan that runs; the pages that were kept stay."""
        self._control.assert_mine(source, actor)
        self._devices.get(source).cancel()

    def scanned(self, source: str, text: str) -> ScanView:
        """Take a barcode from a screen or a program as from the box's own reader; an unknown one is asked for."""
        if not 0 < len(text) <= _MOST_SCANNED:
            raise BadRequest("A scan has 1 to 256 characters.")
        return self._patients.scanned(source, text)

    def last_scan(self, source: str) -> ScanView | None:
        """Return the last scan at `source` in this run, if any."""
        self._devices.get(source)
        found = self._scans.last(source)
        return scan_view(found) if found else None

    def inject(self, source: str, fault: str) -> None:
        """Make the simulator misbehave (demonstrations and tests)."""
        self._devices.get(source).inject(fault)

    def new_press(self) -> str:
        """Return an identifier for one press of a button that is about to be shown: one press, one image."""
        return uuid.uuid4().hex

    def watched(self, source: str) -> AbstractContextManager[None]:
        """Have `source` make previews while the context is open."""
        return self._devices.get(source).watched()

    def next_preview(self, source: str, seen: int, timeout_s: float) -> tuple[int, bytes]:
        """Return (frame number, JPEG) newer than `seen`, or the old one after `timeout_s`."""
        return self._devices.get(source).next_preview(seen, timeout_s)
