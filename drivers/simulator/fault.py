"""What can go wrong with the simulated device: by option `fault`, or at run time by `inject`."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """How the device misbehaves; each value is what the option and the host's `fault` request say."""

    NONE = "none"
    NO_SIGNAL = "no_signal"
    """Frames go on, black, and the driver says that there is no signal."""
    COLOUR_BARS = "colour_bars"
    """A test picture instead of the device's; the driver says nothing."""
    FROZEN = "frozen"
    """The same picture again and again, time and number go on; the driver says nothing."""
    STALLED = "stalled"
    """No frames at all, and no error either."""
    UNPLUGGED = "unplugged"
    """The device is gone: reading and opening raise."""
    GEOMETRY = "geometry"
    """The size changes to that of NTSC (to PAL where it was NTSC)."""
    SHORT = "short"
    """Half a frame that is declared as a whole one."""
    CRASH = "crash"
    """The process dies of a segmentation fault."""
    HANG = "hang"
    """`read` never returns."""
