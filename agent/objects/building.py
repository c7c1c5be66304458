"""From a frame file to an object file, and back again for the proof (promises P2, P3, P4).

The frame file alone says whose picture it is; only what the whole series shares is given besides. Descriptors
belong to the caller, which also opens, syncs and renames.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from agent.errors import ObjectInvalid
from agent.frame_file import FrameHeader, decode_header
from agent.model import BuiltObject, FrameRecord, SeriesRecord
from agent.objects import part10
from agent.objects.data_set import composite
from agent.objects.jpeg import read_head
from agent.objects.pixel import JPEG_BASELINE


def build(frame_fd: int, object_fd: int, facts: SeriesRecord, beat: part10.Beat) -> str:
    """Write the object of the frame file `frame_fd` into the empty file `object_fd`; return its SHA-256.

    Raises `SpoolDamaged` for a damaged frame, `ObjectInvalid` for an object that may not leave, `OSError`
    when the disk refuses. What was written before an error is to be thrown away.
    """
    header = read_header(frame_fd)
    record = header.record
    if record.transfer_syntax_uid == JPEG_BASELINE:
        check_jpeg(record, payload_reader(frame_fd, header))
    data_set = composite(header.snapshot, header.equipment, record, facts)
    return part10.write(object_fd, data_set, record, frame_fd=frame_fd, offset=header.payload_offset, beat=beat)


def verify(frame_fd: int, object_fd: int, beat: part10.Beat) -> BuiltObject:
    """Return what `object_fd`, opened anew for reading, is; errors as in `part10.reread` and
    `SpoolDamaged`."""
    header = read_header(frame_fd)
    return part10.reread(object_fd, header.snapshot, header.record, beat)


def read_header(frame_fd: int) -> FrameHeader:
    """Return the header of the frame file; raises `SpoolDamaged`."""
    os.lseek(frame_fd, 0, os.SEEK_SET)
    return decode_header(lambda size: os.read(frame_fd, size))


def payload_reader(frame_fd: int, header: FrameHeader) -> Callable[[int, int], bytes]:
    """Return a function of (offset, size) that reads the payload of the frame file, never beyond its end."""

    def read_at(offset: int, size: int) -> bytes:
        size = min(size, header.record.payload_size - offset)
        return os.pread(frame_fd, size, header.payload_offset + offset) if offset >= 0 and size > 0 else b""

    return read_at


def check_jpeg(record: FrameRecord, read_at: Callable[[int, int], bytes]) -> None:
    """Raise `ObjectInvalid` unless the JPEG payload is what `record` says and carries its own tables."""
    head = read_head(read_at, record.payload_size)
    stated = (head.rows, head.columns, head.samples_per_pixel, head.bits)
    if stated != (record.rows, record.columns, record.samples_per_pixel, record.bits_allocated):
        raise ObjectInvalid("PixelData: the JPEG stream has another geometry.", keyword="PixelData")
    if not head.complete:
        raise ObjectInvalid("PixelData: the JPEG stream lacks its tables.", keyword="PixelData")
