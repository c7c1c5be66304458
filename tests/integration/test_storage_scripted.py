"""The storage sender against a peer that misbehaves in every phase: the right outcome, in bounded time.

Every item gets exactly one outcome; who was not started is never ambiguous; a damaged file never arrives.
"""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from agent.dimse.storage import store
from agent.dimse.verification import echo
from agent.model import PeerAddress, StoreItem, TlsMaterial
from agent.outcome import Outcome
from tests import pki as certificates
from tests.peers import scripted
from tests.peers.process import free_port
from tests.peers.scripted import Peer, abort, accept, close, drip, read_slowly, reject, say, silent, status

SC, EXPLICIT = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.1.2.1"
SHORT_S = 0.6
"""Every deadline of these tests; a try may need a few of them and the polite second after an abort."""


def element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
    if vr == b"OB":
        return struct.pack("<HH2s2xI", group, number, vr, len(value)) + value
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def even(uid: str) -> bytes:
    return uid.encode() + b"\0" * (len(uid) % 2)


def write(folder: Path, number: int, size: int, *, sop_class: str = SC, syntax: str = EXPLICIT) -> StoreItem:
    """Write a Part 10 file with `size` bytes of pixels and return it as an item."""
    uid = f"2.25.{number + 1000}"
    meta = element(2, 1, b"OB", b"\0\1") + element(2, 2, b"UI", even(sop_class)) + element(2, 3, b"UI", even(uid))
    meta += element(2, 0x10, b"UI", even(syntax))
    head = bytes(128) + b"DICM" + element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta
    data = element(8, 0x16, b"UI", even(sop_class)) + element(8, 0x18, b"UI", even(uid))
    data += element(0x7FE0, 0x10, b"OB", os.urandom(size))
    path = folder / f"{number}.dcm"
    path.write_bytes(head + data)
    return StoreItem(
        job_id=number,
        path=str(path),
        sop_class_uid=sop_class,
        sop_instance_uid=uid,
        transfer_syntax_uid=syntax,
        size=len(head + data),
        sha256=hashlib.sha256(head + data).hexdigest(),
    )


def batch(folder: Path, count: int = 3, size: int = 3000) -> list[StoreItem]:
    return [write(folder, n, size) for n in range(count)]


def address(port: int, tls: TlsMaterial | None = None, timeout_s: float = SHORT_S, **more: object) -> PeerAddress:
    peer = PeerAddress(
        name="archive",
        host="127.0.0.1",
        port=port,
        called_ae_title="ARCHIVE",
        calling_ae_title="AGENT",
        tls=tls,
        connect_timeout_s=timeout_s,
        association_timeout_s=timeout_s,
        response_timeout_s=timeout_s,
        progress_timeout_s=timeout_s,
        release_timeout_s=timeout_s,
    )
    return replace(peer, **more)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    start = monotonic()
    yield
    assert monotonic() - start < seconds


def sent(peer: PeerAddress, items: Sequence[StoreItem]) -> list[Outcome]:
    """Store and return the outcomes in the order of the items: one each."""
    outcomes: dict[int, Outcome] = {}

    def report(job: int, outcome: Outcome) -> None:
        assert job not in outcomes, "one outcome each"
        outcomes[job] = outcome

    store(peer, items, report)
    assert set(outcomes) == {i.job_id for i in items}
    return [outcomes[i.job_id] for i in items]


def told(outcomes: Sequence[Outcome]) -> list[tuple[str, str, str, bool]]:
    return [(str(o.phase), o.code, str(o.action), o.ambiguous) for o in outcomes]


STORED = ("response", "0x0000", "sent", False)
pytestmark = pytest.mark.alone  # how long each may take is asserted


def test_a_good_peer_gets_every_byte_it_should(tmp_path: Path) -> None:
    items = [write(tmp_path, n, size) for n, size in enumerate((0, 1, 16377, 16378, 16379, 600_000, 2_000_000))]
    items[0] = write(tmp_path, 0, 2)
    with Peer({}) as peer:
        assert told(sent(address(peer.port), items)) == [STORED] * 7
    assert peer.received == [i.sop_instance_uid for i in items]
    assert (peer.connections, peer.releases) == (1, 1)
    assert peer.proposals == [[(SC, [EXPLICIT])]]


@pytest.mark.parametrize("maximum", [0, 128, 1000, 4096, 131072])
def test_the_peers_maximum_is_obeyed(tmp_path: Path, maximum: int) -> None:
    with Peer({"associate": accept(maximum=maximum)}) as peer:
        assert told(sent(address(peer.port, timeout_s=10), batch(tmp_path, 2, 50_000))) == [STORED] * 2
    assert len(peer.received) == 2


