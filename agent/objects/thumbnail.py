"""A small JPEG of a durable frame for the screen. Made from the final payload (ruling 12), never kept.

Every nth pixel is enough for a thumbnail and costs no copy of the whole picture. simplejpeg, otherwise
owned by the drivers, is loaded for this alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.errors import ObjectError
from agent.model import FrameRecord
from agent.objects.pixel import JPEG_BASELINE

Pixels = npt.NDArray[Any]

QUALITY = 80
NARROWEST, WIDEST = 16, 4096


def thumbnail(record: FrameRecord, read_at: Callable[[int, int], bytes], max_width: int) -> bytes:
    """Return a JPEG (grey or RGB, square pixels) of at most `max_width` columns; raises `ObjectError`.

    `max_width` is brought into 16…4096. Bits over 8 are shown by their upper eight; MONOCHROME1 is inverted.
    """
    import simplejpeg

    width = min(max(max_width, NARROWEST), WIDEST)
    try:
        pixels = _decode(record, read_at, width) if _is_jpeg(record) else _native(record, read_at)
        small = _sample(pixels, record, width)
        space = "RGB" if small.shape[2] == 3 else "GRAY"
        return bytes(simplejpeg.encode_jpeg(small, QUALITY, space, "420"))
    except (ValueError, RuntimeError, IndexError) as e:
        raise ObjectError("No small picture can be made of this frame.", reason=type(e).__name__) from None


def _is_jpeg(record: FrameRecord) -> bool:
    return record.transfer_syntax_uid == JPEG_BASELINE


def _decode(record: FrameRecord, read_at: Callable[[int, int], bytes], width: int) -> Pixels:
    import simplejpeg

    space = "RGB" if record.samples_per_pixel == 3 else "GRAY"
    stream = read_at(0, (record.frame_sizes or (record.payload_size,))[0])
    decoded: Pixels = simplejpeg.decode_jpeg(stream, space, min_width=width, min_height=1, fastdct=True)
    return decoded


def _native(record: FrameRecord, read_at: Callable[[int, int], bytes]) -> Pixels:
    kind = np.dtype("u1") if record.bits_allocated == 8 else np.dtype("<u2")
    size = record.rows * record.columns * record.samples_per_pixel * kind.itemsize
    whole: Pixels = np.frombuffer(read_at(0, size), kind)
    return whole.reshape(record.rows, record.columns, record.samples_per_pixel)


def _sample(pixels: Pixels, record: FrameRecord, width: int) -> Pixels:
    vertical, horizontal = record.pixel_aspect_ratio or (1, 1)
    columns = min(width, max(1, record.columns * horizontal // vertical))
    rows = max(1, round(columns * (record.rows * vertical) / (record.columns * horizontal)))
    down = np.linspace(0, pixels.shape[0] - 1, rows).round().astype(int)
    across = np.linspace(0, pixels.shape[1] - 1, columns).round().astype(int)
    small = pixels[down[:, None], across[None, :]]
    if record.bits_stored > 8:
        small = small >> (record.bits_stored - 8)
    if record.photometric_interpretation == "MONOCHROME1":
        small = 255 - small
    return np.ascontiguousarray(small.clip(0, 255), dtype=np.uint8)
