"""Objects to send: real JPEG pictures and large native ones, each with UIDs of its own."""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simplejpeg

from agent.model import StoreItem

SC, EXPLICIT, JPEG = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"
_LONG = {b"OB", b"OW", b"SQ", b"UN"}


@dataclass(frozen=True)
class Batch:
    """Files of one run, as items for our sender and as paths for others."""

    items: list[StoreItem]

    @property
    def paths(self) -> list[str]:
        return [item.path for item in self.items]


def jpegs(folder: Path, count: int, first: int, size: int = 100_000) -> Batch:
    """Write `count` JPEG objects of about `size` bytes."""
    noise = np.random.default_rng(7).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    quality = min(range(40, 100), key=lambda q: abs(len(simplejpeg.encode_jpeg(noise, q)) - size))
    stream = simplejpeg.encode_jpeg(noise, quality)
    stream += b"\0" * (len(stream) % 2)
    fragment = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0" + struct.pack("<I", len(stream)) + stream
    pixels = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + fragment + b"\xfe\xff\xdd\xe0\0\0\0\0"
    return Batch([_write(folder, first + n, JPEG, 300, 400, "YBR_FULL_422", pixels) for n in range(count)])


def native(folder: Path, megabytes: float, first: int, count: int = 1) -> Batch:
    """Write native objects of `megabytes` each, all pages warm."""
    rows = max(1, int(megabytes * 1_000_000 / 3 / 4000))
    size = rows * 4000 * 3
    head = b"\xe0\x7f\x10\x00OB\0\0" + struct.pack("<I", size)
    return Batch([_write(folder, first + n, EXPLICIT, rows, 4000, "RGB", head, size) for n in range(count)])


def _element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
    value += (b"\0" if vr in (b"UI", b"OB") else b" ") * (len(value) % 2)
    length = struct.pack("<2xI", len(value)) if vr in _LONG else struct.pack("<H", len(value))
    return struct.pack("<HH", group, number) + vr + length + value


def _write(
    folder: Path, number: int, syntax: str, rows: int, columns: int, colour: str, pixels: bytes, fill: int = 0
) -> StoreItem:
    uid = f"2.25.{4000000000 + number}"
    meta = _element(2, 1, b"OB", b"\0\1") + _element(2, 2, b"UI", SC.encode()) + _element(2, 3, b"UI", uid.encode())
    meta += _element(2, 0x10, b"UI", syntax.encode()) + _element(2, 0x12, b"UI", b"2.25.1")
    data = bytes(128) + b"DICM" + _element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta
    short = struct.Struct("<H").pack
    for group, element, vr, value in (
        (8, 0x16, b"UI", SC.encode()), (8, 0x18, b"UI", uid.encode()), (8, 0x60, b"CS", b"OT"),
        (8, 0x64, b"CS", b"WSD"), (0x10, 0x10, b"PN", b"Bench"), (0x10, 0x20, b"LO", b"BENCH"),
        (0x20, 0xD, b"UI", b"2.25.11"), (0x20, 0xE, b"UI", b"2.25.12"), (0x20, 0x13, b"IS", str(number).encode()),
        (0x28, 2, b"US", short(3)), (0x28, 4, b"CS", colour.encode()), (0x28, 6, b"US", short(0)),
        (0x28, 0x10, b"US", short(rows % 65536)), (0x28, 0x11, b"US", short(columns)),
        (0x28, 0x100, b"US", short(8)), (0x28, 0x101, b"US", short(8)), (0x28, 0x102, b"US", short(7)),
        (0x28, 0x103, b"US", short(0)),
    ):  # fmt: skip
        data += _element(group, element, vr, value)
    path = folder / f"{number}.dcm"
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for part in (data + pixels, *(os.urandom(min(1 << 20, fill - at)) for at in range(0, fill, 1 << 20))):
            file.write(part)
            digest.update(part)
    return StoreItem(
        job_id=number, path=str(path), sop_class_uid=SC, sop_instance_uid=uid, transfer_syntax_uid=syntax,
        size=path.stat().st_size, sha256=digest.hexdigest(),
    )  # fmt: skip
