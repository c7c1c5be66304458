"""From two fields, 20 ms apart, to one picture: DICOM has no attribute for interlace."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.picture.method import Deinterlace

__all__ = ["Deinterlace", "deinterlace"]


def deinterlace(
    picture: npt.NDArray[Any], how: Deinterlace, *, top_field_first: bool = True
) -> npt.NDArray[Any]:
    """Return `picture`, (rows, columns) or (rows, columns, 3), of the same shape and type without interlace.

    The first row of `picture` must be a row of the top field; an odd last row is kept.
    """
    if how is Deinterlace.WEAVE or picture.shape[0] < 2:
        return picture
    rows = picture.shape[0] // 2 * 2
    top, bottom = picture[0:rows:2], picture[1:rows:2]
    if how is Deinterlace.FIELD:
        field = top if top_field_first else bottom
    else:
        field = ((top.astype(np.uint32) + bottom + 1) // 2).astype(picture.dtype)
    lines = np.repeat(field, 2, axis=0)
    return lines if rows == picture.shape[0] else np.concatenate([lines, picture[rows:]])
