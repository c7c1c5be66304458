"""Which pixel format is asked for, and how a filled buffer becomes a frame's data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drivers.contract import DriverError, Geometry, PixelFormat
from drivers.v4l2 import abi

if TYPE_CHECKING:
    from drivers.v4l2.options import Options

KNOWN = {
    "MJPG": (PixelFormat.MJPEG, 0.0),
    "JPEG": (PixelFormat.MJPEG, 0.0),
    "YUYV": (PixelFormat.YUYV, 2.0),
    "UYVY": (PixelFormat.YUYV, 2.0),
    "NV12": (PixelFormat.NV12, 1.5),
    "GREY": (PixelFormat.GREY, 1.0),
    "Y16": (PixelFormat.GREY, 2.0),
}
"""Four letters → our format and bytes of a pixel (0: not known before it is compressed)."""

ORDER = {"pixels": ("YUYV", "UYVY", "NV12", "MJPG", "JPEG", "GREY"), "jpeg": ("MJPG", "JPEG", "YUYV", "UYVY", "NV12")}
_TOP_FIRST = {abi.FIELD_INTERLACED_TB: True, abi.FIELD_SEQ_TB: True, abi.FIELD_INTERLACED_BT: False}
INTERLACED = frozenset({abi.FIELD_INTERLACED, abi.FIELD_INTERLACED_TB, abi.FIELD_INTERLACED_BT})


def choose(offered: list[str], options: Options) -> str:
    """Return the format to ask for; raises `DriverError("format")` when the device has none that is wanted."""
    wanted = ORDER[options.prefer] if options.pixel_format == "auto" else (options.pixel_format,)
    for letters in wanted:
        if letters in offered:
            return letters
    raise DriverError("format", f"offered: {', '.join(offered) or 'nothing'}")


def interlaced(field: int, top_field_first: bool) -> dict[str, Any]:  # noqa: FBT001 - the standard's own word
    """Return the geometry's words on fields; raises `DriverError("format")` for fields in halves of the picture."""
    if field in INTERLACED:
        return {"interlaced": True, "top_field_first": _TOP_FIRST.get(field, top_field_first)}
    if field in (abi.FIELD_NONE, abi.FIELD_ANY, abi.FIELD_TOP, abi.FIELD_BOTTOM):
        return {"interlaced": False}
    raise DriverError("format", "the device delivers each field as half a picture")


def matrix(pix: abi.PixFormat, wanted: str) -> str:
    """Return how colour was made of light: as told by the device, unless the settings know better."""
    told = "bt709" if pix.ycbcr_enc == abi.YCBCR_709 or (
        pix.ycbcr_enc == 0 and pix.colorspace == abi.COLORSPACE_REC709
    ) else "bt601"  # fmt: skip
    full = " full" if pix.quantization == abi.QUANTISATION_FULL else ""
    return (wanted or told) + full


def smallest(pix: abi.PixFormat) -> int:
    """Return how many bytes a whole picture has at least; a shorter buffer is a broken picture."""
    _, bytes_of_pixel = KNOWN[abi.letters(pix.pixelformat)]
    if not bytes_of_pixel:
        return 128
    plane = int(pix.bytesperline) * int(pix.height)
    return plane * 3 // 2 if bytes_of_pixel == 1.5 else plane


def unpack(data: bytes, pix: abi.PixFormat, geometry: Geometry) -> Any:
    """Return the array of one whole buffer in the layout that `Frame.data` has for this format."""
    import numpy as np

    flat = np.frombuffer(data, np.uint8)
    kind = geometry.pixel_format
    if kind is PixelFormat.MJPEG:
        return flat
    rows = geometry.rows * 3 // 2 if kind is PixelFormat.NV12 else geometry.rows
    lines = flat[: rows * pix.bytesperline].reshape(rows, pix.bytesperline)
    width = {PixelFormat.YUYV: 2, PixelFormat.NV12: 1, PixelFormat.GREY: 2 if geometry.bits_stored > 8 else 1}[kind]
    lines = np.ascontiguousarray(lines[:, : geometry.columns * width])
    if kind is PixelFormat.NV12:
        return lines
    if kind is PixelFormat.GREY:
        return lines.view("<u2") if width == 2 else lines
    pairs = lines.reshape(rows, geometry.columns, 2)
    return np.ascontiguousarray(pairs[..., ::-1]) if abi.letters(pix.pixelformat) == "UYVY" else pairs
