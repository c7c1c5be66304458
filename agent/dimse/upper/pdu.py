"""The seven protocol data units of PS3.8 9.3: headers, P-DATA-TF, release, abort; the rest: `associate`.

The decoder is strict about everything that counts or bounds and lenient about reserved fields, as the
standard asks. `body_length` judges the six header bytes before one byte of the body is read into memory.
Whatever is wrong, one `ProtocolError` says so.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from . import associate
from .failure import ProtocolError
from .reasons import AbortReason

HEADER_LENGTH = 6
PDV_HEADER_LENGTH = 6
"""Item length (4), presentation context id (1), message control header (1)."""
MAXIMUM_ASSOCIATE_LENGTH = 64 << 10
_SHORT_LENGTH = 4
_COMMAND, _LAST = 1, 2


class PduType(IntEnum):
    """PS3.8 9.3.1."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    P_DATA_TF = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


@dataclass(frozen=True, slots=True)
class Pdv:
    """One presentation data value: a fragment of one command set or data set (PS3.8 9.3.5.1, Annex E)."""

    context_id: int
    is_command: bool
    is_last: bool
    fragment: bytes


@dataclass(frozen=True, slots=True)
class PData:
    """P-DATA-TF."""

    pdvs: tuple[Pdv, ...]


@dataclass(frozen=True, slots=True)
class AssociateRj:
    """A-ASSOCIATE-RJ (PS3.8 table 9-21)."""

    result: int
    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class ReleaseRq:
    """A-RELEASE-RQ."""


@dataclass(frozen=True, slots=True)
class ReleaseRp:
    """A-RELEASE-RP."""


@dataclass(frozen=True, slots=True)
class Abort:
    """A-ABORT (PS3.8 table 9-26)."""

    source: int
    reason: int


Pdu = associate.AssociateRq | associate.AssociateAc | AssociateRj | PData | ReleaseRq | ReleaseRp | Abort


def body_length(header: bytes, maximum_pdata_length: int) -> tuple[PduType, int]:
    """Return type and body length of the PDU that begins with these six bytes.

    `maximum_pdata_length` is the Maximum Length that we announced (PS3.8 D.1), in bytes. Raises
    `ProtocolError` for an unknown type and for a length beyond its bound.
    """
    number, length = header[0], int.from_bytes(header[2:HEADER_LENGTH], "big")
    try:
        kind = PduType(number)
    except ValueError as e:
        raise ProtocolError(f"PDU type {number:#x}", AbortReason.UNRECOGNISED_PDU) from e
    if kind in (PduType.ASSOCIATE_RQ, PduType.ASSOCIATE_AC):
        _within(length, 1, MAXIMUM_ASSOCIATE_LENGTH)
    elif kind is PduType.P_DATA_TF:
        _within(length, PDV_HEADER_LENGTH, maximum_pdata_length)
    else:
        _within(length, _SHORT_LENGTH, _SHORT_LENGTH)
    return kind, length


def _within(length: int, low: int, high: int) -> None:
    if not low <= length <= high:
        raise ProtocolError(f"a PDU of {length} bytes")


def decode(kind: PduType, body: bytes) -> Pdu:
    """Return the PDU with this body (the bytes after its header); raises `ProtocolError`."""
    decoder = _DECODERS.get(kind)
    return decoder(body) if decoder else _short(kind, body)


def _short(kind: PduType, body: bytes) -> Pdu:
    if len(body) != _SHORT_LENGTH:
        raise ProtocolError(f"{len(body)} bytes for a PDU of four")
    if kind is PduType.ASSOCIATE_RJ:
        return AssociateRj(body[1], body[2], body[3])
    if kind is PduType.ABORT:
        return Abort(body[2], body[3])
    return ReleaseRq() if kind is PduType.RELEASE_RQ else ReleaseRp()


def _pdvs(body: bytes) -> tuple[Pdv, ...]:
    pdvs: list[Pdv] = []
    at = 0
    while at < len(body):
        if len(body) - at < PDV_HEADER_LENGTH:
            raise ProtocolError("a PDV without its header")
        length, context_id, control = struct.unpack_from(">IBB", body, at)
        end = at + 4 + length
        if length < 2 or end > len(body):
            raise ProtocolError("a PDV longer than its PDU")
        fragment = body[at + PDV_HEADER_LENGTH : end]
        pdvs.append(Pdv(context_id, bool(control & _COMMAND), bool(control & _LAST), fragment))
        at = end
    if not pdvs:
        raise ProtocolError("a P-DATA-TF without a PDV")
    return tuple(pdvs)


_DECODERS: Mapping[PduType, Callable[[bytes], Pdu]] = {
    PduType.ASSOCIATE_RQ: associate.decode_request,
    PduType.ASSOCIATE_AC: associate.decode_accept,
    PduType.P_DATA_TF: lambda body: PData(_pdvs(body)),
}


def encode(pdu: Pdu) -> bytes:
    """Return the bytes of a PDU, header included."""
    kind, body = _body(pdu)
    return struct.pack(">BBI", kind, 0, len(body)) + body


def _body(pdu: Pdu) -> tuple[PduType, bytes]:
    match pdu:
        case associate.AssociateRq():
            answer = PduType.ASSOCIATE_RQ, associate.encode_request(pdu)
        case associate.AssociateAc():
            answer = PduType.ASSOCIATE_AC, associate.encode_accept(pdu)
        case AssociateRj(result, source, reason):
            answer = PduType.ASSOCIATE_RJ, bytes((0, result, source, reason))
        case PData(pdvs):
            answer = PduType.P_DATA_TF, b"".join(map(_encode_pdv, pdvs))
        case Abort(source, reason):
            answer = PduType.ABORT, bytes((0, 0, source, reason))
        case ReleaseRq():
            answer = PduType.RELEASE_RQ, bytes(_SHORT_LENGTH)
        case ReleaseRp():
            answer = PduType.RELEASE_RP, bytes(_SHORT_LENGTH)
    return answer


def _encode_pdv(pdv: Pdv) -> bytes:
    control = (_COMMAND if pdv.is_command else 0) | (_LAST if pdv.is_last else 0)
    return struct.pack(">IBB", len(pdv.fragment) + 2, pdv.context_id, control) + pdv.fragment


def pdata_header(length: int, context_id: int, *, is_last: bool) -> bytes:
    """Return the twelve bytes before a data set fragment of `length` bytes that is alone in its P-DATA-TF."""
    control = _LAST if is_last else 0
    pdu, pdv = length + PDV_HEADER_LENGTH, length + 2
    return struct.pack(">BBIIBB", PduType.P_DATA_TF, 0, pdu, pdv, context_id, control)


def fragmented(message: bytes, context_id: int, maximum_length: int, *, is_command: bool) -> Sequence[PData]:
    """Return the PDUs that carry `message` to a peer that takes at most `maximum_length` bytes in a PDU."""
    room = maximum_length - PDV_HEADER_LENGTH
    starts = range(0, max(1, len(message)), room)
    return [
        PData((Pdv(context_id, is_command, start + room >= len(message), message[start : start + room]),))
        for start in starts
    ]
