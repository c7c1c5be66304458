"""Is this the device's live picture? A grabber without a signal sends black, blue, bars or the last picture.

Each frame gets a verdict of its own; what is believed changes only when the verdict has lasted (`SETTLE_MS`),
so that one black frame raises no alarm and one good one ends none. A driver's own word (`Frame.signal`)
counts more than pixels. Frozen means bit for bit the same: an analogue source's noise differs in every frame,
a digital source's frozen screen does not, so stills from a frozen screen can be allowed
(`drivers.still.StillOptions`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.contract import Frame, PixelFormat, Signal
from drivers.picture.convert import decode_jpeg, nv12_to_rgb, yuyv_to_rgb

Samples = npt.NDArray[np.uint8]

SETTLE_MS = {
    Signal.PRESENT: 200,
    Signal.NO_SIGNAL: 500,
    Signal.NO_SYNC: 500,
    Signal.NO_CABLE: 500,
    Signal.WRONG_STANDARD: 500,
    Signal.COLOUR_BARS: 500,
    Signal.FROZEN: 2000,
    Signal.UNKNOWN: 0,
}
"""How long a verdict must last before it is believed."""

EMPTY = ((0, 0, 0, 28, 0.995), (0, 0, 160, 110, 0.90), (0, 135, 0, 40, 0.97))
"""Red, green, blue, tolerance, share: black, blue, and green (a buffer of zeroes in YUYV)."""

BAR_ORDER = (7, 6, 3, 2, 5, 4, 1)
"""White, yellow, cyan, green, magenta, red, blue as bits RGB; the black one is often cut off."""

_JPEG_EVERY, _RAW_EVERY = 12, 6
"""While nobody waits for a still, the content of every so many frames is looked at; a freeze is seen in each."""


class Judge:
    """Watches one source; `believed` is what people are told."""

    def __init__(self, *, by_content: bool = True) -> None:
        """`by_content`: False for a source that knows by itself whether it has a signal; a blue desktop is no fault."""
        self._by_content = by_content
        self.believed = Signal.UNKNOWN
        self._verdict = Signal.UNKNOWN
        self._since_ns = 0
        self._previous: npt.NDArray[Any] | None = None
        self._content = Signal.PRESENT
        self._seen = 0

    def see(self, frame: Frame, *, closely: bool = True) -> Signal:
        """Take the next complete frame into account and return the verdict on this frame.

        Without `closely` its content may be taken to be that of one of the frames just before it.
        """
        verdict = self._look(frame, closely=closely)
        self._previous = frame.data
        if verdict is not self._verdict:
            self._verdict, self._since_ns = verdict, frame.captured_ns
        if (frame.captured_ns - self._since_ns) / 1e6 >= SETTLE_MS[verdict]:
            self.believed = verdict
        return verdict

    def _look(self, frame: Frame, *, closely: bool) -> Signal:
        if frame.signal not in (Signal.PRESENT, Signal.UNKNOWN):
            return frame.signal
        self._seen += 1
        every = _JPEG_EVERY if frame.geometry.pixel_format is PixelFormat.MJPEG else _RAW_EVERY
        if self._by_content and (closely or self._seen % every == 1):
            self._content = content(samples(frame))
        if self._content is not Signal.PRESENT:
            return self._content
        if self._previous is None:
            return Signal.UNKNOWN  # the first frame may be an old one: one more is needed to see life
        return Signal.FROZEN if same(self._previous, frame.data) else Signal.PRESENT

    def nothing(self) -> None:
        """No frames come: what was believed is no longer known, and no old picture is kept."""
        self.believed = self._verdict = Signal.UNKNOWN
        self._previous = None


def same(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    """Return whether two pictures are equal bit for bit; looks at a few rows first."""
    if a.shape != b.shape:
        return False
    return a is b or bool(np.array_equal(a[::61], b[::61]) and np.array_equal(a, b))


def samples(frame: Frame) -> Samples:
    """Return a coarse RGB grid of the picture, shape (n, m, 3): every 8th row, every 16th column or so."""
    data, geometry = frame.data, frame.geometry
    if geometry.pixel_format is PixelFormat.MJPEG:
        return decode_jpeg(np.asarray(data, np.uint8), small=max(8, geometry.rows // 8))
    if geometry.pixel_format is PixelFormat.YUYV:
        pairs = np.asarray(data, np.uint8)[::8].reshape(-(-geometry.rows // 8), geometry.columns // 2, 4)[
            :, ::8
        ]
        return yuyv_to_rgb(pairs.reshape(pairs.shape[0], pairs.shape[1] * 2, 2), geometry.matrix)
    if geometry.pixel_format is PixelFormat.NV12:
        return nv12_to_rgb(_coarse(np.asarray(data, np.uint8), geometry.rows), geometry.matrix)
    shift = max(0, geometry.bits_stored - 8) if data.dtype == np.uint16 else 0
    grid = np.right_shift(data[::8, ::16], shift).astype(np.uint8)
    return grid if grid.ndim == 3 else np.repeat(grid[..., None], 3, axis=2)


def _coarse(data: Samples, rows: int) -> Samples:
    """Return NV12 of every 8th pair of rows and columns, as NV12 again."""
    luma, chroma = data[:rows], data[rows:]
    pairs = chroma.reshape(chroma.shape[0], -1, 2)[::8, ::8]
    lines = luma.reshape(rows // 2, 2, -1, 2)[::8, :, ::8].reshape(pairs.shape[0] * 2, -1)
    return np.concatenate([lines, pairs.reshape(pairs.shape[0], -1)])


def content(grid: Samples) -> Signal:
    """Return NO_SIGNAL for an empty picture, COLOUR_BARS for a test picture, else PRESENT."""
    if empty(grid):
        return Signal.NO_SIGNAL
    return Signal.COLOUR_BARS if bars(grid) else Signal.PRESENT


def empty(grid: Samples) -> bool:
    """Return whether nearly the whole picture has one of the colours that grabbers show without a signal."""
    wide = grid.astype(np.int16)
    first = wide[::4, ::4].reshape(-1, 3)
    if float((np.abs(first - np.median(first, axis=0)) > 45).any(axis=1).mean()) > 0.2:
        return False
    for red, green, blue, tolerance, share in EMPTY:
        near = (np.abs(wide - (red, green, blue)) <= (tolerance, tolerance, tolerance)).all(axis=2)
        if float(near.mean()) >= share and (not blue or _steady(wide)):
            return True
    return False


def _steady(grid: npt.NDArray[np.int16]) -> bool:
    """A blue screen is one blue; a blue scene is many."""
    middle = np.median(grid.reshape(-1, 3), axis=0)
    return float((np.abs(grid - middle) <= 10).all(axis=2).mean()) >= 0.90


def bars(grid: Samples) -> bool:
    """Return whether the upper part shows the seven or eight vertical bars, in colour or in grey."""
    upper = grid[: max(1, grid.shape[0] // 2)].astype(np.int16)
    if float(np.abs(upper[0] - upper[-1]).mean()) > 16:
        return False
    line = np.median(upper, axis=0)
    if float(np.abs(upper - line).mean()) > 6:
        return False
    return _colour_bars(line) or _grey_steps(line.mean(axis=1))


def _colour_bars(line: npt.NDArray[np.float64]) -> bool:
    bits = (line > max(64.0, float(line.max()) / 2)) @ (4, 2, 1)
    return tuple(c for c in _runs(bits.astype(int).tolist()) if c) == BAR_ORDER


def _grey_steps(line: npt.NDArray[np.float64]) -> bool:
    """Bars on a grey source: seven levels, each darker than the one before and as wide."""
    flat = np.concatenate([[True], np.abs(np.diff(line)) <= 3])
    levels = _runs(np.where(flat, np.rint(line / 4), -1).astype(int).tolist())
    levels = [v for v in levels if v > 3]
    falling = all(a > b for a, b in pairwise(levels))
    return len(levels) == len(BAR_ORDER) and falling


def _runs(values: list[int]) -> list[int]:
    """Return the values that last for at least a sixteenth of the line, in order, each once."""
    found: list[int] = []
    start = 0
    for i in range(1, len(values) + 1):
        if i == len(values) or values[i] != values[start]:
            if i - start >= max(2, len(values) // 16) and (not found or found[-1] != values[start]):
                found.append(values[start])
            start = i
    return found
