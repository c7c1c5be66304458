"""The frame number inside the picture: digits for people, a strip of blocks for programs.

The strip lies along the bottom of the picture: 36 cells of equal width, black or white: `1 0`, 32 bits with
the highest first, one even-parity bit, `1`. Both fields carry the same cells and a cell is 20 pixels wide on
720 columns, so the number survives deinterlacing, JPEG and scaling; `read_counter` reads it back.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

CELLS = 36
_LEAD, _TAIL = (1, 0), (1,)
_MIN_CONTRAST = 96

_FONT = {
    "0": "01110100011001110101110011000101110",
    "1": "00100011000010000100001000010001110",
    "2": "01110100010000100010001000100011111",
    "3": "11111000100010000010000011000101110",
    "4": "00010001100101010010111110001000010",
    "5": "11111100001111000001000011000101110",
    "6": "00110010001000011110100011000101110",
    "7": "11111000010001000100010000100001000",
    "8": "01110100011000101110100011000101110",
    "9": "01110100011000101111000010001001100",
    ":": "00000001000000000000001000000000000",
    ".": "00000000000000000000000000010000100",
    " ": "0" * 35,
}
"""Five columns by seven rows."""


class NoCounter(ValueError):
    """The picture carries no readable strip."""


def strip_rows(rows: int) -> int:
    """Return the height of the strip in a picture of `rows` rows (even, so that both fields have it)."""
    return max(8, rows // 32 // 2 * 2)


def strip(number: int, columns: int) -> npt.NDArray[np.uint8]:
    """Return one row of the strip, shape (columns,), for `number` modulo 2**32."""
    word = number & 0xFFFFFFFF
    bits = [word >> i & 1 for i in range(31, -1, -1)]
    cells = np.array([*_LEAD, *bits, sum(bits) & 1, *_TAIL], np.uint8) * 255
    return cells[np.arange(columns) * CELLS // columns]


def read_counter(picture: npt.NDArray[np.uint8]) -> int:
    """Return the frame number that is burned into `picture`.

    `picture` is uint8 of shape (rows, columns) or (rows, columns, 3), the whole picture at any scale of at
    least 144 columns. Raises `NoCounter` when the strip is not there, not clear or its parity is wrong.
    """
    grey = picture if picture.ndim == 2 else picture.mean(axis=2)
    rows, columns = grey.shape
    if columns < CELLS * 4 or rows < 32:
        raise NoCounter("the picture is too small")
    high = strip_rows(rows)
    line = grey[rows - high + high // 4 : rows - high // 4].mean(axis=0)
    edges = np.arange(CELLS + 1) * columns // CELLS
    quarter = max(1, columns // CELLS // 4)
    cells = np.array([line[a + quarter : b - quarter].mean() for a, b in pairwise(edges)])
    return _decode(cells)


def _decode(cells: npt.NDArray[np.float64]) -> int:
    low, high = float(cells.min()), float(cells.max())
    middle = (low + high) / 2
    if high - low < _MIN_CONTRAST or float(np.abs(cells - middle).min()) < _MIN_CONTRAST / 4:
        raise NoCounter("the blocks are not clear")
    bits = (cells > middle).astype(int).tolist()
    if tuple(bits[:2]) != _LEAD or tuple(bits[-1:]) != _TAIL or sum(bits[2:-1]) & 1:
        raise NoCounter("the blocks are not a counter")
    return int("".join(map(str, bits[2:34])), 2)


@cache
def _glyph(character: str, scale: int) -> npt.NDArray[np.uint8]:
    bits = np.array([int(b) for b in _FONT[character]], np.uint8).reshape(7, 5)
    padded = np.pad(bits, ((1, 1), (1, 0))) * 255
    return np.repeat(np.repeat(padded, scale, axis=0), scale, axis=1)


def digits(text: str, scale: int) -> npt.NDArray[np.uint8]:
    """Return `text` (digits, `:`, `.`, space) as a picture of 9·scale rows, white on black."""
    return np.hstack([_glyph(c, scale) for c in text])
