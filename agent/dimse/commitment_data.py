"""The two data sets of Storage Commitment (PS3.4 tables J.3-1 and J.3-2), written and read without a library.

The listener stays small, and what arrives there comes from outside: the reader takes Implicit and Explicit VR
Little Endian, defined and undefined lengths, knows four elements and skips all others.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .upper.failure import ProtocolError

TRANSACTION_UID = 0x0008_1195
REFERENCED_SOP_SEQUENCE, FAILED_SOP_SEQUENCE = 0x0008_1199, 0x0008_1198
REFERENCED_SOP_CLASS_UID, REFERENCED_SOP_INSTANCE_UID = 0x0008_1150, 0x0008_1155
FAILURE_REASON = 0x0008_1197
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFE_E000, 0xFFFE_E00D, 0xFFFE_E0DD
_UNDEFINED = 0xFFFF_FFFF
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_DEEPEST = 8
_LONGEST_UID = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentReport:
    """What an archive reports of one transaction: (SOP Class UID, SOP Instance UID[, Failure Reason])."""

    transaction_uid: str
    committed: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str, int], ...] = ()


def request_data(transaction_uid: str, references: Sequence[tuple[str, str]], *, implicit_vr: bool) -> bytes:
    """Return the N-ACTION data set: transaction and referenced SOP sequence."""
    items = b"".join(_item(references_item, implicit_vr=implicit_vr) for references_item in references)
    return _element(TRANSACTION_UID, b"UI", _uid(transaction_uid), implicit_vr=implicit_vr) + _element(
        REFERENCED_SOP_SEQUENCE, b"SQ", items, implicit_vr=implicit_vr
    )


def _item(reference: tuple[str, str], *, implicit_vr: bool) -> bytes:
    tags = (REFERENCED_SOP_CLASS_UID, REFERENCED_SOP_INSTANCE_UID)
    body = b"".join(
        _element(tag, b"UI", _uid(uid), implicit_vr=implicit_vr) for tag, uid in zip(tags, reference, strict=True)
    )
    return struct.pack("<HHI", _ITEM >> 16, _ITEM & 0xFFFF, len(body)) + body


def _element(tag: int, vr: bytes, value: bytes, *, implicit_vr: bool) -> bytes:
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if implicit_vr:
        return head + struct.pack("<I", len(value)) + value
    length = struct.pack("<2xI", len(value)) if vr in _LONG else struct.pack("<H", len(value))
    return head + vr + length + value


def _uid(uid: str) -> bytes:
    raw = uid.encode("ascii")
    return raw + b"\0" * (len(raw) % 2)


def read_report(data: bytes, *, implicit_vr: bool) -> CommitmentReport:
    """Return the report in an N-EVENT-REPORT data set; raises `ProtocolError` for anything that is not one."""
    found = _Reader(data, implicit_vr=implicit_vr).elements(0, len(data), 0).values
    uid = _text(found.get(TRANSACTION_UID))
    if not uid:
        raise ProtocolError("a commitment report without a transaction UID")
    return CommitmentReport(
        transaction_uid=uid,
        committed=tuple(_reference(item) for item in _items(found.get(REFERENCED_SOP_SEQUENCE))),
        failed=tuple((*_reference(item), _reason(item)) for item in _items(found.get(FAILED_SOP_SEQUENCE))),
    )


@dataclass(slots=True)
class Elements:
    """The known elements of one data set or item, and where it ended."""

    end: int
    values: dict[int, bytes | list[Elements]] = field(default_factory=dict)


class _Reader:
    """Reads elements from one place to another; every step moves on, so it ends."""

    def __init__(self, data: bytes, *, implicit_vr: bool) -> None:
        self._data, self._implicit = data, implicit_vr

    def elements(self, at: int, end: int, depth: int) -> Elements:
        """Read until `end`, or until an item's delimiter where `end` is the length of all."""
        if depth > _DEEPEST:
            raise ProtocolError("sequences nested too deeply")
        found = Elements(end)
        while at < end:
            tag, vr, length, at = self._head(at, end)
            if tag in (_ITEM_END, _SEQUENCE_END):
                found.end = at
                return found
            if vr == b"SQ" or length == _UNDEFINED or tag in (REFERENCED_SOP_SEQUENCE, FAILED_SOP_SEQUENCE):
                found.values[tag], at = self._sequence(at, end, length, depth)
            else:
                found.values[tag] = self._data[at : at + length]
                at += length
        found.end = at
        return found

    def _sequence(self, at: int, end: int, length: int, depth: int) -> tuple[list[Elements], int]:
        stop = end if length == _UNDEFINED else at + length
        items: list[Elements] = []
        while at < stop:
            tag, _, item_length, at = self._head(at, stop)
            if tag == _SEQUENCE_END and length == _UNDEFINED:
                return items, at
            if tag != _ITEM:
                raise ProtocolError("a sequence holds something else than items")
            items.append(self.elements(at, stop if item_length == _UNDEFINED else at + item_length, depth + 1))
            at = items[-1].end
        return items, at

    def _head(self, at: int, end: int) -> tuple[int, bytes, int, int]:
        """Return tag, VR (empty: implicit), length and where the value begins."""
        if end - at < 8:
            raise ProtocolError("an element without its header")
        group, element = struct.unpack_from("<HH", self._data, at)
        tag, vr = group << 16 | element, b""
        if self._implicit or group == 0xFFFE:
            (length,) = struct.unpack_from("<I", self._data, at + 4)
            at += 8
        else:
            vr, length, at = self._explicit(at, end)
        if length != _UNDEFINED and length > end - at:
            raise ProtocolError("an element longer than what is there")
        return tag, vr, length, at

    def _explicit(self, at: int, end: int) -> tuple[bytes, int, int]:
        vr = self._data[at + 4 : at + 6]
        if vr not in _LONG:
            return vr, struct.unpack_from("<H", self._data, at + 6)[0], at + 8
        if end - at < 12:
            raise ProtocolError("an element without its header")
        return vr, struct.unpack_from("<I", self._data, at + 8)[0], at + 12


def _items(value: bytes | list[Elements] | None) -> Iterator[Elements]:
    yield from value if isinstance(value, list) else ()


def _reference(item: Elements) -> tuple[str, str]:
    pair = _text(item.values.get(REFERENCED_SOP_CLASS_UID)), _text(item.values.get(REFERENCED_SOP_INSTANCE_UID))
    if not all(pair):
        raise ProtocolError("a reference without its UIDs")
    return pair


def _reason(item: Elements) -> int:
    value = item.values.get(FAILURE_REASON)
    return int.from_bytes(value, "little") if isinstance(value, bytes) and len(value) == 2 else 0


def _text(value: bytes | list[Elements] | None) -> str:
    raw = value.strip(b" \0") if isinstance(value, bytes) else b""
    if len(raw) > _LONGEST_UID or not set(raw) <= set(b"0123456789."):
        raise ProtocolError("a UID that is none")
    return raw.decode("ascii")
