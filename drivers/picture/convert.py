"""From what a device delivers to RGB or grey.

YUYV is taken as ITU-R BT.601 with studio range (16 to 235), as grabbers of analogue video deliver it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.contract import Frame, Geometry, PixelFormat
from drivers.jpeg import NotBaseline, bare

Picture = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


def complete(data: Any, geometry: Geometry) -> bool:
    """Return whether `data` has the shape and type that `geometry` promises."""
    if not isinstance(data, np.ndarray):
        return False
    rows, columns = geometry.rows, geometry.columns
    shapes: dict[PixelFormat, tuple[int, ...]] = {
        PixelFormat.RGB: (rows, columns, 3),
        PixelFormat.GREY: (rows, columns),
        PixelFormat.YUYV: (rows, columns, 2),
    }
    if geometry.pixel_format is PixelFormat.MJPEG:
        return bool(data.dtype == np.uint8) and data.ndim == 1 and _whole_jpeg(data, rows, columns)
    deep = geometry.pixel_format is PixelFormat.GREY and geometry.bits_stored > 8
    return (
        bool(data.dtype == (np.uint16 if deep else np.uint8)) and data.shape == shapes[geometry.pixel_format]
    )


def _whole_jpeg(data: npt.NDArray[np.uint8], rows: int, columns: int) -> bool:
    try:
        stream = bare(data.tobytes())
    except NotBaseline:
        return False
    return (stream.rows, stream.columns) == (rows, columns)


def to_native(frame: Frame) -> Picture:
    """Return the picture as RGB (rows, columns, 3) or grey (rows, columns); raises `ValueError` for a broken
    JPEG.
    """
    if frame.geometry.pixel_format is PixelFormat.MJPEG:
        return decode_jpeg(np.asarray(frame.data, dtype=np.uint8))
    if frame.geometry.pixel_format is PixelFormat.YUYV:
        return yuyv_to_rgb(np.asarray(frame.data, dtype=np.uint8))
    return frame.data


def decode_jpeg(data: npt.NDArray[np.uint8], *, small: int = 0) -> npt.NDArray[np.uint8]:
    """Return the RGB picture of one JPEG stream; with `small` one of about that many rows, much cheaper."""
    import simplejpeg

    size = {"min_height": small, "min_width": small} if small else {}
    return np.asarray(simplejpeg.decode_jpeg(data, colorspace="RGB", **size), dtype=np.uint8)


def yuyv_to_rgb(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return RGB of shape (rows, columns, 3) from YUYV of shape (rows, columns, 2) with an even width."""
    rows, columns = data.shape[:2]
    chroma = data[..., 1].reshape(rows, columns // 2, 2).astype(np.int32) - 128
    u, v = (np.repeat(chroma[..., i], 2, axis=1) for i in (0, 1))
    y = 298 * (data[..., 0].astype(np.int32) - 16) + 128
    planes = (y + 409 * v, y - 100 * u - 208 * v, y + 516 * u)
    return np.stack([np.clip(p >> 8, 0, 255).astype(np.uint8) for p in planes], axis=2)


def to_grey(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the BT.601 luma of an RGB picture; a grey one is returned as it is."""
    if picture.ndim == 2:
        return picture
    weights = np.array([77, 150, 29], np.uint16)
    return np.asarray((picture.astype(np.uint16) * weights).sum(axis=2, dtype=np.uint16) >> 8, dtype=np.uint8)