@pytest.mark.parametrize("value", [0xA900, 0xC000, 0x0110, 0x0117, 0x0122, 0xB006, 0x0111, 0x0210])
def test_one_bad_answer_does_not_stop_the_others(tmp_path: Path, value: int) -> None:
    with Peer({"response": [status(0), status(value), status(0)]}) as peer:
        outcomes = sent(address(peer.port), batch(tmp_path))
    assert [o.code for o in outcomes] == ["0x0000", f"0x{value:04X}", "0x0000"]
    assert len(peer.received) == 3


@pytest.mark.parametrize("value", [0xA700, 0x0213, 0x0124])
def test_an_answer_for_the_whole_archive_stops_the_batch(tmp_path: Path, value: int) -> None:
    with Peer({"response": [status(0), status(value)]}) as peer:
        outcomes = sent(address(peer.port), batch(tmp_path, 4))
    action = "suspend destination" if value == 0x0124 else "retry later"
    code = f"0x{value:04X}"
    assert told(outcomes) == [STORED, ("response", code, action, False), *[("service", code, action, False)] * 2]
    assert (len(peer.received), peer.releases) == (2, 1)


def test_comment_and_offending_element_come_through(tmp_path: Path) -> None:
    answer = status(0xA900, comment="Невірний ʼклас’ ".encode(), offending=bytes.fromhex("08001600"))
    with Peer({"response": answer}) as peer:
        (outcome,) = sent(address(peer.port), batch(tmp_path, 1))
    assert (outcome.comment, outcome.offending_element) == ("Невірний ʼклас’", "(0008,0016)")


@pytest.mark.parametrize("value", [0xFF00, 0xFE00])
def test_pending_is_illegal_and_ends_the_association(tmp_path: Path, value: int) -> None:
    with Peer({"response": status(value)}) as peer:
        first, second = sent(address(peer.port), batch(tmp_path, 2))
    assert (first.action, first.ambiguous, second.ambiguous) == ("retry later", True, False)
    assert second.phase == "association"
    assert len(peer.last_words) == 1


def test_no_status_is_unknown(tmp_path: Path) -> None:
    with Peer({"response": status(None)}) as peer:
        first, second = sent(address(peer.port), batch(tmp_path, 2))
    assert (first.code, first.action, first.ambiguous) == ("no status", "retry later", True)
    assert not second.ambiguous


@pytest.mark.parametrize(
    "answer",
    [
        status(0, instance=b"2.25.999999\0"),
        status(0, message_id=77),
        status(0, field=0x8030),
        status(0, field=0x0001),
    ],
)
def test_an_answer_to_something_else_proves_nothing(tmp_path: Path, answer: scripted.Act) -> None:
    with Peer({"response": answer}) as peer:
        first, second = sent(address(peer.port), batch(tmp_path, 2))
    assert told([first, second]) == [
        ("response", "wrong answer", "retry later", True),
        ("association", "wrong answer", "retry later", False),
    ]
    assert len(peer.last_words) == 1, "our A-ABORT"


@pytest.mark.parametrize("triple", [(1, 1, 1), (1, 1, 2), (1, 1, 3), (1, 1, 7), (1, 2, 2), (2, 3, 1), (2, 3, 2)])
def test_rejection(tmp_path: Path, triple: tuple[int, int, int]) -> None:
    suspends = triple in {(1, 1, 2), (1, 1, 3), (1, 1, 7), (1, 2, 2)}
    with Peer({"associate": reject(*triple)}) as peer, within(2):
        outcomes = sent(address(peer.port), batch(tmp_path))
    action = "suspend destination" if suspends else "retry later"
    assert told(outcomes) == [("association", "{}-{}-{}".format(*triple), action, False)] * 3


def test_a_context_refused_falls_back_and_the_others_go_on(tmp_path: Path) -> None:
    endoscopic = "1.2.840.10008.5.1.4.1.1.77.1.1"
    items = [write(tmp_path, 0, 100), write(tmp_path, 1, 100, sop_class=endoscopic), write(tmp_path, 2, 100)]
    with Peer({"associate": accept(result={endoscopic: 3})}) as peer:
        outcomes = sent(address(peer.port), items)
    assert told(outcomes) == [STORED, ("context", "context 3", "fall back", False), STORED]


def test_all_contexts_refused(tmp_path: Path) -> None:
    with Peer({"associate": accept(result={SC: 4})}) as peer:
        outcomes = sent(address(peer.port), batch(tmp_path))
    assert told(outcomes) == [("context", "context 4", "fall back", False)] * 3
    assert peer.releases == 1


