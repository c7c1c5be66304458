"""Whether the kernel's clock is disciplined by a time service, and how far off it is (adjtimex(2))."""

from __future__ import annotations

import ctypes
import sys

_STA_UNSYNC, _STA_NANO = 0x0040, 0x2000
_TIME_ERROR = 5
_STRUCT_BYTES = 512
_LONG = ctypes.sizeof(ctypes.c_long)
_OFFSET_OFFSET = 8 if _LONG == 8 else 4
_STATUS_OFFSET = 40 if _LONG == 8 else 20


def kernel_says_synchronised() -> bool:
    """Return True while a time service keeps the clock right; read only, needs no privilege."""
    state, raw = _asked()
    return state not in (-1, _TIME_ERROR) and not _status(raw) & _STA_UNSYNC


def kernel_offset_s() -> float:
    """Return what the kernel still has to correct, seconds; zero also where the time service corrects by itself."""
    state, raw = _asked()
    told = int.from_bytes(raw[_OFFSET_OFFSET : _OFFSET_OFFSET + _LONG], sys.byteorder, signed=True)
    return 0.0 if state == -1 else told / (1e9 if _status(raw) & _STA_NANO else 1e6)


def _asked() -> tuple[int, bytes]:
    buffer = ctypes.create_string_buffer(_STRUCT_BYTES)
    return ctypes.CDLL(None, use_errno=True).adjtimex(buffer), buffer.raw


def _status(raw: bytes) -> int:
    return int.from_bytes(raw[_STATUS_OFFSET : _STATUS_OFFSET + 4], sys.byteorder)
