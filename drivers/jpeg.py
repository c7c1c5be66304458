"""JPEG baseline streams (ISO 10918-1) as DICOM wants them: complete, bare, and described.

A grabber's MJPEG frame can become the payload without being decoded: its segments are walked, the standard
Huffman tables are put in where it relies on them (many UVC devices do), application segments (JFIF, AVI1) and
comments are left out, padding after the end is cut off (PS3.5 A.4.1, 8.2.1).
"""

from __future__ import annotations

from dataclasses import dataclass

_SOI, _EOI, _SOS, _DHT, _SOF0 = 0xD8, 0xD9, 0xDA, 0xC4, 0xC0
_OTHER_SOF = frozenset({*range(0xC1, 0xD0)} - {0xC4, 0xC8, 0xCC})
_DROPPED = frozenset({*range(0xE0, 0xF0), 0xFE} - {0xEE})
"""Application segments and comments; APP14 stays, it says which colour transform was used."""


class NotBaseline(ValueError):
    """The stream is not a complete JPEG of process 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegStream:
    """A bare interchange stream and what its frame header says."""

    data: bytes
    rows: int
    columns: int
    samples_per_pixel: int
    transformed: bool = True
    """False where an Adobe segment says that the three components are not YCbCr."""


def bare(stream: bytes) -> JpegStream:
    """Return the stream without application segments and with Huffman tables; raises `NotBaseline`."""
    end = stream.rfind(b"\xff\xd9")
    if stream[:2] != b"\xff\xd8" or end < 4:
        raise NotBaseline("not a whole JPEG stream")
    parts, tables, frame, transformed, at = [b"\xff\xd8"], False, b"", True, 2
    while True:
        marker, segment = _segment(stream, at)
        if marker in _OTHER_SOF:
            raise NotBaseline("not process 1")
        frame = segment if marker == _SOF0 else frame
        tables = tables or marker == _DHT
        if marker == 0xEE and segment[4:9] == b"Adobe":
            transformed = segment[-1] != 0
        if marker == _SOS:
            break
        if marker not in _DROPPED:
            parts.append(segment)
        at += len(segment)
    if len(frame) < 11:
        raise NotBaseline("no frame header")
    if not tables:
        parts.append(STANDARD_TABLES)
    parts.append(stream[at : end + 2])
    rows, columns = int.from_bytes(frame[5:7], "big"), int.from_bytes(frame[7:9], "big")
    return JpegStream(
        data=b"".join(parts), rows=rows, columns=columns, samples_per_pixel=frame[9], transformed=transformed
    )


def _segment(stream: bytes, at: int) -> tuple[int, bytes]:
    if len(stream) < at + 4 or stream[at] != 0xFF:
        raise NotBaseline("a broken segment")
    length = int.from_bytes(stream[at + 2 : at + 4], "big")
    if length < 2 or at + 2 + length > len(stream):
        raise NotBaseline("a broken segment")
    return stream[at + 1], stream[at : at + 2 + length]


def _table(kind: int, counts: str, values: bytes) -> bytes:
    return bytes([kind]) + bytes.fromhex(counts) + values


def _ac(hexadecimal: str) -> bytes:
    return bytes.fromhex(hexadecimal)


_AC_LUMINANCE = _ac(
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a"
    "3435363738393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a929394"
    "95969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8"
    "e9eaf1f2f3f4f5f6f7f8f9fa"
)
_AC_CHROMINANCE = _ac(
    "0001020311040521310612415107617113223281081442 91a1b1c109233352f0156272d10a162434e125f11718191a262728"
    "292a35363738393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92"
    "939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7"
    "e8e9eaf2f3f4f5f6f7f8f9fa"
)
_DC = bytes(range(12))
_TABLES = (
    _table(0x00, "00010501010101010100000000000000", _DC)
    + _table(0x10, "0002010303020403050504040000017d", _AC_LUMINANCE)
    + _table(0x01, "00030101010101010101010000000000", _DC)
    + _table(0x11, "00020102040403040705040400010277", _AC_CHROMINANCE)
)
STANDARD_TABLES = b"\xff\xc4" + (len(_TABLES) + 2).to_bytes(2, "big") + _TABLES
"""The typical tables of ISO 10918-1 Annex K.3, as one DHT segment."""