def test_more_than_128_kinds_of_object_need_a_second_association(tmp_path: Path) -> None:
    items = [write(tmp_path, n, 10, sop_class=f"1.2.3.{n}") for n in range(130)]
    with Peer({}) as peer:
        assert told(sent(address(peer.port, timeout_s=10), items)) == [STORED] * 130
    assert [len(p) for p in peer.proposals] == [128, 2]


@pytest.mark.parametrize("phase", ["data", "response"])
def test_an_abort_counts_for_its_instance_only(tmp_path: Path, phase: str) -> None:
    with Peer({phase: abort(2, 0)}) as peer, within(3):
        outcomes = sent(address(peer.port), batch(tmp_path, size=3_000_000))
    assert outcomes[0].phase in ("sending", "response")
    assert (outcomes[0].code, outcomes[0].action, outcomes[0].tries) == ("abort 2-0", "retry instance", 3)
    assert outcomes[0].ambiguous
    assert told(outcomes[1:]) == [("association", "abort 2-0", "retry later", False)] * 2


def test_an_abort_instead_of_an_acceptance(tmp_path: Path) -> None:
    with Peer({"associate": abort(0, 0)}) as peer, within(2):
        outcomes = sent(address(peer.port), batch(tmp_path))
    assert told(outcomes) == [("association", "abort 0-0", "retry later", False)] * 3


ASSOCIATE = {
    "silent": (silent, "associate timeout"),
    "dripping": (drip(b"\x02\0\0\0\x01\x00" + bytes(200)), "associate timeout"),
    "closing": (close, "lost"),
    "huge": (say(b"\x02" + scripted.HUGE), "protocol"),
    "not DICOM": (say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "protocol"),
    "data first": (say(bytes.fromhex("040000000008000000040103aaaa")), "protocol"),
    "release first": (say(b"\x05\0\0\0\0\x04\0\0\0\0"), "protocol"),
    "damaged": (say(b"\x02\0\0\0\0\x50" + bytes(68) + b"\x50\0\xff\xff" + bytes(8)), "protocol"),
}


@pytest.mark.parametrize("name", ASSOCIATE)
def test_association_never_hangs(tmp_path: Path, name: str) -> None:
    act, code = ASSOCIATE[name]
    with Peer({"associate": act}) as peer, within(SHORT_S + 2.5):
        outcomes = sent(address(peer.port), batch(tmp_path))
        peer.stopping.set()
    assert told(outcomes) == [("association", code, "retry later", False)] * 3


RESPONSE = {
    "silent": (silent, "response timeout"),
    "dripping": (drip(b"\x04\0\0\0\x01\0" + bytes(250)), "response timeout"),
    "closing": (close, "lost"),
    "huge": (say(b"\x04" + scripted.HUGE), "protocol"),
    "nonsense": (say(b"\x04\0\0\0\0\x08\0\0\0\x04\x01\x03ab"), "protocol"),
    "another context": (say(b"\x04\0\0\0\0\x08\0\0\0\x04\x09\x03ab"), "protocol"),
    "associate again": (say(b"\x03\0\0\0\0\x04\0\1\1\1"), "protocol"),
    "release": (say(b"\x05\0\0\0\0\x04\0\0\0\0"), "released"),
}


@pytest.mark.parametrize("name", RESPONSE)
def test_an_answer_is_waited_for_but_not_for_ever(tmp_path: Path, name: str) -> None:
    act, code = RESPONSE[name]
    with Peer({"response": [status(0), act]}) as peer, within(SHORT_S + 2.5):
        outcomes = sent(address(peer.port), batch(tmp_path))
        peer.stopping.set()
    assert told(outcomes) == [
        STORED,
        ("response", code, "retry later", True),
        ("association", code, "retry later", False),
    ]


@pytest.mark.parametrize("act", [silent, read_slowly], ids=["stops reading", "reads a byte at a time"])
def test_a_peer_that_stops_reading_does_not_hold_us(tmp_path: Path, act: scripted.Act) -> None:
    with Peer({"data": act}) as peer, within(SHORT_S * 3 + 2.5):
        outcomes = sent(address(peer.port), batch(tmp_path, 2, 30_000_000))
        peer.stopping.set()
    assert told(outcomes) == [
        ("sending", "stalled", "retry later", True),
        ("association", "stalled", "retry later", False),
    ]


@pytest.mark.parametrize("act", [silent, close, abort(2, 0), drip(b"\x06\0\0\0\0"), say(b"\x06" + scripted.HUGE)])
def test_a_bad_release_takes_nothing_back(tmp_path: Path, act: scripted.Act) -> None:
    with Peer({"release": act}) as peer, within(SHORT_S + 2.5):
        assert told(sent(address(peer.port), batch(tmp_path))) == [STORED] * 3
        peer.stopping.set()


