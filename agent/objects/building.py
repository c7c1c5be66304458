"""From a frame file to an object file, and back again for the proof (promises P2, P3, P4).

The frame file alone says whose picture it is; only what the whole series shares is given besides. Descriptors
belong to the caller, which also opens, syncs and renames.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from pydicom import Dataset

from agent.annotation import NOTHING_SAID
from agent.errors import ObjectInvalid, SpoolDamaged
from agent.frame_file import FrameHeader, decode_header
from agent.model import BuiltObject, FrameRecord, SeriesRecord
from agent.objects import part10, said
from agent.objects.data_set import composite
from agent.objects.jpeg import read_head
from agent.objects.pixel import JPEG_BASELINE
from agent.objects.said import Told


def build(
    frame_fd: int,
    object_fd: int,
    facts: SeriesRecord,
    beat: part10.Beat,
    payload: Payload | None = None,
    told: Told = NOTHING_SAID,
) -> str:
    """Write the object of the frame file `frame_fd` into the empty file `object_fd`; return its SHA-256.

    `told` is what was said of it. Raises `SpoolDamaged` for a damaged frame, `ObjectInvalid` for an object that may not
    leave, `OSError` when the disk refuses. What was written before an error is to be thrown away.
    """
    header = read_header(frame_fd)
    payload = payload or Payload(record=header.record, fd=frame_fd, offset=header.payload_offset)
    record = payload.record
    if record.transfer_syntax_uid == JPEG_BASELINE:
        check_jpeg(record, payload.read_at)
    data_set = composite(header.snapshot, header.equipment, record, facts, told)
    return part10.write(object_fd, data_set, record, frame_fd=payload.fd, offset=payload.offset, beat=beat)


def verify(
    frame_fd: int,
    object_fd: int,
    beat: part10.Beat,
    record: FrameRecord | None = None,
    told: Told | None = NOTHING_SAID,
) -> BuiltObject:
    """Return what `object_fd`, opened anew for reading, is; errors as in `part10.reread` and `SpoolDamaged`.

    `record` replaces that of the frame for an object whose payload was made of it (a video). `told` None: what was
    said of it is not known, and not compared.
    """
    header = read_header(frame_fd)
    record = record or header.record

    def check(data_set: Dataset) -> None:
        if told is not None:
            said.compare(data_set, header.snapshot, header.equipment, record, told)

    return part10.reread(object_fd, header.snapshot, record, beat, check)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What goes into the object: `record.payload_size` bytes of `fd` from `offset` on, as `record` says."""

    record: FrameRecord
    fd: int
    offset: int = 0

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes at `offset` of the payload, never beyond its end."""
        size = min(size, self.record.payload_size - offset)
        return os.pread(self.fd, size, self.offset + offset) if offset >= 0 and size > 0 else b""


def read_header(frame_fd: int) -> FrameHeader:
    """Return the header of the frame file; raises `SpoolDamaged`."""
    os.lseek(frame_fd, 0, os.SEEK_SET)
    return decode_header(lambda size: os.read(frame_fd, size))


def payload_of(frame_fd: int, header: FrameHeader, clip_fd: int | None = None) -> Payload:
    """Return the payload of a frame file; of a clip it stands in a file of its own."""
    if header.record.payload_file and clip_fd is None:
        raise SpoolDamaged("The file of a clip is needed.")
    if header.record.payload_file and clip_fd is not None:
        return Payload(record=header.record, fd=clip_fd)
    return Payload(record=header.record, fd=frame_fd, offset=header.payload_offset)


def check_jpeg(record: FrameRecord, read_at: Callable[[int, int], bytes]) -> None:
    """Raise `ObjectInvalid` unless every JPEG frame is what `record` says and carries its own tables."""
    start = 0
    for size in record.frame_sizes or (record.payload_size,):
        _check_stream(record, lambda at, length, start=start: read_at(start + at, length), size)  # type: ignore[misc]
        start += size


def _check_stream(record: FrameRecord, read_at: Callable[[int, int], bytes], size: int) -> None:
    head = read_head(read_at, size)
    stated = (head.rows, head.columns, head.samples_per_pixel, head.bits)
    if stated != (record.rows, record.columns, record.samples_per_pixel, record.bits_allocated):
        raise ObjectInvalid("PixelData: the JPEG stream has another geometry.", keyword="PixelData")
    if not head.complete:
        raise ObjectInvalid("PixelData: the JPEG stream lacks its tables.", keyword="PixelData")
