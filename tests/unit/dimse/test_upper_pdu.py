"""PDUs against the standard's bytes and against arbitrary ones (PS3.8 9.3)."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.dimse.upper import dimse
from agent.dimse.upper.associate import (
    AnsweredContext,
    AssociateAc,
    AssociateRq,
    ProposedContext,
    Role,
    UserIdentity,
    UserInformation,
)
from agent.dimse.upper.failure import ProtocolError
from agent.dimse.upper.pdu import (
    Abort,
    AssociateRj,
    PData,
    PduType,
    Pdv,
    ReleaseRp,
    ReleaseRq,
    body_length,
    decode,
    encode,
    fragmented,
)

uids = st.from_regex(r"[0-2](\.[1-9][0-9]{0,8}){1,5}", fullmatch=True)
titles = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_- ", min_size=1, max_size=16).map(str.strip)
users = st.builds(
    UserInformation,
    maximum_length=st.integers(0, 0xFFFFFFFF),
    implementation_class_uid=uids,
    implementation_version_name=st.text("ABC123_", max_size=16),
    roles=st.lists(st.builds(Role, uids, st.booleans(), st.booleans()), max_size=3).map(tuple),
    user_identity=st.none()
    | st.builds(UserIdentity, st.integers(1, 5), st.binary(max_size=40), st.binary(max_size=40), st.booleans()),
    identity_response=st.none() | st.binary(max_size=40),
)


def ids(count: int) -> range:
    return range(1, 2 * count, 2)


@st.composite
def requests(draw: st.DrawFn) -> AssociateRq:
    pairs = draw(st.lists(st.tuples(uids, st.lists(uids, min_size=1, max_size=3)), min_size=1, max_size=128))
    contexts = (ProposedContext(i, a, tuple(t)) for i, (a, t) in zip(ids(len(pairs)), pairs, strict=True))
    return AssociateRq(
        called_ae_title=draw(titles), calling_ae_title=draw(titles), contexts=tuple(contexts), user=draw(users)
    )


@st.composite
def acceptances(draw: st.DrawFn) -> AssociateAc:
    answers = draw(st.lists(st.tuples(st.integers(0, 4), uids), min_size=1, max_size=128))
    contexts = (AnsweredContext(i, r, "" if r else t) for i, (r, t) in zip(ids(len(answers)), answers, strict=True))
    return AssociateAc(
        called_ae_title=draw(titles), calling_ae_title=draw(titles), contexts=tuple(contexts), user=draw(users)
    )


octets = st.integers(0, 255)
pdvs = st.builds(Pdv, octets, st.booleans(), st.booleans(), st.binary(max_size=60))
pdus = (
    requests()
    | acceptances()
    | st.builds(AssociateRj, octets, octets, octets)
    | st.builds(PData, st.lists(pdvs, min_size=1, max_size=4).map(tuple))
    | st.builds(Abort, octets, octets)
    | st.sampled_from([ReleaseRq(), ReleaseRp()])
)


@given(pdus)
def test_what_is_encoded_is_decoded(pdu: object) -> None:
    data = encode(pdu)
    kind, length = body_length(data[:6], 1 << 20)
    assert length == len(data) - 6
    assert decode(kind, data[6:]) == pdu


@given(pdus, st.data())
def test_a_damaged_pdu_is_a_pdu_or_a_protocol_error(pdu: object, data: st.DataObject) -> None:
    raw = bytearray(encode(pdu))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(octets)
    del raw[data.draw(st.integers(6, len(raw))) :]
    try:
        kind, _ = body_length(bytes(raw[:6]), 16384)
        decode(kind, bytes(raw[6:]))
    except ProtocolError:
        pass


@given(st.sampled_from(PduType), st.binary(max_size=300))
def test_arbitrary_bytes_are_a_pdu_or_a_protocol_error(kind: PduType, body: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        assert decode(kind, body) is not None


@given(st.binary(min_size=6, max_size=6))
def test_a_header_never_announces_more_than_its_bound(header: bytes) -> None:
    try:
        kind, length = body_length(header, 16384)
    except ProtocolError:
        return
    assert length <= (65536 if kind in (1, 2) else 16384 if kind == 4 else 4)


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 6, 7])
def test_two_gibibytes_are_refused_before_they_are_read(kind: int) -> None:
    with pytest.raises(ProtocolError):
        body_length(struct.pack(">BxI", kind, 1 << 31), 131072)


@pytest.mark.parametrize(
    ("header", "reason"), [(b"\x00\0\0\0\0\x04", 1), (b"\x08\0\0\0\0\x04", 1), (b"\x05\0\0\0\0\x05", 6)]
)
def test_the_abort_names_the_fault(header: bytes, reason: int) -> None:
    with pytest.raises(ProtocolError) as refused:
        body_length(header, 16384)
    assert refused.value.reason == reason


def test_the_short_pdus_are_the_bytes_of_the_standard() -> None:
    assert encode(ReleaseRq()) == bytes.fromhex("05000000000400000000")
    assert encode(ReleaseRp()) == bytes.fromhex("06000000000400000000")
    assert encode(Abort(2, 6)) == bytes.fromhex("07000000000400000206")
    assert encode(AssociateRj(1, 1, 7)) == bytes.fromhex("03000000000400010107")


def test_a_request_is_the_bytes_of_the_standard() -> None:
    request = AssociateRq(
        called_ae_title="PACS",
        calling_ae_title="AGENT",
        contexts=(ProposedContext(1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),),
        user=UserInformation(maximum_length=65536, implementation_class_uid="1.2.3"),
    )
    user = b"\x51\0\0\x04\0\x01\0\0" + b"\x52\0\0\x051.2.3"
    context = b"\x01\0\0\0" + b"\x30\0\0\x111.2.840.10008.1.1" + b"\x40\0\0\x111.2.840.10008.1.2"
    body = (
        b"\0\x01\0\0" + b"PACS            " + b"AGENT           " + bytes(32)
        + b"\x10\0\0\x151.2.840.10008.3.1.1.1"
        + b"\x20\0\0\x2e" + context
        + b"\x50\0\0\x11" + user
    )  # fmt: skip
    assert encode(request) == b"\x01\0" + struct.pack(">I", len(body)) + body


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.replace(b"\x20\0\0\x2e\x01", b"\x20\0\0\x2e\x02"),  # an even context id
        lambda b: b.replace(b"1.2.840.10008.1.1", b"1.2.840.10008.a.1"),  # letters in a UID
        lambda b: b.replace(b"AGENT", b"\xc0GENT"),  # not ASCII
        lambda b: b.replace(b"\x51\0\0\x04", b"\x51\0\0\x03"),  # items no longer fit
        lambda b: b[:60],  # shorter than the fixed part
        lambda b: b + b"\x20\0\0",  # an item without its length
    ],
)
def test_a_wrong_request_is_refused(change: object) -> None:
    request = AssociateRq(
        called_ae_title="PACS",
        calling_ae_title="AGENT",
        contexts=(ProposedContext(1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),),
        user=UserInformation(maximum_length=65536, implementation_class_uid="1.2.3"),
    )
    body = encode(request)[6:]
    assert decode(PduType.ASSOCIATE_RQ, body) == request
    assert change(body) != body
    with pytest.raises(ProtocolError):
        decode(PduType.ASSOCIATE_RQ, change(body))


@given(st.binary(max_size=2000), st.integers(64, 500))
def test_fragments_obey_the_limit_and_make_the_message_again(message: bytes, limit: int) -> None:
    pieces = [pdu.pdvs[0] for pdu in fragmented(message, 3, limit, is_command=True)]
    assert b"".join(p.fragment for p in pieces) == message
    assert all(len(p.fragment) + 6 <= limit for p in pieces)
    assert [p.is_last for p in pieces] == [False] * (len(pieces) - 1) + [True]


# --- command sets (PS3.7 6.3) ------------------------------------------------------------------------------


def test_a_store_command_is_the_bytes_of_the_standard() -> None:
    body = bytes.fromhex(
        "00000200" + "06000000" + b"1.2.3\0".hex() + "00000001" + "02000000" + "0100" + "00001001" + "02000000" + "0700"
        "00000007" + "02000000" + "0000" + "00000008" + "02000000" + "0100"
        "00000010" + "04000000" + b"1.29".hex()
    )
    expected = bytes.fromhex("0000000004000000") + struct.pack("<I", len(body)) + body
    assert dimse.c_store_rq("1.2.3", "1.29", 7) == expected


@given(st.binary(max_size=200))
def test_arbitrary_command_sets_are_read_or_refused(data: bytes) -> None:
    try:
        command = dimse.decode(data)
        command.integer(0x0900)
        assert isinstance(command.text(0x0902), str)
        assert isinstance(command.offending_elements, str)
    except ProtocolError:
        pass


def test_comment_and_offending_elements_are_kept() -> None:
    command = dimse.decode(
        dimse.encode({0x100: 0x8001, 0x120: 1, 0x900: 0xA900, 0x901: bytes.fromhex("1000200008006000"), 0x902: b"why "})
    )
    assert command.integer(0x900) == 0xA900
    assert command.text(0x902) == "why"
    assert command.offending_elements == "(0010,0020),(0008,0060)"


@pytest.mark.parametrize("data", [b"", b"\x08\0\0\x01\x02\0\0\0\x01\x80", dimse.encode({0x900: 0})])
def test_a_command_set_needs_group_zero_and_a_command_field(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        dimse.decode(data)
