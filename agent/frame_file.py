"""The frame file: one durable still that explains itself (promise P1; reliability.md C2).

    MODALITY-AGENT-FRAME 1 <header length, 8 digits> <SHA-256 of the rest of the header>\\n
    {"equipment": …, "extra": …, "record": …, "snapshot": …}   JSON, keys sorted, padded with spaces
    <payload, from a multiple of 4096 on>

A box whose database is lost can tell from the file alone whose picture it is and under which UIDs it must be
sent, and can prove it: the record names the digest of the snapshot. Standard library only; no disk, no clock:
bytes in, bytes out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from agent.errors import SnapshotMismatch, SpoolDamaged
from agent.model import Equipment, FrameRecord, IdentitySnapshot
from agent.plain import from_plain, to_plain

MAGIC = b"MODALITY-AGENT-FRAME 1 "
BLOCK = 4096
MAX_HEADER = 4 << 20
_FIRST_LINE = len(MAGIC) + 8 + 1 + 64 + 1
MOVED_FROM = "moved_from"
"""Key of `extra` that names the picture of which this one was made under another identity."""
_KEYS = {"record", "snapshot", "equipment", "extra"}

Read = Callable[[int], bytes]
"""Returns at most that many next bytes, and nothing at the end (`file.read`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameHeader:
    """What stands before the payload. `extra` holds further JSON values, given and returned unchanged."""

    record: FrameRecord
    snapshot: IdentitySnapshot
    equipment: Equipment
    extra: dict[str, Any]
    payload_offset: int


def encode_header(
    record: FrameRecord, snapshot: IdentitySnapshot, equipment: Equipment, extra: Mapping[str, Any]
) -> bytes:
    """Return the header of a frame file; its length is a multiple of 4096 and the payload follows it.

    Raises `SnapshotMismatch` when `record` does not name the digest of `snapshot`, `ValueError` for values
    that JSON cannot hold or a header of more than 4 MiB.
    """
    if record.snapshot_digest != _digest(snapshot):
        raise SnapshotMismatch
    plain = {
        "record": to_plain(record),
        "snapshot": _told(snapshot),
        "equipment": _told(equipment),
        "extra": dict(extra),
    }
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
    length = -(-(_FIRST_LINE + len(text) + 1) // BLOCK) * BLOCK
    if length > MAX_HEADER:
        raise ValueError("the header is too long")
    body = text.ljust(length - _FIRST_LINE - 1) + b"\n"
    return MAGIC + b"%08d %s\n" % (length, hashlib.sha256(body).hexdigest().encode()) + body


@lru_cache(maxsize=8)
def _told(value: IdentitySnapshot | Equipment) -> dict[str, Any]:
    """Return what does not change from one press to the next, made plain once."""
    return to_plain(value)


@lru_cache(maxsize=8)
def _digest(snapshot: IdentitySnapshot) -> str:
    return snapshot.digest()


def decode_header(read: Read) -> FrameHeader:
    """Return the header that `encode_header` wrote, from a reader at the beginning of the file.

    Afterwards the reader stands at the payload. Raises `SpoolDamaged` for anything else than an intact
    header, also when the snapshot is not the one that the record names.
    """
    length, digest = _first_line(_exactly(read, _FIRST_LINE))
    body = _exactly(read, length - _FIRST_LINE)
    if hashlib.sha256(body).hexdigest() != digest:
        raise SpoolDamaged("The header of a stored frame changed on the disk.")
    return _parse(body, length)


def _exactly(read: Read, size: int) -> bytes:
    parts: list[bytes] = []
    while size and (part := read(size)):
        parts.append(part)
        size -= len(part)
    if size:
        raise SpoolDamaged("A stored frame ends inside its header.")
    return b"".join(parts)


def _first_line(line: bytes) -> tuple[int, str]:
    length, space, digest = line[len(MAGIC) :].partition(b" ")
    if not line.startswith(MAGIC) or len(length) != 8 or not length.isdigit() or not line.endswith(b"\n"):
        raise SpoolDamaged("A stored file is not a frame, or of a newer version.")
    if int(length) % BLOCK or not BLOCK <= int(length) <= MAX_HEADER or not space:
        raise SpoolDamaged("The header of a stored frame has no possible length.")
    return int(length), digest[:-1].decode("ascii", "replace")


def _parse(body: bytes, length: int) -> FrameHeader:
    try:
        plain = json.loads(body)
        if not isinstance(plain, dict) or plain.keys() != _KEYS or not isinstance(plain["extra"], dict):
            raise SpoolDamaged("The header of a stored frame is not complete.")
        header = FrameHeader(
            record=from_plain(FrameRecord, plain["record"]),
            snapshot=from_plain(IdentitySnapshot, plain["snapshot"]),
            equipment=from_plain(Equipment, plain["equipment"]),
            extra=plain["extra"],
            payload_offset=length,
        )
    except (ValueError, RecursionError):
        raise SpoolDamaged("The header of a stored frame cannot be read.") from None
    if header.record.snapshot_digest != header.snapshot.digest():
        raise SpoolDamaged("A stored frame does not belong to the patient that its header names.")
    return header
