"""The v4l2 source: opens, streams, looks at the signal, and comes back after every loss."""

from __future__ import annotations

import errno
from types import TracebackType
from typing import Self

from drivers.clock import Clock, Monotonic
from drivers.contract import DriverError, Frame, Geometry, Signal
from drivers.kernel import GONE, READABLE, URGENT, Kernel, LinuxKernel
from drivers.v4l2 import abi, formats, signals
from drivers.v4l2.node import candidates, cause, usb_address
from drivers.v4l2.options import Options
from drivers.v4l2.tuning import Tuned, tune
from drivers.v4l2.video import MOST, Video

_PLAUSIBLE_NS = 2_000_000_000
_SEEN = 2
"""Looks in a row that show another standard before it is followed."""


class Source:
    """One video node of the kernel."""

    def __init__(
        self, options: Options | None = None, *, kernel: Kernel | None = None, clock: Clock | None = None
    ) -> None:
        self._options = options or Options()
        self._kernel = kernel or LinuxKernel()
        self._clock = clock or Monotonic()
        self._video: Video | None = None
        self._tuned: Tuned | None = None
        self._signal = Signal.UNKNOWN
        self._look_at_ns = 0
        self._epoch = 0
        self._number = -1
        self._timings: bytes = b""
        self._other = 0
        """How often in a row the input showed another standard than the one that is set."""
        self.broken = 0
        """Buffers that the kernel marked as broken, or that were too short."""

    # --- life -----------------------------------------------------------------------------------------------

    def open(self) -> Geometry:
        """Take the device; raises `DriverError`: absent, busy, permission, format, broken."""
        self.close()
        self._epoch, self._number = 0, -1
        try:
            self._video = self._open_capturing()
            self._video.subscribe()
            return self._start()
        except OSError as e:
            self.close()
            raise DriverError(cause(e), errno.errorcode.get(e.errno or 0, "")) from e
        except DriverError:
            self.close()
            raise

    def _open_capturing(self) -> Video:
        """Open the first node that really captures: a grabber's metadata node has the same identity."""
        place = self._options.device.removeprefix("bus:") if self._options.device.startswith("bus:") else ""
        for node in candidates(self._kernel, self._options.device):
            video = Video(self._kernel, node)
            if video.captures(place):
                return video
            video.close()
        raise DriverError("absent" if place else "format", "no node there captures pictures")

    def _start(self) -> Geometry:
        if self._video is None:
            raise DriverError("absent", "not open")
        self._tuned = tune(self._video, self._options)
        self._timings = self._timings_now()
        self._signal = signals.look(self._video)
        self._look_at_ns = self._clock.now_ns() + self._look_ns
        self._video.start(self._options.buffers)
        return self._tuned.geometry

    @property
    def _look_ns(self) -> int:
        return round(self._options.look_s * 1e9)

    def close(self) -> None:
        """Give the device back; may be called twice, never raises."""
        video, self._video, self._tuned = self._video, None, None
        if video is not None:
            video.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reset(self) -> bool:
        """Reset the USB device that hangs; return whether there is one to reset and it took it."""
        address = ""
        try:
            address = usb_address(self._kernel, candidates(self._kernel, self._options.device)[0])
            if not address:
                return False
            fd = self._kernel.open(address)
            try:
                self._kernel.ioctl(fd, abi.USBDEVFS_RESET, bytearray(4))
            finally:
                self._kernel.close(fd)
        except (OSError, DriverError):
            return False
        return True

    @property
    def reset_after(self) -> int:
        """After so many failures in a row the host calls `reset`; 0: never."""
        return self._options.usb_reset_after

    # --- reading --------------------------------------------------------------------------------------------

    def read(self, timeout_s: float) -> Frame | None:
        """Return the newest whole frame, or None after `timeout_s`; raises `DriverError` when the device is lost."""
        if self._video is None or self._tuned is None:
            raise DriverError("absent", "not open")
        try:
            return self._read(self._video, self._tuned, timeout_s)
        except OSError as e:
            raise DriverError(cause(e), errno.errorcode.get(e.errno or 0, "")) from e

    def _read(self, video: Video, tuned: Tuned, timeout_s: float) -> Frame | None:
        seen = video.wait(timeout_s)
        if seen & URGENT and video.changed():
            self._look_at_ns = 0
        if self._clock.now_ns() >= self._look_at_ns and self._look(video):
            return None  # another geometry: the stream was started anew
        frame = self._newest(video, tuned) if seen & READABLE or not seen & GONE else None
        if frame is None and seen & GONE and not seen & (READABLE | URGENT):
            raise DriverError("broken", "the stream ended")
        return frame

    def _look(self, video: Video) -> bool:
        """Ask what the input shows; follow other digital timings, and another standard where it is `auto`.

        True: started anew. Another standard has to be seen twice: a decoder guesses while it loses its signal.
        """
        self._signal = signals.look(video)
        self._look_at_ns = self._clock.now_ns() + self._look_ns
        self._other = self._other + 1 if self._signal is Signal.WRONG_STANDARD else 0
        standard = self._other >= _SEEN and self._options.standard == "auto"
        if not standard and (self._signal is not Signal.PRESENT or self._timings_now() == self._timings):
            return False
        self._other = 0
        video.stop()
        self._epoch = self._number + 1
        self._start()
        return True

    def _timings_now(self) -> bytes:
        """Return what makes a digital picture's size and rate; empty without timings."""
        if self._video is None or not self._video.input().capabilities & abi.IN_CAP_DV_TIMINGS:
            return b""
        try:
            return bytes(self._video.timings().bytes[:40])
        except OSError:
            return self._timings

    def _newest(self, video: Video, tuned: Tuned) -> Frame | None:
        newest: Frame | None = None
        for _ in range(MOST):
            buffer = video.take()
            if buffer is None:
                break
            try:
                newest = self._frame(video, tuned, buffer) or newest
            finally:
                video.give(buffer.index)
        return newest

    def _frame(self, video: Video, tuned: Tuned, buffer: abi.Buffer) -> Frame | None:
        self._number = max(self._number + 1, self._epoch + buffer.sequence)
        if buffer.flags & abi.FLAG_ERROR or buffer.bytesused < formats.smallest(tuned.pix):
            self.broken += 1
            return None
        data = video.content(buffer.index, buffer.bytesused)
        return Frame(
            data=formats.unpack(data, tuned.pix, tuned.geometry),
            geometry=tuned.geometry,
            captured_ns=self._captured_ns(buffer, tuned.period_ns),
            number=self._number,
            signal=self._signal,
        )

    def _captured_ns(self, buffer: abi.Buffer, period_ns: int) -> int:
        """Return when the picture began: the kernel stamps its end, unless it says otherwise."""
        now_ns = self._clock.now_ns()
        told_ns = int(buffer.seconds) * 1_000_000_000 + int(buffer.microseconds) * 1000
        monotonic = buffer.flags & abi.FLAG_TIMESTAMP_MASK == abi.FLAG_MONOTONIC
        if not monotonic or not now_ns - _PLAUSIBLE_NS < told_ns <= now_ns:
            return now_ns - period_ns
        return told_ns if buffer.flags & abi.FLAG_START_OF_EXPOSURE else told_ns - period_ns
