"""One source, kept open: opened again after every loss, for ever, and told about once per change.

Runs in the host's only thread. Frames that are not what they claim to be stop here.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from drivers.contract import DriverError, Frame, Geometry, Source
from drivers.picture.convert import complete
from drivers.reopening import BACKOFF_S, Stuck

READ_TIMEOUT_S = 0.25
STALL_S = 5.0

RESET = "The device failed several times and was reset by the box."

Tell = Callable[[dict[str, Any]], None]


class Device:
    """Owns `source`. `tell` receives the device events of the host's protocol."""

    def __init__(self, source: Source, tell: Tell) -> None:
        self._source = source
        self._tell = tell
        self._told: tuple[str, str] = ("", "")
        self._tries = 0
        self._delivered = False
        self._retry_at = self._frame_at = monotonic()
        self.geometry: Geometry | None = None
        self.cause = "absent"
        self.ready = False
        self.frames = 0
        self.refused = 0
        self.reopened = 0

    def next(self) -> Frame | None:
        """Return the next complete frame, or None when there is none within `READ_TIMEOUT_S`.

        Never raises for a lost device: it is closed, told, and opened again when `wait_s` has passed.
        Raises `Stuck` when the driver asks for a new process.
        """
        if not self.ready and not self._open():
            return None
        try:
            frame = self._source.read(READ_TIMEOUT_S)
        except DriverError as e:
            self._lost(e)
            return None
        if frame is None:
            if monotonic() - self._frame_at > STALL_S:
                self._lost(DriverError("no signal", f"no frames for {STALL_S:.0f} s"))
            return None
        return self._check(frame)

    def _check(self, frame: Frame) -> Frame | None:
        self.frames += 1
        self._frame_at, self._delivered = monotonic(), True
        if not complete(frame.data, frame.geometry):
            self.refused += 1
            return None
        if frame.geometry != self.geometry:
            self.geometry = frame.geometry
            self._say("ready", "geometry", "The picture's size or kind has changed.")
        return frame

    @property
    def size(self) -> tuple[int, int] | None:
        """(rows, columns) of what is delivered now; None: nothing yet."""
        return (self.geometry.rows, self.geometry.columns) if self.geometry else None

    def wait_s(self) -> float:
        """Return how long nothing needs to be done for the device, in seconds; 0 while it is open."""
        return 0.0 if self.ready else max(0.0, self._retry_at - monotonic())

    def _open(self) -> bool:
        if monotonic() < self._retry_at:
            return False
        try:
            self.geometry = self._source.open()
        except DriverError as e:
            self._lost(e)
            return False
        self.ready, self._frame_at = True, monotonic()
        self._say("ready", "", "")
        return True

    def _lost(self, error: DriverError) -> None:
        self._source.close()
        if error.cause == "stuck":
            raise Stuck(error.detail)
        self._tries = 0 if self._delivered else self._tries + 1
        self._reset_where_it_helps()
        self._retry_at = monotonic() + BACKOFF_S[min(self._tries, len(BACKOFF_S) - 1)]
        self.ready, self._delivered, self.cause = False, False, error.cause
        self.reopened += 1
        self._say("restarting", error.cause, error.advice)

    def _reset_where_it_helps(self) -> None:
        """After repeated failure a USB device is reset, as a technician would pull and push its plug."""
        after = int(getattr(self._source, "reset_after", 0))
        if after and self._tries and self._tries % after == 0 and self._source.reset():  # type: ignore[attr-defined]
            self._tell({"event": "device", "state": "restarting", "cause": "reset", "advice": RESET})

    def _say(self, state: str, cause: str, advice: str) -> None:
        if (state, cause) != self._told or cause == "geometry":
            self._told = (state, cause)
            self._tell({"event": "device", "state": state, "cause": cause, "advice": advice})

    def close(self) -> None:
        self._source.close()
        self.ready = False
