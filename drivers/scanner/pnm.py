"""Pages as scanimage writes them: portable bitmaps, greymaps and pixmaps (P4, P5, P6), with their true depth."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEAD = re.compile(rb"(P[456])\s+(?:#[^\n]*\n\s*)*([0-9]{1,6})\s+([0-9]{1,6})(?:\s+([0-9]{1,5}))?\s")
LARGEST = 1 << 30


class NotWhole(ValueError):
    """This is not one whole page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: native pixels as DICOM wants them (little-endian, line art least significant bit first)."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    payload: bytes


def read(data: bytes) -> Page:
    """Return the page in `data`; raises `NotWhole` for anything but exactly one."""
    head = _HEAD.match(data[:4096])
    if head is None:
        raise NotWhole("not a page of a scanner")
    kind, columns, rows = head[1], int(head[2]), int(head[3])
    largest = int(head[4] or 1)
    if (kind == b"P4") != (head[4] is None) or not 1 <= largest <= 65535 or rows < 1 or columns < 1:
        raise NotWhole("a page of impossible kind")
    samples, wide = (3 if kind == b"P6" else 1), 2 if largest > 255 else 1
    size = -(-columns // 8) * rows if kind == b"P4" else rows * columns * samples * wide
    # A bitmap has no largest value: its pixels begin after the one white space behind the height.
    start = head.end() if kind != b"P4" else head.end(3) + 1
    if size > LARGEST or len(data) - start != size:
        raise NotWhole("a page that ends too early, or has more than it says")
    bits, payload = _native(kind, data[start:], rows, columns, wide)
    return Page(rows=rows, columns=columns, samples=samples, bits_allocated=bits, payload=payload)


def _native(kind: bytes, pixels: bytes, rows: int, columns: int, wide: int) -> tuple[int, bytes]:
    import numpy as np

    if kind == b"P4":
        lines = np.frombuffer(pixels, np.uint8).reshape(rows, -1)
        bits = 1 - np.unpackbits(lines, axis=1)[:, :columns]  # in a bitmap 1 is black, in MONOCHROME2 it is white
        return 1, np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    if wide == 2:
        return 16, np.frombuffer(pixels, ">u2").astype("<u2").tobytes()
    return 8, pixels
