"""From what a device delivers to RGB or grey.

YUYV and NV12 are taken as the geometry's `matrix` says: ITU-R BT.601 with studio range (16 to 235) for analogue
video, BT.709 for what a digital grabber declares so.
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
        PixelFormat.NV12: (rows * 3 // 2, columns),
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
        return yuyv_to_rgb(np.asarray(frame.data, dtype=np.uint8), frame.geometry.matrix)
    if frame.geometry.pixel_format is PixelFormat.NV12:
        return nv12_to_rgb(np.asarray(frame.data, dtype=np.uint8), frame.geometry.matrix)
    return frame.data


def decode_jpeg(data: npt.NDArray[np.uint8], *, small: int = 0) -> npt.NDArray[np.uint8]:
    """Return the RGB picture of one JPEG stream; with `small` one of about that many rows, much cheaper."""
    import simplejpeg

    size = {"min_height": small, "min_width": small} if small else {}
    return np.asarray(simplejpeg.decode_jpeg(data, colorspace="RGB", **size), dtype=np.uint8)


MATRICES = {
    "bt601": (298, 16, 409, 100, 208, 516),
    "bt709": (298, 16, 459, 55, 136, 541),
    "bt601 full": (256, 0, 359, 88, 183, 454),
    "bt709 full": (256, 0, 403, 48, 120, 475),
}
"""Luma factor and offset, red from V, green from U and V, blue from U, in 256ths (ITU-R BT.601, BT.709)."""


def yuyv_to_rgb(data: npt.NDArray[np.uint8], matrix: str = "bt601") -> npt.NDArray[np.uint8]:
    """Return RGB of shape (rows, columns, 3) from YUYV of shape (rows, columns, 2) with an even width."""
    rows, columns = data.shape[:2]
    chroma = data[..., 1].reshape(rows, columns // 2, 2).astype(np.int32) - 128
    u, v = (np.repeat(chroma[..., i], 2, axis=1) for i in (0, 1))
    return _rgb(data[..., 0], u, v, matrix)


def nv12_to_rgb(data: npt.NDArray[np.uint8], matrix: str = "bt601") -> npt.NDArray[np.uint8]:
    """Return RGB of shape (rows, columns, 3) from NV12 of shape (rows * 3 / 2, columns), both even."""
    rows, columns = data.shape[0] * 2 // 3, data.shape[1]
    chroma = data[rows:].reshape(rows // 2, columns // 2, 2).astype(np.int32) - 128
    u, v = (np.repeat(np.repeat(chroma[..., i], 2, axis=1), 2, axis=0) for i in (0, 1))
    return _rgb(data[:rows], u, v, matrix)


def _rgb(
    luma: npt.NDArray[np.uint8], u: npt.NDArray[np.int32], v: npt.NDArray[np.int32], matrix: str
) -> npt.NDArray[np.uint8]:
    factor, offset, red, green_u, green_v, blue = MATRICES[matrix]
    y = factor * (luma.astype(np.int32) - offset) + 128
    planes = (y + red * v, y - green_u * u - green_v * v, y + blue * u)
    return np.stack([np.clip(p >> 8, 0, 255).astype(np.uint8) for p in planes], axis=2)


def to_grey(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the BT.601 luma of an RGB picture; a grey one is returned as it is."""
    if picture.ndim == 2:
        return picture
    weights = np.array([77, 150, 29], np.uint16)
    return np.asarray((picture.astype(np.uint16) * weights).sum(axis=2, dtype=np.uint16) >> 8, dtype=np.uint8)
