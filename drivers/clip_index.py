"""The index of a clip on the disk: one record for each frame, so that a torn end is seen and cut off.

The payload file holds JPEG streams one behind the other; the index says where each begins, when it was captured and
what its CRC-32 is. The payload is synced before the index, so a whole record means a whole frame. Standard library
only: the core reads it too.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass

_RECORD = struct.Struct("<QIQII")
_CHECK = struct.Struct("<I")
RECORD_BYTES = _RECORD.size + _CHECK.size
_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """One frame of a clip."""

    offset: int
    size: int
    captured_ns: int
    number: int
    """The source's own count."""
    crc: int


def encode(frame: Indexed) -> bytes:
    """Return the record of one frame, with its own check."""
    body = _RECORD.pack(frame.offset, frame.size, frame.captured_ns, frame.number & 0xFFFF_FFFF, frame.crc)
    return body + _CHECK.pack(zlib.crc32(body))


def decode(data: bytes) -> list[Indexed]:
    """Return the frames up to the first record that is torn, damaged or does not follow the one before."""
    found: list[Indexed] = []
    for at in range(0, len(data) - RECORD_BYTES + 1, RECORD_BYTES):
        body = data[at : at + _RECORD.size]
        (check,) = _CHECK.unpack_from(data, at + _RECORD.size)
        offset, size, captured_ns, number, crc = _RECORD.unpack(body)
        expected = found[-1].offset + found[-1].size if found else 0
        if zlib.crc32(body) != check or offset != expected or size < 1:
            break
        found.append(Indexed(offset=offset, size=size, captured_ns=captured_ns, number=number, crc=crc))
    return found


def whole(frames: list[Indexed], payload_fd: int) -> list[Indexed]:
    """Return the frames whose bytes are really there, up to the first that is not."""
    for position, frame in enumerate(frames):
        if zlib.crc32(os.pread(payload_fd, frame.size, frame.offset)) != frame.crc:
            return frames[:position]
    return frames
