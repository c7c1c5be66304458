"""Certificates: judged by OpenSSL's own verifier in a real handshake, and by the modes of the files."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from agent import pki
from tests.pki import Pki, make

YEAR = pki.Validity(not_before=datetime(2026, 1, 1, tzinfo=UTC), not_after=datetime(2027, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make(tmp_path_factory.mktemp("pki"))


def handshake(
    ca: Path, server: tuple[Path, Path], client: tuple[Path, Path] | None, name: str = "localhost"
) -> str:
    """Shake hands in memory; returns the protocol version or raises `ssl.SSLError`."""
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(ca))
    server_context.verify_mode = ssl.CERT_REQUIRED
    server_context.load_cert_chain(*map(str, server))
    client_context = ssl.create_default_context(cafile=str(ca))
    if client:
        client_context.load_cert_chain(*map(str, client))
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client_context.wrap_bio(down, up, server_hostname=name)
    theirs = server_context.wrap_bio(up, down, server_side=True)
    done: set[int] = set()
    for _ in range(10):
        for end in (ours, theirs):
            try:
                end.do_handshake()
                done.add(id(end))
            except ssl.SSLWantReadError:
                continue
    assert len(done) == 2
    return str(ours.version())


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_good_certificates_shake_hands_both_ways(certificates: Pki, name: str) -> None:
    pacs, agent = (
        (certificates.pacs_cert, certificates.pacs_key),
        (certificates.agent_cert, certificates.agent_key),
    )
    assert handshake(certificates.ca, pacs, agent, name) == "TLSv1.3"


@pytest.mark.parametrize(
    ("kind", "code"), [("rogue", 20), ("expired", 10), ("future", 9), ("wrong_name", 62)]
)
def test_each_wrong_certificate_is_refused_for_its_own_reason(
    certificates: Pki, kind: str, code: int
) -> None:
    server = (getattr(certificates, f"{kind}_cert"), getattr(certificates, f"{kind}_key"))
    with pytest.raises(ssl.SSLCertVerificationError) as refused:
        handshake(certificates.ca, server, (certificates.agent_cert, certificates.agent_key))
    assert refused.value.verify_code == code


def test_files_are_private_and_nothing_else_is_left(tmp_path: Path) -> None:
    names = pki.Names(common_name="box", dns=("box.local",), ip=("192.0.2.7",))
    pki.self_signed(tmp_path, "web", names, YEAR)
    pki.make_request(tmp_path, "dicom", names)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
    assert modes == {"web.crt": 0o600, "web.key": 0o600, "dicom.csr": 0o600, "dicom.key": 0o600}


def test_serial_numbers_differ(tmp_path: Path, certificates: Pki) -> None:
    files = (certificates.pacs_cert, certificates.agent_cert, certificates.ca, certificates.expired_cert)
    serials = {x509.load_pem_x509_certificate(f.read_bytes()).serial_number for f in files}
    assert len(serials) == 4
    assert all(0 < s < 1 << 159 for s in serials)


@pytest.mark.parametrize("names", [{"common_name": "x"}, {"common_name": "x", "ip": ("no address",)}])
def test_a_certificate_without_a_usable_name_is_not_made(tmp_path: Path, names: dict[str, object]) -> None:
    with pytest.raises(pki.CertificateError):
        pki.self_signed(tmp_path, "web", pki.Names(**names), YEAR)  # type: ignore[arg-type]


def test_a_validity_needs_a_time_zone_and_an_order() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    with pytest.raises(pki.CertificateError):
        pki.Validity(not_before=late, not_after=early)
    with pytest.raises(pki.CertificateError):
        pki.Validity(not_before=early.replace(tzinfo=None), not_after=late.replace(tzinfo=None))
