"""A small sRGB profile, computed here (ICC.1:2001-04; IEC 61966-2-1 primaries adapted to D50, gamma 2.2).

DICOM wants the profile of an input device (`scnr`) in an object (PS3.3 C.11.15), PDF/A that of an output (`mntr`).
"""

from __future__ import annotations

import struct
from functools import lru_cache

INPUT, DISPLAY = b"scnr", b"mntr"
_PRIMARIES = {
    b"rXYZ": (0.43607, 0.22249, 0.01392),
    b"gXYZ": (0.38515, 0.71687, 0.09708),
    b"bXYZ": (0.14307, 0.06061, 0.71410),
}
_WHITE = (0.96420, 1.00000, 0.82491)
_GAMMA = round(2.2 * 256)
_NAME = b"sRGB"


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def _description() -> bytes:
    text = _NAME + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * (4 + 4 + 2 + 1 + 67)


@lru_cache
def profile(kind: bytes) -> bytes:
    """Return the profile of device class `kind` (`INPUT` or `DISPLAY`)."""
    tags = {
        b"desc": _description(),
        b"cprt": b"text\0\0\0\0no copyright\0",
        b"wtpt": _xyz(_WHITE),
        **{tag: _xyz(values) for tag, values in _PRIMARIES.items()},
        **{tag: b"curv\0\0\0\0" + struct.pack(">IH", 1, _GAMMA) for tag in (b"rTRC", b"gTRC", b"bTRC")},
    }
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        table += tag + struct.pack(">II", at + len(body), len(value))
        body += value + b"\0" * (-len(value) % 4)
    size = at + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02400000, kind, b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + _xyz(_WHITE)[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
