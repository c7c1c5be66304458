"""What an input shows now, and what a person can do about it: the kernel's many words become our few."""

from __future__ import annotations

import errno

from drivers.contract import Signal
from drivers.v4l2 import abi
from drivers.v4l2.standards import agree
from drivers.v4l2.video import Video

STATUS = (
    (abi.NO_POWER, Signal.NO_CABLE),
    (abi.NO_SIGNAL, Signal.NO_SIGNAL),
    (abi.NO_H_LOCK | abi.NO_V_LOCK | abi.NO_STD_LOCK | abi.NO_SYNC, Signal.NO_SYNC),
)
"""Bits of the input's status, the worst first."""

TIMINGS = {errno.ENOLINK: Signal.NO_SIGNAL, errno.ENOLCK: Signal.NO_SYNC, errno.ERANGE: Signal.NO_SYNC}
"""Why a digital input has no timings (VIDIOC_QUERY_DV_TIMINGS)."""


def look(video: Video) -> Signal:
    """Return what the chosen input shows; `PRESENT` where the device does not say otherwise. Raises `OSError`."""
    chosen = video.input()
    told = next((signal for bits, signal in STATUS if chosen.status & bits), Signal.PRESENT)
    if chosen.capabilities & abi.IN_CAP_DV_TIMINGS:
        return _digital(video, told)
    return _analog(video, told) if chosen.capabilities & abi.IN_CAP_STD else told


def _digital(video: Video, told: Signal) -> Signal:
    power = video.control(abi.CID_DV_RX_POWER_PRESENT)
    if power == 0:
        return Signal.NO_CABLE
    try:
        video.timings()
    except OSError as e:
        return TIMINGS.get(e.errno or 0, told)
    return told


def _analog(video: Video, told: Signal) -> Signal:
    if told is not Signal.PRESENT:
        return told
    try:
        seen, now = video.number(abi.QUERYSTD, size=8), video.number(abi.G_STD, size=8)
    except OSError as e:
        if e.errno in (errno.ENODEV, errno.EIO):
            raise
        return told  # many decoders cannot be asked while they stream
    return Signal.PRESENT if not seen or agree(now, seen) else Signal.WRONG_STANDARD
