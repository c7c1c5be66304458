"""Crop and mask on the chroma grid.

Compressed colour is stored for pairs of pixels and interlaced pictures for pairs of lines. A crop therefore
shrinks to even numbers (nothing outside it may come in), a mask grows to them (nothing inside it may shine
through the shared colour samples).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy.typing as npt

from drivers.box import Region

Array = TypeVar("Array", bound=npt.NDArray[Any])


def shrink(region: Region) -> Region:
    """Return the largest region on even numbers inside `region`; raises `ValueError` when none is left."""
    x, y = region.x + region.x % 2, region.y + region.y % 2
    right, bottom = (region.x + region.width) // 2 * 2, (region.y + region.height) // 2 * 2
    return Region(x=x, y=y, width=right - x, height=bottom - y)


def grow(region: Region) -> Region:
    """Return the smallest region on even numbers around `region`."""
    x, y = region.x // 2 * 2, region.y // 2 * 2
    right, bottom = (region.x + region.width + 1) // 2 * 2, (region.y + region.height + 1) // 2 * 2
    return Region(x=x, y=y, width=right - x, height=bottom - y)


def crop(picture: Array, region: Region) -> Array:
    """Return a contiguous copy of `shrink(region)` of `picture`; raises `ValueError` outside the picture."""
    if not region.within(*picture.shape[:2]):
        raise ValueError("the crop does not fit into the picture")
    r = shrink(region)
    cut: Array = picture[r.y : r.y + r.height, r.x : r.x + r.width].copy()  # type: ignore[assignment]  # numpy's typing loses the subclass
    return cut


def mask(picture: Array, regions: Iterable[Region]) -> Array:
    """Return a copy of `picture` with every `grow(region)` black; raises `ValueError` outside the picture."""
    masked = picture.copy()
    for region in regions:
        if not region.within(*picture.shape[:2]):
            raise ValueError("a mask does not fit into the picture")
        r = grow(region)
        masked[r.y : r.y + r.height, r.x : r.x + r.width] = 0
    return masked
