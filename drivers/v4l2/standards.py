"""Analog television standards as data: the kernel's bits, lines, frame period, pixel aspect (ITU-R BT.601, BT.470)."""

from __future__ import annotations

from dataclasses import dataclass

PAL_BITS = 0x0000_00FF
"""B, B1, G, H, I, D, D1, K."""


@dataclass(frozen=True, slots=True)
class Standard:
    """One standard as a person names it."""

    bits: int
    rows: int
    period_ns: int
    aspect: tuple[int, int]
    """(vertical, horizontal) of a pixel at 720 columns and a 4:3 picture."""
    top_field_first: bool
    image_format: str
    """Video Image Format Acquired (0018,1022)."""


_625 = (576, 40_000_000, (11, 12), True)
_525 = (480, 33_366_667, (11, 10), False)

STANDARDS: dict[str, Standard] = {
    "PAL": Standard(PAL_BITS, *_625, "PAL"),
    "PAL-M": Standard(0x100, *_525, "PAL"),
    "PAL-N": Standard(0x200, *_625, "PAL"),
    "PAL-Nc": Standard(0x400, *_625, "PAL"),
    "PAL-60": Standard(0x800, *_525, "PAL"),
    "NTSC": Standard(0x1000, *_525, "NTSC"),
    "NTSC-J": Standard(0x2000, *_525, "NTSC"),
    "NTSC-443": Standard(0x4000, *_525, "NTSC"),
    "SECAM": Standard(0xFF0000, *_625, "SECAM"),
    "SECAM-DK": Standard(0x320000, *_625, "SECAM"),
    "SECAM-L": Standard(0x400000, *_625, "SECAM"),
}

LINES_525 = 0x100 | 0x800 | 0xF000


def named(bits: int) -> str:
    """Return the first standard of our table that shares a bit with `bits`; empty: none."""
    return next((name for name, standard in STANDARDS.items() if standard.bits & bits), "")


def agree(set_bits: int, seen_bits: int) -> bool:
    """Return whether what the decoder sees can be what is set (a decoder that cannot tell says everything)."""
    return bool(set_bits & seen_bits)
