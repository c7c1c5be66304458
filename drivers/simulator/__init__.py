"""A device that does not exist: an interlaced PAL ultrasound, paced like a real one, with faults to switch
on.

Without `path` it draws a moving phantom with a burned-in frame counter (`counter.read_counter` reads it
back); with `path` it replays pictures, a video or a DICOM cine for ever. It is a real driver and ships: for
training, for trying an installation without a device, and for every test of the agent.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from drivers.clock import Clock, Monotonic
from drivers.contract import DriverError, Frame, Geometry, PixelFormat, Signal
from drivers.options import option
from drivers.simulator.fault import Fault
from drivers.simulator.standard import STANDARDS, geometry

if TYPE_CHECKING:
    from drivers.simulator.replay import Reel

__all__ = ["Fault", "Options", "Source"]

MIN_ROWS, MIN_COLUMNS, MAX_SIDE = 96, 144, 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the simulator may be told."""

    standard: str = option("pal", sentence="Television standard: pal or ntsc.")
    rows: int = option(0, unit="pixels", sentence="Height of a progressive picture; 0: as the standard says.")
    columns: int = option(
        0, unit="pixels", sentence="Width of a progressive picture; 0: as the standard says."
    )
    frames_per_s: float = option(0.0, unit="1/s", sentence="Frame rate; 0: as the standard or the file says.")
    colour: bool = option(True, sentence="Colour pictures; otherwise 8-bit grey.")
    seed: int = option(1, sentence="Fixes the speckle of the phantom.")
    path: str = option(
        "", sentence="Replay this folder of pictures, video or DICOM cine instead of the phantom."
    )
    fault: str = option("none", sentence="What goes wrong: " + ", ".join(Fault) + ".")
    fault_after_frames: int = option(0, unit="frames", sentence="The fault starts with this frame.")

    def __post_init__(self) -> None:
        if self.standard not in STANDARDS:
            raise ValueError(f"standard must be one of {', '.join(STANDARDS)}")
        if self.fault not in list(Fault):
            raise ValueError(f"fault must be one of {', '.join(Fault)}")
        if (self.rows == 0) != (self.columns == 0):
            raise ValueError("rows and columns are given together or not at all")
        if self.rows and not (MIN_ROWS <= self.rows <= MAX_SIDE and MIN_COLUMNS <= self.columns <= MAX_SIDE):
            raise ValueError(f"rows must be {MIN_ROWS} to {MAX_SIDE}, columns {MIN_COLUMNS} to {MAX_SIDE}")
        if not 0 <= self.frames_per_s <= 240:
            raise ValueError("frames_per_s must be 0 to 240")


class _Pictures(Protocol):
    def render(self, number: int) -> Any: ...


