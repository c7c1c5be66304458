"""Whatever OpenCV can open: a USB grabber, a video file, a network camera.

OpenCV keeps old frames in buffers, hides the loss of a device and may block for ever, so one thread owns the
capture from opening to release and keeps only the newest frame; whoever reads waits no longer than it said.
Where the thread does not come back, `DriverError("stuck")` asks the host for a new process: no thread can be
killed. The format is set in the only order that works (FOURCC, size, rate) and read back.

Lossy history: a compressed FOURCC (MJPG, H264 …) is recorded with the ratio from the settings, or 0.0,
unknown: OpenCV shows decoded pictures only, so there is nothing to measure, and nothing is estimated.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from drivers.clock import Clock, Monotonic
from drivers.contract import DriverError, Frame, Geometry, PixelFormat
from drivers.lossy import METHODS, Stage, stages
from drivers.options import option

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

JOIN_S = 2.0
_PLAUSIBLE_NS = 2_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the driver may be told; 0 and "" leave a thing as the device has it."""

    device: str = option("/dev/video0", sentence="A device path or number, a file or a URL.")
    fourcc: str = option("", sentence="Pixel format to ask for: YUYV, MJPG and so on.")
    rows: int = option(0, unit="pixels", sentence="Height to ask for.")
    columns: int = option(0, unit="pixels", sentence="Width to ask for.")
    frames_per_s: float = option(0.0, unit="1/s", sentence="Frame rate to ask for.")
    open_timeout_s: float = option(10.0, unit="s", sentence="How long opening may take.")
    loop: bool = option(True, sentence="Start a file again at its end.")
    interlaced: bool = option(False, sentence="The pictures consist of two fields.")
    top_field_first: bool = option(True, sentence="Which of the two fields is the earlier one.")
    aspect_vertical: int = option(
        1, sentence="Height of a pixel relative to aspect_horizontal (PAL 4:3: 11)."
    )
    aspect_horizontal: int = option(1, sentence="Width of a pixel relative to aspect_vertical (PAL 4:3: 12).")
    image_format: str = option(
        "", sentence="What the device delivers, as recorded in the object (PAL, NTSC)."
    )
    lossy_method: str = option("", sentence="Lossy method of the device where its FOURCC does not tell.")
    lossy_ratio: float = option(0.0, sentence="Compression ratio of the device; 0: unknown.")

    def __post_init__(self) -> None:
        if len(self.fourcc) not in (0, 4):
            raise ValueError("fourcc has four letters")
        if min(self.rows, self.columns, self.frames_per_s, self.lossy_ratio) < 0:
            raise ValueError("rows, columns, frames_per_s and lossy_ratio are not negative")
        if min(self.aspect_vertical, self.aspect_horizontal) < 1:
            raise ValueError("aspect_vertical and aspect_horizontal are at least 1")
        if not 0.1 <= self.open_timeout_s <= 60:
            raise ValueError("open_timeout_s must be 0.1 to 60")
        if self.lossy_method not in ("", *METHODS.values()):
            raise ValueError(f"lossy_method must be one of {', '.join(sorted(set(METHODS.values())))}")


