"""A-ASSOCIATE-RQ and A-ASSOCIATE-AC with their items (PS3.8 9.3.2, 9.3.3, Annex D; PS3.7 Annex D.3.3).

Unknown items and sub-items are skipped, as PS3.8 9.3.1 asks; every known one must be whole. AE titles are
stripped of spaces, UIDs of padding. One transfer syntax per proposed context is our own rule (`association`);
here any number is decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from .failure import ProtocolError

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
PROTOCOL_VERSION = 1
MAXIMUM_CONTEXTS = 128
ASSUMED_MAXIMUM_LENGTH = 16384
"""Used for a peer that leaves the mandatory Maximum Length item out."""
_FIXED = 68
"""Protocol version, reserved, two AE titles, 32 reserved bytes (PS3.8 table 9-11)."""
_APPLICATION, _CONTEXT_RQ, _CONTEXT_AC, _ABSTRACT, _TRANSFER, _USER = 0x10, 0x20, 0x21, 0x30, 0x40, 0x50
_MAXIMUM, _CLASS_UID, _ROLE, _VERSION_NAME, _IDENTITY_RQ, _IDENTITY_AC = 0x51, 0x52, 0x54, 0x55, 0x58, 0x59
_UID_CHARACTERS = frozenset("0123456789.")


@dataclass(frozen=True, slots=True)
class ProposedContext:
    """One presentation context of a request."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnsweredContext:
    """One presentation context of an answer; `transfer_syntax` counts only when `result` is 0."""

    context_id: int
    result: int
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class Role:
    """SCP/SCU role selection (PS3.7 D.3.3.4)."""

    sop_class_uid: str
    scu: bool
    scp: bool


@dataclass(frozen=True, slots=True)
class UserIdentity:
    """User identity negotiation (PS3.7 D.3.3.7): 1 user name, 2 with passcode, 3 Kerberos, 4 SAML, 5 JWT."""

    kind: int
    primary: bytes = field(repr=False)
    secondary: bytes = field(default=b"", repr=False)
    response_requested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInformation:
    """What both sides say about themselves (PS3.8 Annex D.1). `maximum_length` 0: unlimited."""

    maximum_length: int
    implementation_class_uid: str
    implementation_version_name: str = ""
    roles: tuple[Role, ...] = ()
    user_identity: UserIdentity | None = None
    identity_response: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateRq:
    """A-ASSOCIATE-RQ."""

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[ProposedContext, ...]
    user: UserInformation
    application_context: str = APPLICATION_CONTEXT
    protocol_version: int = PROTOCOL_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateAc:
    """A-ASSOCIATE-AC; its AE titles only repeat those of the request and are not tested."""

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[AnsweredContext, ...]
    user: UserInformation


def decode_request(body: bytes) -> AssociateRq:
    """Return the request in `body`; raises `ProtocolError`."""
    version, called, calling = _fixed(body)
    items = list(_items(body, _FIXED))
    return AssociateRq(
        called_ae_title=_ae_title(called),
        calling_ae_title=_ae_title(calling),
        contexts=_proposals([v for kind, v in items if kind == _CONTEXT_RQ]),
        user=_user([v for kind, v in items if kind == _USER]),
        application_context=_uid(_only([v for kind, v in items if kind == _APPLICATION], "application")),
        protocol_version=version,
    )


def decode_accept(body: bytes) -> AssociateAc:
    """Return the acceptance in `body`; raises `ProtocolError`."""
    _version, called, calling = _fixed(body)
    items = list(_items(body, _FIXED))
    return AssociateAc(
        called_ae_title=called.decode("latin-1").strip(" \0"),
        calling_ae_title=calling.decode("latin-1").strip(" \0"),
        contexts=_answers([v for kind, v in items if kind == _CONTEXT_AC]),
        user=_user([v for kind, v in items if kind == _USER]),
    )


def _fixed(body: bytes) -> tuple[int, bytes, bytes]:
    if len(body) < _FIXED:
        raise ProtocolError("an associate PDU shorter than its fixed part")
    version, called, calling = struct.unpack_from(">H2x16s16s", body)
    return version, called, calling


