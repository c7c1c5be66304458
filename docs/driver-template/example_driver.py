"""A driver to start from: a device that shows a grey ramp which moves. Replace what is between the marks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Self

from drivers.contract import DriverError, Frame, Geometry, PixelFormat
from drivers.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the driver may be told. Every field has a default and a sentence; they appear in `modality-agent check`."""

    rows: int = option(480, unit="pixels", sentence="Height of the picture.")
    columns: int = option(640, unit="pixels", sentence="Width of the picture.")

    def __post_init__(self) -> None:
        if not 16 <= self.rows <= 4096 or not 16 <= self.columns <= 4096:
            raise ValueError("rows and columns must be 16 to 4096")


class Source:
    """One device. It runs alone in a child process: it may crash or hang without harm to anybody else."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self._device: Any = None
        self._number = -1

    def open(self) -> Geometry:
        """Take the device; raise `DriverError` with one of its causes and nothing else."""
        import numpy as np  # libraries are imported here, so that a configuration can be checked without them

        # --- your device --------------------------------------------------------------------------------
        self._device = np.tile(np.arange(self._options.columns, dtype=np.uint8), (self._options.rows, 1))
        # -------------------------------------------------------------------------------------------------
        self._number = -1
        return self._geometry()

    def _geometry(self) -> Geometry:
        return Geometry(rows=self._options.rows, columns=self._options.columns, pixel_format=PixelFormat.GREY)

    def read(self, timeout_s: float) -> Frame | None:
        """Return the newest whole frame not returned before, or None after `timeout_s`; never an old one twice."""
        if self._device is None:
            raise DriverError("absent", "not open")
        # --- your device: wait for it at most timeout_s ---------------------------------------------------
        time.sleep(min(timeout_s, 0.04))
        captured_ns = time.monotonic_ns() - 1
        # -------------------------------------------------------------------------------------------------
        self._number += 1
        picture = self._device + (self._number % 7)  # a new array: a frame belongs to its reader
        return Frame(data=picture, geometry=self._geometry(), captured_ns=captured_ns, number=self._number)

    def close(self) -> None:
        """Give the device back; may be called twice, never raises."""
        self._device = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
