"""A small JPEG of a durable frame for the screen. Made from the final payload (ruling 12), never kept.

Every nth pixel is enough for a thumbnail and costs no copy of the whole picture. simplejpeg, otherwise
owned by the drivers, is loaded for this alone. Documents and videos are shown by Debian's programs (`foreign`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from agent.errors import ObjectError
from agent.model import FrameRecord
from agent.objects import foreign
from agent.objects.building import Payload
from agent.objects.family import family
from agent.objects.pixel import JPEG_BASELINE
from agent.sop_classes import VIDEO

Pixels = npt.NDArray[Any]

QUALITY = 80
NARROWEST, WIDEST = 16, 4096


def thumbnail(payload: Payload, max_width: int, number: int = 1) -> bytes:
    """Return a JPEG (grey or RGB, square pixels) of at most `max_width` columns; raises `ObjectError`.

    `max_width` is brought into 16…4096; `number` is the frame or page, from 1. Bits over 8 are shown by their upper
    eight; MONOCHROME1 is inverted.
    """
    import simplejpeg

    record, width = payload.record, min(max(max_width, NARROWEST), WIDEST)
    if family(record.sop_class_uid).document:
        return foreign.page(payload, width, number)
    if record.sop_class_uid in VIDEO and not _is_jpeg(record):
        return foreign.frame(payload, width, number)
    try:
        pixels = _decode(payload, width, number - 1) if _is_jpeg(record) else _native(payload, number - 1)
        small = _sample(pixels, record, width)
        space = "RGB" if small.shape[2] == 3 else "GRAY"
        return bytes(simplejpeg.encode_jpeg(small, QUALITY, space, "420"))
    except (ValueError, RuntimeError, IndexError) as e:
        raise ObjectError("No small picture can be made of this frame.", reason=type(e).__name__) from None


def _is_jpeg(record: FrameRecord) -> bool:
    return record.transfer_syntax_uid == JPEG_BASELINE


def _decode(payload: Payload, width: int, number: int) -> Pixels:
    import simplejpeg

    record = payload.record
    space = "RGB" if record.samples_per_pixel == 3 else "GRAY"
    sizes = record.frame_sizes or (record.payload_size,)
    stream = payload.read_at(sum(sizes[:number]), sizes[number])
    decoded: Pixels = simplejpeg.decode_jpeg(stream, space, min_width=width, min_height=1, fastdct=True)
    return decoded


def _native(payload: Payload, number: int) -> Pixels:
    record = payload.record
    shape = (record.rows, record.columns, record.samples_per_pixel)
    if record.bits_allocated == 1:
        return _bits(payload, number).reshape(shape)
    kind = np.dtype("u1") if record.bits_allocated == 8 else np.dtype("<u2")
    size = record.rows * record.columns * record.samples_per_pixel * kind.itemsize
    whole: Pixels = np.frombuffer(payload.read_at(number * size, size), kind)
    return whole.reshape(shape)


def _bits(payload: Payload, number: int) -> Pixels:
    """Return line art as black and white; frames are packed without a gap, the first pixel lowest (PS3.5 8.1.1)."""
    count = payload.record.rows * payload.record.columns
    first, skip = divmod(number * count, 8)
    packed = np.frombuffer(payload.read_at(first, -(-(skip + count) // 8)), np.uint8)
    bits: Pixels = np.unpackbits(packed, bitorder="little")[skip : skip + count] * np.uint8(255)
    return bits


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
