"""DIMSE command sets: implicit VR little endian, group 0000 (PS3.7 section 6.3, 9.3 and Annex E).

Elements are kept raw by tag, so that whatever a peer adds (Error Comment, Offending Element, others)
survives.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from .failure import ProtocolError
from .reasons import AbortReason

NO_DATA_SET = 0x0101
MEDIUM = 0
MAXIMUM_COMMAND_LENGTH = 64 << 10


class Tag(IntEnum):
    """Element numbers in group 0000 (PS3.7 table E.1-1)."""

    COMMAND_GROUP_LENGTH = 0x0000
    AFFECTED_SOP_CLASS_UID = 0x0002
    REQUESTED_SOP_CLASS_UID = 0x0003
    COMMAND_FIELD = 0x0100
    MESSAGE_ID = 0x0110
    MESSAGE_ID_BEING_RESPONDED_TO = 0x0120
    PRIORITY = 0x0700
    COMMAND_DATA_SET_TYPE = 0x0800
    STATUS = 0x0900
    OFFENDING_ELEMENT = 0x0901
    ERROR_COMMENT = 0x0902
    ERROR_ID = 0x0903
    AFFECTED_SOP_INSTANCE_UID = 0x1000
    REQUESTED_SOP_INSTANCE_UID = 0x1001
    EVENT_TYPE_ID = 0x1002
    ACTION_TYPE_ID = 0x1008


class CommandField(IntEnum):
    """PS3.7 table E.1-1, (0000,0100)."""

    C_STORE_RQ = 0x0001
    C_STORE_RSP = 0x8001
    C_ECHO_RQ = 0x0030
    C_ECHO_RSP = 0x8030
    N_EVENT_REPORT_RQ = 0x0100
    N_EVENT_REPORT_RSP = 0x8100
    N_SET_RQ = 0x0120
    N_SET_RSP = 0x8120
    N_CREATE_RQ = 0x0140
    N_CREATE_RSP = 0x8140
    N_ACTION_RQ = 0x0130
    N_ACTION_RSP = 0x8130


@dataclass(frozen=True, slots=True)
class Command:
    """One command set: element number → raw value, in group 0000."""

    elements: Mapping[int, bytes]

    def integer(self, tag: int) -> int | None:
        """Return a US element, or None where it is absent; raises `ProtocolError` for a wrong length."""
        value = self.elements.get(tag)
        if value is None:
            return None
        if len(value) != 2:
            raise ProtocolError(f"(0000,{tag:04x}) is not two bytes")
        return int.from_bytes(value, "little")

    def text(self, tag: int) -> str:
        """Return a UI or LO element without padding, or the empty string where it is absent."""
        return self.elements.get(tag, b"").decode("utf-8", "replace").strip(" \0")

    @property
    def has_data_set(self) -> bool:
        return self.integer(Tag.COMMAND_DATA_SET_TYPE) not in (None, NO_DATA_SET)

    @property
    def offending_elements(self) -> str:
        """Return (0000,0901) as `(gggg,eeee)` texts joined by commas."""
        raw = self.elements.get(Tag.OFFENDING_ELEMENT, b"")
        pairs = struct.iter_unpack("<HH", raw[: len(raw) // 4 * 4])
        return ",".join(f"({group:04x},{element:04x})" for group, element in pairs)


def decode(data: bytes) -> Command:
    """Return the command set in `data`; raises `ProtocolError`."""
    elements: dict[int, bytes] = {}
    at, last = 0, -1
    while at < len(data):
        if len(data) - at < 8:
            raise ProtocolError("a command element without its header")
        group, element, length = struct.unpack_from("<HHI", data, at)
        end = at + 8 + length
        if group != 0 or element <= last or end > len(data):
            raise ProtocolError("a command set that is not one", AbortReason.INVALID_PARAMETER_VALUE)
        elements[element] = data[at + 8 : end]
        at, last = end, element
    if Tag.COMMAND_FIELD not in elements:
        raise ProtocolError("a command set without a command field")
    return Command(elements)


def encode(elements: Mapping[int, int | str | bytes]) -> bytes:
    """Return a command set with its group length; integers become US, texts UI, bytes stay as they are."""
    body = b"".join(_element(tag, elements[tag]) for tag in sorted(elements))
    return _element(Tag.COMMAND_GROUP_LENGTH, struct.pack("<I", len(body))) + body


def _element(tag: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        raw = struct.pack("<H", value)
    elif isinstance(value, str):
        raw = value.encode("ascii")
        raw += b"\0" * (len(raw) % 2)
    else:
        raw = value
    return struct.pack("<HHI", 0, tag, len(raw)) + raw


def c_store_rq(sop_class_uid: str, sop_instance_uid: str, message_id: int) -> bytes:
    """Return a C-STORE-RQ command set (PS3.7 9.3.1.1), priority MEDIUM."""
    return encode({
        Tag.AFFECTED_SOP_CLASS_UID: sop_class_uid,
        Tag.COMMAND_FIELD: CommandField.C_STORE_RQ,
        Tag.MESSAGE_ID: message_id,
        Tag.PRIORITY: MEDIUM,
        Tag.COMMAND_DATA_SET_TYPE: 0x0001,
        Tag.AFFECTED_SOP_INSTANCE_UID: sop_instance_uid,
    })  # fmt: skip


def c_echo_rq(message_id: int) -> bytes:
    """Return a C-ECHO-RQ command set (PS3.7 9.3.5.1)."""
    return encode({
        Tag.AFFECTED_SOP_CLASS_UID: VERIFICATION,
        Tag.COMMAND_FIELD: CommandField.C_ECHO_RQ,
        Tag.MESSAGE_ID: message_id,
        Tag.COMMAND_DATA_SET_TYPE: NO_DATA_SET,
    })  # fmt: skip


def n_action_rq(message_id: int) -> bytes:
    """Return the N-ACTION-RQ command set that asks for Storage Commitment (PS3.7 10.3.4, PS3.4 J.3.2)."""
    return encode({
        Tag.REQUESTED_SOP_CLASS_UID: "1.2.840.10008.1.20.1",
        Tag.COMMAND_FIELD: CommandField.N_ACTION_RQ,
        Tag.MESSAGE_ID: message_id,
        Tag.COMMAND_DATA_SET_TYPE: 0x0001,
        Tag.REQUESTED_SOP_INSTANCE_UID: "1.2.840.10008.1.20.1.1",
        Tag.ACTION_TYPE_ID: 1,
    })  # fmt: skip


def n_create_rq(sop_class_uid: str, sop_instance_uid: str, message_id: int) -> bytes:
    """Return an N-CREATE-RQ command set (PS3.7 10.3.5)."""
    return encode({
        Tag.AFFECTED_SOP_CLASS_UID: sop_class_uid,
        Tag.COMMAND_FIELD: CommandField.N_CREATE_RQ,
        Tag.MESSAGE_ID: message_id,
        Tag.COMMAND_DATA_SET_TYPE: 0x0001,
        Tag.AFFECTED_SOP_INSTANCE_UID: sop_instance_uid,
    })  # fmt: skip


def n_set_rq(sop_class_uid: str, sop_instance_uid: str, message_id: int) -> bytes:
    """Return an N-SET-RQ command set (PS3.7 10.3.3)."""
    return encode({
        Tag.REQUESTED_SOP_CLASS_UID: sop_class_uid,
        Tag.COMMAND_FIELD: CommandField.N_SET_RQ,
        Tag.MESSAGE_ID: message_id,
        Tag.COMMAND_DATA_SET_TYPE: 0x0001,
        Tag.REQUESTED_SOP_INSTANCE_UID: sop_instance_uid,
    })  # fmt: skip


def response(request: Command, status: int, extra: Mapping[int, int | str | bytes] | None = None) -> bytes:
    """Return the response to `request` without a data set, its SOP UIDs repeated (PS3.7 9.3, 10.3)."""
    elements: dict[int, int | str | bytes] = {
        Tag.COMMAND_FIELD: (request.integer(Tag.COMMAND_FIELD) or 0) | 0x8000,
        Tag.MESSAGE_ID_BEING_RESPONDED_TO: request.integer(Tag.MESSAGE_ID) or 0,
        Tag.COMMAND_DATA_SET_TYPE: NO_DATA_SET,
        Tag.STATUS: status,
    }
    for tag in (Tag.AFFECTED_SOP_CLASS_UID, Tag.AFFECTED_SOP_INSTANCE_UID):
        if tag in request.elements:
            elements[tag] = request.elements[tag]
    return encode(elements | dict(extra or {}))


VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
