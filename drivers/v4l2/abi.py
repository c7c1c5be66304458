"""The kernel's video interface as data: structures, request numbers, flags (Linux uapi, linux/videodev2.h).

Layouts are those of 64-bit little-endian Linux (x86-64 and aarch64); names are the kernel's without `v4l2_`.
"""

from __future__ import annotations

import ctypes as c
from typing import Any

U8, U32, I32, U64, I64 = c.c_uint8, c.c_uint32, c.c_int32, c.c_uint64, c.c_int64

CAPTURE, OUTPUT = 1, 2
"""Buffer types."""
MMAP = 1
CAP_VIDEO_CAPTURE, CAP_VIDEO_OUTPUT, CAP_STREAMING = 0x1, 0x2, 0x0400_0000
IN_CAP_DV_TIMINGS, IN_CAP_STD = 0x2, 0x4
NO_POWER, NO_SIGNAL, NO_H_LOCK, NO_V_LOCK, NO_STD_LOCK, NO_SYNC = 0x1, 0x2, 0x100, 0x400, 0x800, 0x10000
FLAG_ERROR, FLAG_MONOTONIC, FLAG_TIMESTAMP_MASK, FLAG_START_OF_EXPOSURE = 0x40, 0x2000, 0xE000, 0x10000
FIELD_ANY, FIELD_NONE, FIELD_TOP, FIELD_BOTTOM, FIELD_INTERLACED = 0, 1, 2, 3, 4
FIELD_SEQ_TB, FIELD_SEQ_BT, FIELD_ALTERNATE, FIELD_INTERLACED_TB, FIELD_INTERLACED_BT = 5, 6, 7, 8, 9
EVENT_SOURCE_CHANGE = 5
DV_BT = 0
CID_DV_RX_POWER_PRESENT = 0x00A0_0964
CTRL_NEXT = 0x8000_0000
COLORSPACE_REC709, YCBCR_709, QUANTISATION_FULL = 3, 2, 1


class Struct(c.Structure):
    """A structure of the kernel's interface."""

    @property
    def bytes(self) -> bytearray:
        return bytearray(self)


class Capability(Struct):
    _fields_ = (
        ("driver", c.c_char * 16), ("card", c.c_char * 32), ("bus_info", c.c_char * 32),
        ("version", U32), ("capabilities", U32), ("device_caps", U32), ("reserved", U32 * 3),
    )  # fmt: skip


class Input(Struct):
    _fields_ = (
        ("index", U32), ("name", c.c_char * 32), ("type", U32), ("audioset", U32), ("tuner", U32), ("std", U64),
        ("status", U32), ("capabilities", U32), ("reserved", U32 * 3),
    )  # fmt: skip


class FormatDescription(Struct):
    _fields_ = (
        ("index", U32), ("type", U32), ("flags", U32), ("description", c.c_char * 32), ("pixelformat", U32),
        ("mbus_code", U32), ("reserved", U32 * 3),
    )  # fmt: skip


class PixFormat(Struct):
    _fields_ = (
        ("width", U32), ("height", U32), ("pixelformat", U32), ("field", U32), ("bytesperline", U32),
        ("sizeimage", U32), ("colorspace", U32), ("priv", U32), ("flags", U32), ("ycbcr_enc", U32),
        ("quantization", U32), ("xfer_func", U32),
    )  # fmt: skip


class _FormatUnion(c.Union):
    _fields_ = (("pix", PixFormat), ("raw", U8 * 200), ("align", U64))


class Format(Struct):
    _fields_ = (("type", U32), ("fmt", _FormatUnion))


class RequestBuffers(Struct):
    _fields_ = (
        ("count", U32), ("type", U32), ("memory", U32), ("capabilities", U32), ("flags", U8), ("reserved", U8 * 3),
    )  # fmt: skip


class Buffer(Struct):
    _fields_ = (
        ("index", U32), ("type", U32), ("bytesused", U32), ("flags", U32), ("field", U32),
        ("seconds", I64), ("microseconds", I64), ("timecode", U8 * 16), ("sequence", U32), ("memory", U32),
        ("offset", U64), ("length", U32), ("reserved2", U32), ("request_fd", I32),
    )  # fmt: skip


class Event(Struct):
    _fields_ = (
        ("type", U32), ("u", U64 * 8), ("pending", U32), ("sequence", U32), ("timestamp", I64 * 2), ("id", U32),
        ("reserved", U32 * 8),
    )  # fmt: skip


class Subscription(Struct):
    _fields_ = (("type", U32), ("id", U32), ("flags", U32), ("reserved", U32 * 5))


class DvTimings(Struct):
    _pack_ = 1
    _fields_ = (
        ("type", U32), ("width", U32), ("height", U32), ("interlaced", U32), ("polarities", U32), ("pixelclock", U64),
        ("horizontal", U32 * 3), ("vertical", U32 * 3), ("vertical2", U32 * 3), ("standards", U32), ("flags", U32),
        ("reserved", U8 * 60),
    )  # fmt: skip


class StreamParameters(Struct):
    _fields_ = (
        ("type", U32), ("capability", U32), ("capturemode", U32), ("numerator", U32), ("denominator", U32),
        ("extendedmode", U32), ("buffers", U32), ("reserved", U8 * 176),
    )  # fmt: skip


class Control(Struct):
    _fields_ = (("id", U32), ("value", I32))


class QueryControl(Struct):
    _fields_ = (
        ("id", U32), ("type", U32), ("name", c.c_char * 32), ("minimum", I32), ("maximum", I32), ("step", I32),
        ("default", I32), ("flags", U32), ("reserved", U32 * 2),
    )  # fmt: skip


def _request(direction: int, number: int, kind: Any) -> int:
    return direction << 30 | c.sizeof(kind) << 16 | ord("V") << 8 | number


def _r(number: int, kind: Any) -> int:
    return _request(2, number, kind)


def _w(number: int, kind: Any) -> int:
    return _request(1, number, kind)


def _wr(number: int, kind: Any) -> int:
    return _request(3, number, kind)


QUERYCAP, ENUM_FMT, G_FMT, S_FMT = _r(0, Capability), _wr(2, FormatDescription), _wr(4, Format), _wr(5, Format)
REQBUFS, QUERYBUF, QBUF, DQBUF = _wr(8, RequestBuffers), _wr(9, Buffer), _wr(15, Buffer), _wr(17, Buffer)
STREAMON, STREAMOFF = _w(18, I32), _w(19, I32)
G_PARM, S_PARM = _wr(21, StreamParameters), _wr(22, StreamParameters)
G_STD, S_STD, QUERYSTD = _r(23, U64), _w(24, U64), _r(63, U64)
ENUMINPUT, G_INPUT, S_INPUT, S_OUTPUT = _wr(26, Input), _r(38, I32), _wr(39, I32), _wr(47, I32)
G_CTRL, S_CTRL, QUERYCTRL = _wr(27, Control), _wr(28, Control), _wr(36, QueryControl)
S_DV_TIMINGS, G_DV_TIMINGS, QUERY_DV_TIMINGS = _wr(87, DvTimings), _wr(88, DvTimings), _r(99, DvTimings)
DQEVENT, SUBSCRIBE_EVENT = _r(89, Event), _w(90, Subscription)
USBDEVFS_RESET = ord("U") << 8 | 20



def fourcc(text: str) -> int:
    """Return the number of a four-letter pixel format."""
    return int.from_bytes(text.encode("ascii").ljust(4), "little")


def letters(number: int) -> str:
    """Return the four letters of a pixel format."""
    return number.to_bytes(4, "little").decode("latin-1").strip()