def _items(data: bytes, at: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield (type, value) of the items in `data` from `at` on."""
    while at < len(data):
        if len(data) - at < 4:
            raise ProtocolError("an item without its header")
        kind, length = struct.unpack_from(">BxH", data, at)
        end = at + 4 + length
        if end > len(data):
            raise ProtocolError("an item longer than what holds it")
        yield kind, data[at + 4 : end]
        at = end


def _only(values: list[bytes], what: str) -> bytes:
    if len(values) != 1:
        raise ProtocolError(f"{len(values)} items of {what}")
    return values[0]


def _proposals(values: list[bytes]) -> tuple[ProposedContext, ...]:
    contexts = tuple(_proposed(v) for v in values)
    _check_ids([c.context_id for c in contexts])
    return contexts


def _answers(values: list[bytes]) -> tuple[AnsweredContext, ...]:
    contexts = tuple(_answered(v) for v in values)
    _check_ids([c.context_id for c in contexts])
    return contexts


def _check_ids(ids: list[int]) -> None:
    if not 1 <= len(ids) <= MAXIMUM_CONTEXTS or len(set(ids)) != len(ids) or not all(i % 2 for i in ids):
        raise ProtocolError("presentation context ids are not odd, unique and at most 128")


def _proposed(value: bytes) -> ProposedContext:
    if len(value) < 4:
        raise ProtocolError("a presentation context without its header")
    items = list(_items(value, 4))
    abstract = _only([v for kind, v in items if kind == _ABSTRACT], "abstract syntax")
    transfer = tuple(_uid(v) for kind, v in items if kind == _TRANSFER)
    if not transfer:
        raise ProtocolError("a presentation context without a transfer syntax")
    return ProposedContext(value[0], _uid(abstract), transfer)


def _answered(value: bytes) -> AnsweredContext:
    if len(value) < 4:
        raise ProtocolError("a presentation context without its header")
    context_id, result = value[0], value[2]
    if result:
        return AnsweredContext(context_id, result, "")
    transfer = _only([v for kind, v in _items(value, 4) if kind == _TRANSFER], "transfer syntax")
    return AnsweredContext(context_id, result, _uid(transfer))


def _user(values: list[bytes]) -> UserInformation:
    items = list(_items(_only(values, "user information")))
    by_kind = dict(items)
    identity = by_kind.get(_IDENTITY_RQ)
    response = by_kind.get(_IDENTITY_AC)
    return UserInformation(
        maximum_length=_maximum_length(by_kind.get(_MAXIMUM)),
        implementation_class_uid=_uid(by_kind.get(_CLASS_UID, b"")) if by_kind.get(_CLASS_UID) else "",
        implementation_version_name=by_kind.get(_VERSION_NAME, b"").decode("latin-1").strip(" \0"),
        roles=tuple(_role(v) for kind, v in items if kind == _ROLE),
        user_identity=None if identity is None else _identity(identity),
        identity_response=None if response is None else _counted(response, 0)[0],
    )


def _maximum_length(value: bytes | None) -> int:
    if value is None:
        return ASSUMED_MAXIMUM_LENGTH
    if len(value) != 4:
        raise ProtocolError("a maximum length that is not four bytes")
    return int.from_bytes(value, "big")


def _role(value: bytes) -> Role:
    uid, at = _counted(value, 0)
    if len(value) != at + 2:
        raise ProtocolError("a role selection of the wrong length")
    return Role(_uid(uid), value[at] == 1, value[at + 1] == 1)


def _identity(value: bytes) -> UserIdentity:
    if len(value) < 2:
        raise ProtocolError("a user identity without its header")
    primary, at = _counted(value, 2)
    secondary, _end = _counted(value, at)
    return UserIdentity(value[0], primary, secondary, value[1] == 1)


def _counted(value: bytes, at: int) -> tuple[bytes, int]:
    """Return the bytes counted by the two length bytes at `at`, and where they end."""
    if len(value) < at + 2:
        raise ProtocolError("a field without its length")
    end = at + 2 + int.from_bytes(value[at : at + 2], "big")
    if end > len(value):
        raise ProtocolError("a field longer than its item")
    return value[at + 2 : end], end


def _uid(value: bytes) -> str:
    text = value.decode("latin-1").rstrip("\0 ")
    if not 1 <= len(text) <= 64 or not _UID_CHARACTERS.issuperset(text):
        raise ProtocolError("a UID that is none")
    return text


def _ae_title(value: bytes) -> str:
    """Return the title; anything but printable ASCII is refused (PS3.5, VR AE)."""
    text = value.decode("latin-1").strip(" \0")
    if not text.isascii() or not text.isprintable():
        raise ProtocolError("an AE title with characters that are not allowed")
    return text


def encode_request(pdu: AssociateRq) -> bytes:
    """Return the body of an A-ASSOCIATE-RQ."""
    contexts = b"".join(
        _item(
            _CONTEXT_RQ,
            bytes((c.context_id, 0, 0, 0))
            + _item(_ABSTRACT, c.abstract_syntax.encode("ascii"))
            + b"".join(_item(_TRANSFER, t.encode("ascii")) for t in c.transfer_syntaxes),
        )
        for c in pdu.contexts
    )
    application = _item(_APPLICATION, pdu.application_context.encode("ascii"))
    return _begin(pdu) + application + contexts + _encode_user(pdu.user)


def encode_accept(pdu: AssociateAc) -> bytes:
    """Return the body of an A-ASSOCIATE-AC."""
    contexts = b"".join(
        _item(
            _CONTEXT_AC,
            bytes((c.context_id, 0, c.result, 0)) + _item(_TRANSFER, c.transfer_syntax.encode("ascii")),
        )
        for c in pdu.contexts
    )
    application = _item(_APPLICATION, APPLICATION_CONTEXT.encode("ascii"))
    return _begin(pdu) + application + contexts + _encode_user(pdu.user)


def _begin(pdu: AssociateRq | AssociateAc) -> bytes:
    titles = (t.encode("ascii").ljust(16)[:16] for t in (pdu.called_ae_title, pdu.calling_ae_title))
    return struct.pack(">HH", PROTOCOL_VERSION, 0) + b"".join(titles) + bytes(32)


def _encode_user(user: UserInformation) -> bytes:
    value = _item(_MAXIMUM, struct.pack(">I", user.maximum_length))
    value += _item(_CLASS_UID, user.implementation_class_uid.encode("ascii"))
    value += b"".join(_item(_ROLE, _encode_role(r)) for r in user.roles)
    if user.implementation_version_name:
        value += _item(_VERSION_NAME, user.implementation_version_name.encode("ascii")[:16])
    if user.user_identity is not None:
        value += _item(_IDENTITY_RQ, _encode_identity(user.user_identity))
    if user.identity_response is not None:
        value += _item(_IDENTITY_AC, _count(user.identity_response))
    return _item(_USER, value)


def _encode_role(role: Role) -> bytes:
    return _count(role.sop_class_uid.encode("ascii")) + bytes((role.scu, role.scp))


def _encode_identity(identity: UserIdentity) -> bytes:
    header = bytes((identity.kind, identity.response_requested))
    return header + _count(identity.primary) + _count(identity.secondary)


def _count(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value