# --- our own files -----------------------------------------------------------------------------------------


def damage(item: StoreItem) -> None:
    data = bytearray(Path(item.path).read_bytes())
    data[-100] ^= 1
    Path(item.path).write_bytes(data)


@pytest.mark.parametrize("size", [3_000, 4_000_000], ids=["one buffer", "many buffers"])
def test_a_damaged_file_never_arrives_and_the_others_do(tmp_path: Path, size: int) -> None:
    items = batch(tmp_path, 3, size)
    damage(items[1])
    with Peer({}) as peer:
        outcomes = sent(address(peer.port), items)
    assert told(outcomes) == [STORED, ("file", "corrupt", "hold instance", False), STORED]
    assert outcomes[1].blame == "instance"
    assert peer.received == [items[0].sop_instance_uid, items[2].sop_instance_uid]
    assert len(peer.last_words) == (0 if size < 500_000 else 1), "A-ABORT once something had left"


def test_what_is_wrong_with_a_file_is_named(tmp_path: Path) -> None:
    items = batch(tmp_path, 6)
    Path(items[0].path).unlink()
    Path(items[1].path).write_bytes(Path(items[1].path).read_bytes()[:-2])
    Path(items[2].path).write_bytes(bytes(items[2].size))
    items[3] = replace(items[3], sop_instance_uid="2.25.4")
    items[4] = replace(items[4], path=str(tmp_path), size=tmp_path.stat().st_size)
    with Peer({}) as peer:
        outcomes = sent(address(peer.port), items)
    codes = ["missing", "corrupt", "not part 10", "other object", "unreadable"]
    assert told(outcomes) == [*(("file", c, "hold instance", False) for c in codes), STORED]
    assert peer.received == [items[5].sop_instance_uid]


def test_a_callback_that_fails_ends_the_association(tmp_path: Path) -> None:
    def report(_job: int, _outcome: Outcome) -> None:
        raise KeyError("the core is gone")

    with Peer({}) as peer, pytest.raises(KeyError):
        store(address(peer.port), batch(tmp_path), report)
    assert len(peer.last_words) == 1


# --- name and TCP ------------------------------------------------------------------------------------------


def test_nobody_listens(tmp_path: Path) -> None:
    assert told(sent(address(free_port()), batch(tmp_path))) == [("tcp", "refused", "retry later", False)] * 3


