"""The head of a JPEG stream: what its frame header says, and whether it is complete (ISO 10918-1).

A grabber's Motion JPEG often lacks its Huffman tables; such a stream must not leave as an object (PS3.5
8.2.1). Only markers are read, no pixel is decoded; standard library only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import ObjectInvalid

ReadAt = Callable[[int, int], bytes]
"""(offset, size) to at most that many bytes of the payload."""

_BASELINE = 0xC0
_OTHER_FRAMES = frozenset(range(0xC1, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN = 0xDA
_QUANTISATION, _HUFFMAN = 0xDB, 0xC4
_MOST_SEGMENTS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegHead:
    """What the frame header states. `complete`: quantisation and Huffman tables are in the stream."""

    rows: int
    columns: int
    samples_per_pixel: int
    bits: int
    complete: bool


def read_head(read_at: ReadAt, size: int) -> JpegHead:
    """Return the head of the JPEG stream of `size` bytes.

    Raises `ObjectInvalid` unless it is one baseline stream from SOI to EOI.
    """
    if read_at(0, 2) != b"\xff\xd8" or read_at(size - 2, 2) != b"\xff\xd9":
        raise _broken("not one whole JPEG stream.")
    frame, markers, at = b"", set(), 2
    for _ in range(_MOST_SEGMENTS):
        start = read_at(at, 4)
        length = int.from_bytes(start[2:])
        if len(start) < 4 or start[0] != 0xFF or length < 2:
            raise _broken("a damaged JPEG header.")
        markers.add(start[1])
        if start[1] in _OTHER_FRAMES:
            raise _broken("not JPEG Baseline.")
        if start[1] == _BASELINE:
            frame = read_at(at + 4, length - 2)
        if start[1] == _START_OF_SCAN:
            return _head(frame, complete={_QUANTISATION, _HUFFMAN} <= markers)
        at += 2 + length
    raise _broken("a JPEG header without an end.")


def _head(frame: bytes, *, complete: bool) -> JpegHead:
    if len(frame) < 6:
        raise _broken("a JPEG stream without a frame header.")
    return JpegHead(
        rows=int.from_bytes(frame[1:3]),
        columns=int.from_bytes(frame[3:5]),
        samples_per_pixel=frame[5],
        bits=frame[0],
        complete=complete,
    )


def _broken(reason: str) -> ObjectInvalid:
    return ObjectInvalid(f"PixelData: {reason}", keyword="PixelData")