class Source:
    """The simulated device. `clock` paces it; `drivers.clock.Jump` makes it as fast as possible."""

    def __init__(self, options: Options | None = None, *, clock: Clock | None = None) -> None:
        self._options = options or Options()
        self._clock = clock or Monotonic()
        self._fault = Fault(self._options.fault)
        self._fault_from = self._options.fault_after_frames
        self._pictures: _Pictures | None = None
        self._geometry: Geometry | None = None
        self._reel: Reel | None = None
        self._started_ns = self._last = 0
        self._frame_ns = 40_000_000
        self._still: Any = None

    def inject(self, fault: str) -> None:
        """Switch a fault on from the next frame (`none` heals); raises `ValueError` for an unknown one."""
        self._fault = Fault(fault)
        self._fault_from = 0
        self._still = None

    def open(self) -> Geometry:
        """Take the device; raises `DriverError` when it is unplugged or `path` cannot be replayed."""
        if self._fault is Fault.UNPLUGGED and self._fault_from <= self._last:
            raise DriverError("absent", "the simulated device is unplugged")
        self.close()
        self._geometry = self._open_reel() if self._options.path else self._open_phantom()
        self._started_ns = self._clock.now_ns()
        self._last = -1
        return self._geometry

    def _open_phantom(self) -> Geometry:
        from drivers.simulator.scene import Phantom

        options, standard = self._options, STANDARDS[self._options.standard]
        colour = PixelFormat.RGB if options.colour else PixelFormat.GREY
        shape = geometry(standard, colour)
        if options.rows:
            name = f"{options.columns}x{options.rows}"
            shape = Geometry(
                rows=options.rows, columns=options.columns, pixel_format=colour, image_format=name
            )
        self._frame_ns = round(1e9 / (options.frames_per_s or standard.frames_per_s))
        self._pictures = Phantom(shape, seed=options.seed, frame_s=self._frame_ns / 1e9)
        return shape

    def _open_reel(self) -> Geometry:
        from drivers.simulator.replay import open_reel

        self._pictures = self._reel = open_reel(self._options.path)
        self._frame_ns = round(1e9 / (self._options.frames_per_s or self._reel.frames_per_s or 25.0))
        return self._reel.geometry

    def read(self, timeout_s: float) -> Frame | None:
        """Return the newest complete frame or None after `timeout_s`; raises `DriverError` if unplugged."""
        if self._pictures is None or self._geometry is None:
            raise DriverError("absent", "not open")
        ready_ns = self._started_ns + (self._last + 2) * self._frame_ns
        if self._active(self._last + 1) is Fault.STALLED or ready_ns > self._clock.now_ns() + timeout_s * 1e9:
            self._clock.wait(timeout_s)
            return None
        self._clock.wait((ready_ns - self._clock.now_ns()) / 1e9)
        self._last = max(self._last + 1, (self._clock.now_ns() - self._started_ns) // self._frame_ns - 1)
        return self._frame(self._last, self._active(self._last))

    def _active(self, number: int) -> Fault:
        return self._fault if number >= self._fault_from else Fault.NONE

    def _frame(self, number: int, fault: Fault) -> Frame | None:
        assert self._pictures is not None  # noqa: S101 - for the type checker
        assert self._geometry is not None  # noqa: S101
        if fault in (Fault.CRASH, Fault.HANG, Fault.UNPLUGGED):
            self._fail(fault)
        shape, data, seen = self._geometry, None, Signal.PRESENT
        if fault is Fault.FROZEN:
            self._still = self._pictures.render(number) if self._still is None else self._still
            data = self._still
        elif fault is not Fault.NONE:
            shape, data, seen = self._faulty(fault, number)
        return Frame(
            data=self._pictures.render(number) if data is None else data,
            geometry=shape,
            captured_ns=self._started_ns + number * self._frame_ns,
            number=number,
            signal=seen,
            lossy=self._reel.lossy(number) if self._reel else (),
        )

    def _faulty(self, fault: Fault, number: int) -> tuple[Geometry, Any, Signal]:
        from drivers.simulator.scene import colour_bars, flat, refit

        assert self._pictures is not None  # noqa: S101 - for the type checker
        assert self._geometry is not None  # noqa: S101
        shape = self._geometry
        if fault is Fault.NO_SIGNAL:
            return shape, flat(shape), Signal.NO_SIGNAL
        if fault is Fault.COLOUR_BARS:
            return shape, colour_bars(shape), Signal.PRESENT
        if fault is Fault.SHORT:
            return shape, self._pictures.render(number)[: shape.rows // 2].copy(), Signal.PRESENT
        other = STANDARDS["pal" if shape.rows == STANDARDS["ntsc"].rows else "ntsc"]
        shape = geometry(other, shape.pixel_format)
        return shape, refit(self._pictures.render(number), shape), Signal.PRESENT

    def _fail(self, fault: Fault) -> None:
        if fault is Fault.UNPLUGGED:
            raise DriverError("absent", "the simulated device was unplugged")
        if fault is Fault.CRASH:
            os.kill(os.getpid(), signal.SIGSEGV)
        while True:  # a hang: deaf for time-outs, as a wedged ioctl is
            self._clock.wait(3600.0)

    def close(self) -> None:
        """Give the device back."""
        if self._reel is not None:
            self._reel.close()
        self._pictures = self._geometry = self._reel = self._still = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
