"""Whether the kernel's clock is disciplined by a time service (adjtimex(2), STA_UNSYNC)."""

from __future__ import annotations

import ctypes

_STA_UNSYNC = 0x0040
_TIME_ERROR = 5
_STRUCT_BYTES = 512
_STATUS_OFFSET = 40 if ctypes.sizeof(ctypes.c_long) == 8 else 20


def kernel_says_synchronised() -> bool:
    """Return True while a time service keeps the clock right; read only, needs no privilege."""
    buffer = ctypes.create_string_buffer(_STRUCT_BYTES)
    state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    status = int.from_bytes(buffer.raw[_STATUS_OFFSET : _STATUS_OFFSET + 4], "little")
    return state not in (-1, _TIME_ERROR) and not status & _STA_UNSYNC
