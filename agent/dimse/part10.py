"""The head of a Part 10 file, parsed by hand: preamble, prefix, file meta information (PS3.10 section 7.1).

Only what a sender needs: which object it is, how it is encoded, and where the data set begins. The file is
our own, but a disk may have changed it: everything is bounded, and one `FileFault` says what is wrong.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

PREAMBLE_LENGTH = 128
MAXIMUM_META_LENGTH = 64 << 10
_META_START = PREAMBLE_LENGTH + 4
_GROUP_LENGTH_END = _META_START + 12
_FIRST_READ = 4 << 10
_LONG_VRS = frozenset(b"OB OW OF OD OL OV SQ UC UN UR UT SV UV".split())


class FileFault(Exception):
    """The file cannot be sent; `code` is a row of `agent.statuses.FAILURES`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What (0002,0002), (0002,0003) and (0002,0010) say; `head` is everything before the data set."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    head: bytes

    @property
    def data_offset(self) -> int:
        return len(self.head)


def open_file(path: str) -> int:
    """Return a read-only descriptor; raises `FileFault` (`missing`, `unreadable`)."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError as e:
        raise FileFault("missing") from e
    except (OSError, ValueError) as e:
        raise FileFault("unreadable") from e


def read_meta(fd: int) -> FileMeta:
    """Return the file meta information; raises `FileFault` (`unreadable`, `not part 10`)."""
    head = _read(fd, _FIRST_READ)
    end = meta_end(head)
    if end > len(head):
        head += _read(fd, end - len(head), len(head))
    return parse_meta(head[:end])


def _read(fd: int, count: int, offset: int = 0) -> bytes:
    try:
        return os.pread(fd, count, offset)
    except OSError as e:
        raise FileFault("unreadable") from e


def meta_end(head: bytes) -> int:
    """Return the offset of the data set, from (0002,0000); raises `FileFault`."""
    if len(head) < _GROUP_LENGTH_END or head[PREAMBLE_LENGTH:_META_START] != b"DICM":
        raise FileFault("not part 10")
    group, element, vr, size, length = struct.unpack_from("<HH2sHI", head, _META_START)
    if (group, element, vr, size) != (2, 0, b"UL", 4) or length > MAXIMUM_META_LENGTH:
        raise FileFault("not part 10")
    return _GROUP_LENGTH_END + int(length)


def parse_meta(head: bytes) -> FileMeta:
    """Return what `head` (the file up to its data set) says; raises `FileFault`."""
    if meta_end(head) != len(head):
        raise FileFault("not part 10")
    values: dict[int, bytes] = {}
    at = _GROUP_LENGTH_END
    while at < len(head):
        element, start, end = _element(head, at)
        values[element] = head[start:end]
        at = end
    return FileMeta(_uid(values, 0x0002), _uid(values, 0x0003), _uid(values, 0x0010), head)


def _element(head: bytes, at: int) -> tuple[int, int, int]:
    """Return element number, start and end of the value at `at` (explicit VR little endian, PS3.5 7.1.2)."""
    if len(head) - at < 8:
        raise FileFault("not part 10")
    group, element, vr, length = struct.unpack_from("<HH2sH", head, at)
    start = at + 8
    if vr in _LONG_VRS:
        if len(head) - at < 12:
            raise FileFault("not part 10")
        (length,) = struct.unpack_from("<I", head, at + 8)
        start = at + 12
    if group != 2 or start + length > len(head):
        raise FileFault("not part 10")
    return element, start, start + length


def _uid(values: dict[int, bytes], element: int) -> str:
    text = values.get(element, b"").decode("latin-1").rstrip("\0 ")
    if not text:
        raise FileFault("not part 10")
    return text
