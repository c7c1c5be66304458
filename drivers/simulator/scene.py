"""The picture of the simulated device: an ultrasound-like sector with speckle and a target that moves.

Two fields are 20 ms apart, so whatever moves shows combs until it is deinterlaced. The background is drawn
once in a few variants (speckle changes with every frame, as noise does); a frame is a copy with three small
patches.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from drivers.contract import Geometry, PixelFormat
from drivers.simulator.counter import digits, strip, strip_rows

Picture = npt.NDArray[np.uint8]

VARIANTS = 4
_BAND = 32
_SWING_S = 2.0
_BARS = ((1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0))


class Phantom:
    """Draws frame after frame; `seed` fixes the speckle."""

    def __init__(self, geometry: Geometry, *, seed: int, frame_s: float) -> None:
        self._geometry = geometry
        self._frame_s = frame_s
        self._backgrounds = [_background(geometry, seed * 16 + i * 2) for i in range(VARIANTS)]
        self._target = _disc(max(8, geometry.rows // 10))
        self._scale = max(1, geometry.rows // 190)

    def render(self, number: int) -> Picture:
        """Return frame `number`, uint8 of shape (rows, columns, 3) or (rows, columns)."""
        frame = self._backgrounds[number % VARIANTS].copy()
        at_s = number * self._frame_s
        if self._geometry.interlaced:
            first = 0 if self._geometry.top_field_first else 1
            self._draw_target(frame, at_s, first, 2)
            self._draw_target(frame, at_s + self._frame_s / 2, 1 - first, 2)
        else:
            self._draw_target(frame, at_s, 0, 1)
        self._draw_text(frame, number, at_s)
        return frame

    def _draw_target(self, frame: Picture, at_s: float, first_row: int, step: int) -> None:
        rows, columns = self._geometry.rows, self._geometry.columns
        size = self._target.shape[0]
        x = round(columns / 2 + columns * 0.18 * np.sin(2 * np.pi * at_s / _SWING_S)) - size // 2
        y = round(rows * 0.6) - size // 2
        start = (first_row - y) % step
        patch = self._target[start::step]
        part = frame[y + start : y + size : step, x : x + size]
        np.maximum(part, patch if frame.ndim == 2 else patch[..., None], out=part)

    def _draw_text(self, frame: Picture, number: int, at_s: float) -> None:
        minutes, seconds = divmod(at_s, 60)
        text = digits(f"{number:08d}  {int(minutes) % 1000:02d}:{seconds:05.2f}", self._scale)
        text = text[: frame.shape[0] - 8, : frame.shape[1] - 8]
        frame[8 : 8 + text.shape[0], 8 : 8 + text.shape[1]] = text if frame.ndim == 2 else text[..., None]
        line = strip(number, frame.shape[1])
        frame[-strip_rows(frame.shape[0]) :] = line if frame.ndim == 2 else line[:, None]


def _background(geometry: Geometry, seed: int) -> Picture:
    """Draw in bands of a few rows: the temporaries of a whole picture would cost the child 40 MB for ever."""
    bands = [_band(geometry, y, min(y + _BAND, geometry.rows), seed) for y in range(0, geometry.rows, _BAND)]
    return np.concatenate(bands)


def _band(geometry: Geometry, top: int, bottom: int, seed: int) -> Picture:
    rows, columns = geometry.rows, geometry.columns
    y, x = np.mgrid[top:bottom, 0:columns].astype(np.float32)
    depth = np.hypot(x - columns / 2, y - rows * 0.06) / (rows * 0.82)
    angle = np.arctan2(x - columns / 2, y - rows * 0.06)
    inside = (np.abs(angle) < 0.75) & (depth > 0.08) & (depth < 1.0)
    speckle = np.sqrt(-2 * np.log(_noise(x // 3 + y // 3 * 4096, seed)))
    tissue = speckle * (70 - 40 * depth) * (1 + 0.5 * np.sin(depth * 25))
    cyst = np.hypot(x - columns * 0.42, y - rows * 0.45) < rows * 0.07
    grey = np.where(inside & ~cyst, np.clip(tissue, 0, 235), 4.0) + 3 * _noise(x + y * 8192, seed + 1)
    if geometry.pixel_format is PixelFormat.GREY:
        return np.asarray(grey, dtype=np.uint8)
    return _coloured(grey, x / columns, y / rows)


def _noise(cell: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.float32]:
    """Return a value in (0, 1) for each cell number: a hash, since numpy.random alone weighs 7 MB."""
    mixed = cell.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed * 0x632BE5AB & 0xFFFFFFFF)
    mixed = (mixed ^ mixed >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ mixed >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return np.asarray(((mixed >> np.uint64(41)).astype(np.float32) + 0.5) / 8388608, dtype=np.float32)


def _coloured(
    grey: npt.NDArray[np.float32], x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]
) -> Picture:
    """Add a flow box and a colour scale, so that swapped colour channels are seen at once."""
    frame = np.repeat(grey[..., None], 3, axis=2)
    scale = (x > 0.94) & (x < 0.97) & (y > 0.15) & (y < 0.55)
    warm = np.clip((0.35 - y) * 5, 0, 1) * 255
    cold = np.clip((y - 0.35) * 5, 0, 1) * 255
    frame[scale] = np.stack([warm, np.full_like(warm, 20), cold], axis=2)[scale]
    box = (np.hypot(x - 0.6, (y - 0.42) * 0.8) < 0.05) & (grey > 30)
    frame[box] *= np.array([1.0, 0.25, 0.2], np.float32)
    return np.asarray(np.clip(frame, 0, 255), dtype=np.uint8)


def _disc(size: int) -> Picture:
    y, x = np.mgrid[0:size, 0:size] - (size - 1) / 2
    return np.asarray(np.where(np.hypot(x, y) < size / 2, 230, 0), dtype=np.uint8)


def flat(geometry: Geometry, level: int = 0) -> Picture:
    """Return a picture of one grey `level`."""
    shape = (geometry.rows, geometry.columns)
    return np.full(shape if geometry.pixel_format is PixelFormat.GREY else (*shape, 3), level, np.uint8)


def colour_bars(geometry: Geometry) -> Picture:
    """Return eight vertical 75 % bars: white, yellow, cyan, green, magenta, red, blue, black."""
    bars = np.array(_BARS, np.float32) * 191
    line = bars[np.arange(geometry.columns) * 8 // geometry.columns]
    if geometry.pixel_format is PixelFormat.GREY:
        luma = line @ np.array([0.299, 0.587, 0.114], np.float32)
        return np.tile(luma.astype(np.uint8), (geometry.rows, 1))
    return np.tile(line.astype(np.uint8), (geometry.rows, 1, 1))


def refit(picture: Picture, geometry: Geometry) -> Picture:
    """Return `picture` repeated or cut to the size of `geometry`, as if the device had changed its mode."""
    down = np.arange(geometry.rows) % picture.shape[0]
    across = np.arange(geometry.columns) % picture.shape[1]
    refitted: Picture = picture[down][:, across]
    return refitted