def test_a_full_queue_of_connections(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        crowd = [socket.socket() for _ in range(4)]
        try:
            for sock in crowd:
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.1", port))
            with within(SHORT_S + 1):
                outcome = echo(address(port))
        finally:
            for sock in crowd:
                sock.close()
    assert (outcome.phase, outcome.code) == ("tcp", "connect timeout")


def test_a_name_that_is_none(tmp_path: Path) -> None:
    with within(8):
        outcome = echo(address(104, host="no-such-host.invalid", timeout_s=5))
    assert (outcome.phase, outcome.action) == ("name", "retry later")


# --- TLS ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> certificates.Pki:
    return certificates.make(tmp_path_factory.mktemp("pki"))


def server(pki: certificates.Pki, name: str = "pacs", ca: Path | None = None, version: str = "1.3") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(getattr(pki, f"{name}_cert"), getattr(pki, f"{name}_key"))
    context.load_verify_locations(ca or pki.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    return context


def material(pki: certificates.Pki, name: str | None = "agent", **more: str) -> TlsMaterial:
    bare = TlsMaterial(ca_file=str(pki.ca))
    if name is not None:
        certificate, key = (str(getattr(pki, f"{name}_{what}")) for what in ("cert", "key"))
        bare = replace(bare, certificate_file=certificate, key_file=key)
    return replace(bare, **more)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_mutual_tls(tmp_path: Path, pki: certificates.Pki, version: str) -> None:
    with Peer({}, server(pki, version=version)) as peer:
        assert told(sent(address(peer.port, material(pki), 5), batch(tmp_path, 2, 2_000_000))) == [STORED] * 2
    assert len(peer.received) == 2


@pytest.mark.parametrize(
    ("name", "code", "blame"),
    [
        ("expired", "verify:10", "destination"),
        ("future", "verify:9", "box"),
        ("rogue", "verify:20", "destination"),
        ("wrong_name", "verify:64", "destination"),
    ],
)
def test_a_wrong_certificate_has_its_own_words(pki: certificates.Pki, name: str, code: str, blame: str) -> None:
    with Peer({}, server(pki, name)) as peer, within(4):
        outcome = echo(address(peer.port, material(pki)))
    assert (outcome.phase, outcome.code, outcome.action) == ("tls", code, "suspend destination")
    assert outcome.blame == blame


def test_verify_modes(pki: certificates.Pki) -> None:
    der = ssl.PEM_cert_to_DER_cert(pki.wrong_name_cert.read_text())
    pin = hashlib.sha256(der).hexdigest()
    modes = {
        "ca-only": "verified",
        "name:elsewhere.invalid": "verified",
        "name:localhost": "verify:62",
        f"pin:{pin}": "verified",
        f"pin:{pin[::-1]}": "pin",
        "pin:12": "tls setting",
        "off": "tls setting",
        "hostname": "verify:64",
    }
    with Peer({}, server(pki, "wrong_name")) as peer:
        got = {mode: echo(address(peer.port, material(pki, verify=mode), 5)).code for mode in modes}
    assert got == modes


def test_the_name_of_the_host_is_compared(pki: certificates.Pki) -> None:
    with Peer({}, server(pki)) as peer:
        assert echo(address(peer.port, material(pki), 5, host="localhost")).code == "verified"
        assert echo(address(peer.port, material(pki), 5, host="127.0.0.1")).code == "verified"
        assert echo(address(peer.port, material(pki), 5, host="127.0.0.2")).phase in ("tls", "tcp")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("name", ["rogue", "expired", None])
def test_a_peer_that_refuses_our_certificate(
    tmp_path: Path, pki: certificates.Pki, name: str | None, version: str
) -> None:
    with Peer({}, server(pki, version=version)) as peer, within(4):
        outcomes = sent(address(peer.port, material(pki, name)), batch(tmp_path))
    codes = {"certificate refused"} if name else {"certificate missing", "tls no common cipher"}
    assert {o.code for o in outcomes} <= codes
    assert {(str(o.phase), str(o.action), o.ambiguous) for o in outcomes} == {("tls", "suspend destination", False)}


def test_no_version_in_common(pki: certificates.Pki) -> None:
    with Peer({}, server(pki, version="1.2")) as peer, within(4):
        outcome = echo(address(peer.port, material(pki, minimum_version="1.3")))
    assert (outcome.phase, outcome.code) == ("tls", "tls version")


@pytest.mark.parametrize("act", [silent, drip(b"\x16\x03\x03\x40\x00" + bytes(200))], ids=["silent", "dripping"])
def test_a_handshake_has_an_end(tmp_path: Path, pki: certificates.Pki, act: scripted.Act) -> None:
    with Peer({"tls": act}, server(pki)) as peer, within(SHORT_S + 1.5):
        outcomes = sent(address(peer.port, material(pki)), batch(tmp_path))
        peer.stopping.set()
    assert told(outcomes) == [("tls", "tls timeout", "retry later", False)] * 3


def test_plain_where_tls_is_expected_and_the_other_way(pki: certificates.Pki) -> None:
    with Peer({}) as peer, within(6):
        outcome = echo(address(peer.port, material(pki)))
    assert (outcome.phase, outcome.code) == ("tls", "peer speaks plain")
    with Peer({}, server(pki)) as peer, within(6):
        outcome = echo(address(peer.port))
    assert (outcome.phase, outcome.code) == ("tls", "peer speaks tls")


def test_files_that_cannot_be_used(tmp_path: Path, pki: certificates.Pki) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    for change in (
        {"ca_file": str(tmp_path / "none.pem")},
        {"ca_file": str(empty)},
        {"key_file": str(pki.rogue_key)},
        {"key_file": str(tmp_path / "none.key")},
        {"certificate_file": str(empty)},
    ):
        (outcome,) = sent(address(1, material(pki, **change)), batch(tmp_path, 1))
        assert (outcome.phase, outcome.code, outcome.blame) == ("tls", "tls files", "person")


# --- Verification ------------------------------------------------------------------------------------------


def test_verification() -> None:
    with Peer({}) as peer:
        outcome = echo(address(peer.port))
        assert (outcome.phase, outcome.code, outcome.action) == ("service", "verified", "sent")
    with Peer({"associate": accept(result={"1.2.840.10008.1.1": 3})}) as peer:
        assert echo(address(peer.port)).code == "no verification"
    with Peer({"response": status(0x0210)}) as peer:
        assert not echo(address(peer.port)).sent
    with Peer({"response": silent}) as peer, within(3):
        assert echo(address(peer.port)).code == "response timeout"
        peer.stopping.set()
    with Peer({"associate": reject(1, 1, 7)}) as peer:
        assert echo(address(peer.port)).code == "1-1-7"