class Source:
    """One `cv2.VideoCapture` and the thread that owns it."""

    def __init__(self, options: Options | None = None, *, clock: Clock | None = None) -> None:
        self._options = options or Options()
        self._clock = clock or Monotonic()
        self._thread: threading.Thread | None = None
        self._grip: _Grip | None = None
        self._returned = -1

    def open(self) -> Geometry:
        """Take the device; raises `DriverError`: absent, busy, permission, format, stuck."""
        self.close()
        if self._thread is not None:
            raise DriverError("stuck", "OpenCV does not let go of the device")
        _check_path(self._options.device)
        self._grip = _Grip(self._options, self._clock)
        self._thread = threading.Thread(target=self._grip.run, name="opencv", daemon=True)
        self._thread.start()
        self._returned = -1
        return self._grip.wait_open(self._options.open_timeout_s)

    def read(self, timeout_s: float) -> Frame | None:
        """Return the newest frame, or None after `timeout_s`; raises `DriverError` when the device is lost."""
        if self._grip is None:
            raise DriverError("absent", "not open")
        frame = self._grip.wait_newer(self._returned, timeout_s)
        if frame is not None:
            self._returned = frame.number
        return frame

    def close(self) -> None:
        """Give the device back; a thread that does not end within 2 s is remembered as stuck."""
        if self._thread is not None and self._grip is not None:
            self._grip.stop.set()
            self._thread.join(JOIN_S)
            if not self._thread.is_alive():
                self._thread = self._grip = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Grip:
    """What the thread does with the capture, and the newest frame between it and the reader."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.stop = threading.Event()
        self._options, self._clock = options, clock
        self._changed = threading.Condition()
        self._geometry: Geometry | None = None
        self._newest: Frame | None = None
        self._error: DriverError | None = None
        self._lossy: tuple[Stage, ...] = ()
        self._period_ns = 40_000_000
        self._number = 0

    # --- the reader's side ---------------------------------------------------------------------------------

    def wait_open(self, timeout_s: float) -> Geometry:
        with self._changed:
            self._changed.wait_for(lambda: self._geometry or self._error, timeout_s)
            if self._error:
                raise self._error
            if self._geometry is None:
                raise DriverError("stuck", f"opening took longer than {timeout_s:g} s")
            return self._geometry

    def wait_newer(self, number: int, timeout_s: float) -> Frame | None:
        with self._changed:
            self._changed.wait_for(lambda: self._error or self._is_newer(number), timeout_s)
            if self._error:
                raise self._error
            return self._newest if self._is_newer(number) else None

    def _is_newer(self, number: int) -> bool:
        return self._newest is not None and self._newest.number > number

    # --- the thread's side ---------------------------------------------------------------------------------

    def run(self) -> None:
        import cv2

        capture: Any = None
        try:
            capture = _capture(cv2, self._options)
            self._run(cv2, capture)
        except DriverError as e:
            self._give_up(e)
        except cv2.error:
            self._give_up(DriverError("broken", "OpenCV refuses"))
        finally:
            if capture is not None:
                capture.release()

    def _give_up(self, error: DriverError) -> None:
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def _run(self, cv2: Any, capture: Any) -> None:
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        self._period_ns = round(1e9 / rate) if 1 <= rate <= 240 else 40_000_000
        self._lossy = self._history(int(capture.get(cv2.CAP_PROP_FOURCC)))
        is_file = Path(self._options.device).is_file()
        due_ns = self._clock.now_ns()
        while not self.stop.is_set():
            if is_file:
                due_ns = max(due_ns + self._period_ns, self._clock.now_ns() - self._period_ns)
                self._clock.wait((due_ns - self._clock.now_ns()) / 1e9)
            taken, picture = capture.read()
            if not taken and is_file and self._options.loop and self._number:
                capture.release()
                capture.open(self._options.device)
                taken, picture = capture.read()
            if not taken:
                raise DriverError("broken", "the device sends no more pictures")
            self._keep(_native(cv2, picture), float(capture.get(cv2.CAP_PROP_POS_MSEC)), is_file=is_file)

    def _history(self, fourcc: int) -> tuple[Stage, ...]:
        if self._options.lossy_method:
            return ((self._options.lossy_method, self._options.lossy_ratio),)
        return stages(fourcc, self._options.lossy_ratio)

    def _keep(self, picture: npt.NDArray[np.uint8], position_ms: float, *, is_file: bool) -> None:
        now_ns = self._clock.now_ns()
        captured_ns = captured_at(now_ns, 0.0 if is_file else position_ms, self._period_ns)
        geometry = self._shape(picture)
        frame = Frame(
            data=picture,
            geometry=geometry,
            captured_ns=captured_ns,
            number=self._number,
            lossy=self._lossy,
        )
        with self._changed:
            self._number += 1
            self._geometry, self._newest = geometry, frame
            self._changed.notify_all()

    def _shape(self, picture: npt.NDArray[np.uint8]) -> Geometry:
        options, rows, columns = self._options, picture.shape[0], picture.shape[1]
        aspect = (options.aspect_vertical, options.aspect_horizontal)
        made = Geometry(
            rows=rows,
            columns=columns,
            pixel_format=PixelFormat.GREY if picture.ndim == 2 else PixelFormat.RGB,
            interlaced=options.interlaced,
            top_field_first=options.top_field_first,
            image_format=options.image_format or f"{columns}x{rows}",
        )
        return replace(made, pixel_aspect_ratio=aspect) if aspect[0] != aspect[1] else made


def captured_at(returned_ns: int, position_ms: float, period_ns: int) -> int:
    """Return when a frame began that OpenCV returned at `returned_ns`, CLOCK_MONOTONIC.

    V4L2 tells the buffer's own time as the position; it is used where it lies within the last 2 s. Otherwise
    the frame is taken to have begun one period before it was returned: rather too old than too new, because a
    frame of before the press must never count as one of after it.
    """
    told_ns = round(position_ms * 1e6)
    newest_ns = returned_ns - period_ns
    return min(told_ns, newest_ns) if returned_ns - _PLAUSIBLE_NS < told_ns <= returned_ns else newest_ns


def _check_path(device: str) -> None:
    if not device.startswith("/"):
        return
    try:
        with Path(device).open("rb"):
            return
    except PermissionError as e:
        raise DriverError("permission") from e
    except FileNotFoundError as e:
        raise DriverError("absent") from e
    except OSError as e:
        raise DriverError("busy" if e.errno == 16 else "broken") from e


def _capture(cv2: Any, options: Options) -> Any:
    device = int(options.device) if options.device.isdecimal() else options.device
    capture = cv2.VideoCapture(device)
    if not capture.isOpened():
        raise DriverError("broken", "OpenCV cannot open it")
    if options.fourcc:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*options.fourcc))
    for name, value in (("FRAME_WIDTH", options.columns), ("FRAME_HEIGHT", options.rows)):
        if value:
            capture.set(getattr(cv2, f"CAP_PROP_{name}"), value)
    if options.frames_per_s:
        capture.set(cv2.CAP_PROP_FPS, options.frames_per_s)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    got = (int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)), int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)))
    wanted = (options.rows or got[0], options.columns or got[1])
    if got != wanted:
        capture.release()
        raise DriverError("format", f"{wanted[1]}x{wanted[0]} was asked for, {got[1]}x{got[0]} is delivered")
    return capture


def _native(cv2: Any, picture: Any) -> npt.NDArray[np.uint8]:
    """OpenCV's BGR becomes RGB; a grey picture stays."""
    colour = picture.ndim == 3 and picture.shape[2] == 3
    native: npt.NDArray[np.uint8] = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) if colour else picture.squeeze()
    return native
