"""Square pixels: resampling along the rows, so that Pixel Aspect Ratio is not needed (PS3.3 C.7.6.3.1.7)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

WIDTHS = {(576, 720, (11, 12)): 768, (480, 720, (11, 10)): 640}
"""Full BT.601 pictures by rows, columns and (vertical, horizontal): the customary 768x576 and 640x480."""


def square_width(rows: int, columns: int, aspect: tuple[int, int]) -> int:
    """Return the even width at which pixels of `aspect` (vertical, horizontal) become square."""
    vertical, horizontal = aspect
    return WIDTHS.get((rows, columns, aspect)) or max(2, round(columns * horizontal / vertical / 2) * 2)


def resample(picture: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
    """Return `picture` with `width` columns, linear between neighbours, same type."""
    columns = picture.shape[1]
    at = np.clip((np.arange(width) + 0.5) * columns / width - 0.5, 0, columns - 1)
    left = np.minimum(at.astype(np.intp), max(0, columns - 2))
    share = (at - left).astype(np.float32)
    share = share if picture.ndim == 2 else share[:, None]
    right = np.minimum(left + 1, columns - 1)
    mixed = picture[:, left] * (1 - share) + picture[:, right] * share
    resampled: npt.NDArray[Any] = np.rint(mixed).astype(picture.dtype)
    return resampled


def thumbnail(picture: npt.NDArray[np.uint8], width: int) -> npt.NDArray[np.uint8]:
    """Return every n-th pixel of every n-th row, at most `width` columns: for previews only, never for a
    still.
    """
    step = max(1, -(-picture.shape[1] // max(1, width)))
    return np.ascontiguousarray(picture[::step, ::step])
