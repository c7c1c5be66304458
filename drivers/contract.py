"""What a driver is: a `Source` yields `Frame`s and says what its `Signal` is; a `Trigger` yields presses.

A driver is one file with one class called `Source` (or `Trigger`), a frozen dataclass `Options` that declares its
settings, and one row in `drivers.table.DRIVERS`. It imports its hardware library inside `open()`, so that a
configuration can be checked on a laptop. It runs alone in a child process: it may block for `timeout_s`, crash or
hang without harm to anybody else. Standard library and numpy only; patient data never comes here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Signal(StrEnum):
    """What the source sees right now."""

    PRESENT = "present"
    NO_SIGNAL = "no signal"
    NO_SYNC = "no sync"
    NO_CABLE = "no cable"
    WRONG_STANDARD = "wrong standard"
    COLOUR_BARS = "colour bars"
    FROZEN = "frozen"
    UNKNOWN = "unknown"


class PixelFormat(StrEnum):
    """How `Frame.data` is laid out."""

    RGB = "RGB"
    """uint8, shape (rows, columns, 3)."""
    GREY = "GREY"
    """uint8 or uint16, shape (rows, columns)."""
    MJPEG = "MJPEG"
    """one JPEG interchange stream, uint8, shape (bytes,)."""
    YUYV = "YUYV"
    """uint8, shape (rows, columns, 2)."""
    NV12 = "NV12"
    """uint8, shape (rows * 3 / 2, columns): the luma plane, below it the chroma pairs of every second row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """The shape of a source's pictures; a change of any field is a new epoch (crop and mask no longer apply)."""

    rows: int
    columns: int
    pixel_format: PixelFormat
    interlaced: bool = False
    top_field_first: bool = True
    bits_stored: int = 8
    pixel_aspect_ratio: tuple[int, int] | None = None
    """(vertical, horizontal) as in PS3.3 C.7.6.3.1.7; None: square."""
    image_format: str = ""
    """`PAL`, `NTSC`, `1080P50` …"""
    matrix: str = "bt601"
    """Of YUYV and NV12: `bt601` or `bt709`, studio range; `full` behind it for 0 to 255 (`bt709 full`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One complete picture. `captured_ns` is CLOCK_MONOTONIC at the start of its exposure or first line."""

    data: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    geometry: Geometry
    captured_ns: int
    number: int
    """Counts every frame of this source since it was opened, also those nobody asked for."""
    signal: Signal = Signal.PRESENT
    lossy: tuple[tuple[str, float], ...] = ()
    """(method, ratio) of every lossy stage before us, e.g. ("ISO_10918_1", 8.1) of an MJPEG grabber."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """One deliberate act at a pedal, button or line; `press_id` makes one press one image."""

    press_id: str
    action: str
    """`capture`, `clip`, or `scan` with the text of a barcode."""
    pressed_ns: int
    text: str = ""
    """What was scanned: patient data, for the core alone."""


class DriverError(Exception):
    """The device does not work. `cause` is one of `CAUSES`; `advice` tells what to do about it."""

    CAUSES: ClassVar[Mapping[str, str]] = {
        "absent": "Check that the device is plugged in and powered.",
        "busy": "Another program uses the device; stop it.",
        "permission": "The box may not open the device; call IT.",
        "no signal": "Check the cable and that the device is switched on.",
        "broken": "Unplug the device and plug it in again.",
        "format": "The device does not offer the configured format; check its profile.",
        "stuck": "The device's software hangs; it is being started anew.",
        "disabled": "This source is switched off in the configuration.",
    }

    def __init__(self, cause: str, detail: str = "") -> None:
        super().__init__(f"{cause}: {detail}" if detail else cause)
        self.cause = cause
        self.detail = detail

    @property
    def advice(self) -> str:
        return self.CAUSES.get(self.cause, self.CAUSES["broken"])


@runtime_checkable
class Source(Protocol):
    """A device that makes pictures. Life: construct, `open`, `read` again and again, `close` (always)."""

    def open(self) -> Geometry:
        """Take the device and return what it delivers; raises `DriverError`."""
        ...

    def read(self, timeout_s: float) -> Frame | None:
        """Return the newest complete frame not returned before, or None after `timeout_s` without one.

        Raises `DriverError` when the device is lost; the host closes it and opens it again.
        """
        ...

    def close(self) -> None:
        """Give the device back; may be called twice, never raises."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@runtime_checkable
class Trigger(Protocol):
    """A pedal, button or line that a person presses."""

    def open(self) -> None: ...

    def read(self, timeout_s: float) -> Press | None:
        """Return the next debounced press, or None after `timeout_s` seconds without one."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverInfo:
    """One row of `drivers.table.DRIVERS`: where a driver lives and what it may be told."""

    name: str
    module: str
    summary: str
    kind: str = "source"
    """`source` or `trigger`."""
    delivers: str = "frames"
    """`frames` all the time, `pages` when it is asked (a scanner), or `items` by itself (a folder)."""
    needs: tuple[str, ...] = field(default=())
    """Debian or Python packages beyond the agent's own."""
    network: tuple[str, ...] = ()
    """Beginnings of `device` or `port` that lead over the network: such a source is kept away from devices."""
