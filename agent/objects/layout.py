"""How a payload stands in its object: what comes before, between and behind its bytes (PS3.5 A.4, PS3.3 C.24.2).

A layout is a row of parts: literal bytes, or the number of payload bytes that follow. The writer fills it, the
reader holds a file against it; neither ever has the payload in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from agent.errors import ObjectInvalid
from agent.model import FrameRecord
from agent.objects.family import family
from agent.objects.pixel import NATIVE

Part = bytes | int

_PIXEL_DATA = b"\xe0\x7f\x10\x00"
_DOCUMENT = b"\x42\x00\x11\x00"
_UNDEFINED = b"\xff\xff\xff\xff"
_ITEM = b"\xfe\xff\x00\xe0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
LONGEST_VALUE = 2**32 - 2
MIME_TYPE = b"application/pdf"


def layout(record: FrameRecord, payload_size: int) -> Iterator[Part]:
    """Yield the parts from the payload's element to the end of the file, none where there is no payload.

    Raises `ObjectInvalid` for one too long. `payload_size` is that of what goes into the object: the frame's own, or
    that of an encoded video.
    """
    if payload_size + payload_size % 2 > LONGEST_VALUE:
        raise _too_long()
    if family(record.sop_class_uid).key_object:
        return
    if family(record.sop_class_uid).document:
        yield from _document(payload_size)
    elif record.transfer_syntax_uid in NATIVE:
        vr = b"OW" if record.bits_allocated > 8 else b"OB"
        yield _PIXEL_DATA + vr + b"\0\0" + _size(payload_size + payload_size % 2)
        yield payload_size
        yield b"\0" * (payload_size % 2)
    else:
        yield from _encapsulated(record.frame_sizes or (payload_size,), table=bool(record.frame_sizes))


def _encapsulated(sizes: tuple[int, ...], *, table: bool) -> Iterator[Part]:
    """One fragment for each frame; a Basic Offset Table only where there are several frames and it can hold them."""
    starts = list(accumulate((8 + size + size % 2 for size in sizes[:-1]), initial=0))
    offsets = b"".join(_size(start) for start in starts) if table and starts[-1] < 2**32 else b""
    yield _PIXEL_DATA + b"OB\0\0" + _UNDEFINED + _ITEM + _size(len(offsets)) + offsets
    for size in sizes:
        yield _ITEM + _size(size + size % 2)
        yield size
        yield b"\0" * (size % 2)
    yield _SEQUENCE_END


def _document(size: int) -> Iterator[Part]:
    yield _DOCUMENT + b"OB\0\0" + _size(size + size % 2)
    yield size
    mime = MIME_TYPE + b" " * (len(MIME_TYPE) % 2)
    behind = b"\x42\x00\x12\x00LO" + len(mime).to_bytes(2, "little") + mime
    yield b"\0" * (size % 2) + behind + b"\x42\x00\x15\x00UL\x04\0" + _size(size)


def _size(value: int) -> bytes:
    return value.to_bytes(4, "little")


def _too_long() -> ObjectInvalid:
    return ObjectInvalid("PixelData: is longer than a value may be.", keyword="PixelData")
