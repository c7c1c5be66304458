"""The enrolment file: what comes of it, what is refused, and that nothing is left of it."""

from __future__ import annotations

import os
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from agent import pki
from agent.cli.appliance import identity
from agent.cli.main import cli
from agent.config.load import load
from agent.enrolling import REFUSED, REQUEST, Owner, enrol, take_certificate
from agent.enrolment import DATA_FOLDER, configuration_text, files, parse
from agent.enrolment_errors import AlreadyEnrolled, EnrolmentError

OWNER = Owner(uid=os.getuid(), gid=os.getgid())
VALIDITY = pki.Validity(not_before=datetime(2026, 1, 1, tzinfo=UTC), not_after=datetime.now(UTC) + timedelta(days=9))
CONFIGURATION = """
[configuration.box]
name = "Кабінет УЗД"
ae_title = "US1"
language = "uk"
[configuration.worklist]
host = "ris.hospital.example"
called_ae_title = "RIS"
[[configuration.source]]
name = "us1"
driver = "simulator"
object = { modality = "US", series_description = "5\\" a" }
[configuration.source.picture]
mask = [[0, 0, 320, 24]]
[[configuration.destination]]
name = "archive"
host = "pacs.hospital.example"
called_ae_title = "PACS"
[configuration.listener]
port = 2763
"""


@pytest.fixture(name="ca")
def make_ca(tmp_path: Path) -> pki.Identity:
    folder = tmp_path / "site"
    folder.mkdir()
    return pki.make_authority(folder, "ca", "Site", VALIDITY)


def enrolment(ca: pki.Identity, box: pki.Identity | None = None, site: str = "") -> bytes:
    own = f"certificate = '''{box.certificate.read_text()}'''\nkey = '''{box.key.read_text()}'''\n" if box else ""
    certificates = f"[certificates]\nauthority = '''{ca.certificate.read_text()}'''\n{own}"
    return f"format = 1\n{certificates}\n[site]\n{site}\n{CONFIGURATION}".encode()


def box_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    folder.mkdir()
    return folder


def test_a_file_with_everything_makes_a_box_and_is_gone(tmp_path: Path, ca: pki.Identity) -> None:
    box = pki.issue(tmp_path / "site", "box", pki.Names(common_name="US1", dns=("us1",)), VALIDITY, ca)
    source, folder = tmp_path / "modality-agent-enrol.toml", box_folder(tmp_path)
    source.write_bytes(enrolment(ca, box, 'time_servers = ["ntp.hospital.example", "10.0.2.2"]'))
    held = os.open(source, os.O_RDONLY)
    enrol(source, folder, OWNER, identity)
    made = load(folder / "config.toml")
    assert (made.box.name, str(made.box.data_dir), made.listener.port) == ("Кабінет УЗД", DATA_FOLDER, 2763)
    assert made.source[0].object.series_description == '5" a'
    assert made.peer(made.destination[0]).tls.key_file == str(folder / "tls/box.key")
    assert (folder / "tls/box.key").stat().st_mode & 0o777 == 0o600
    assert "10.0.2.2" in (folder / "site/timesyncd.conf.d/60-site.conf").read_text()
    assert (folder / "site/doors").read_text() == "add element inet box doors { 2763 }\n"
    assert not source.exists()
    assert not os.pread(held, 1 << 20, 0).strip(b"\0"), "what was in the file is still on the medium"
    os.close(held)


def test_without_a_key_the_box_makes_one_and_asks(tmp_path: Path, ca: pki.Identity) -> None:
    source, folder = tmp_path / "modality-agent-enrol.toml", box_folder(tmp_path)
    source.write_bytes(enrolment(ca))
    assert enrol(source, folder, OWNER, identity).wants_certificate
    request = x509.load_pem_x509_csr((tmp_path / REQUEST).read_bytes())
    key = serialization.load_pem_private_key((folder / "tls/box.key").read_bytes(), password=None)
    assert request.public_key() == key.public_key()
    assert b"PRIVATE" not in (tmp_path / REQUEST).read_bytes()
    other = pki.issue(tmp_path / "site", "other", pki.Names(common_name="X", dns=("x",)), VALIDITY, ca)
    before = (folder / "tls/box.pem").read_bytes()
    wrong = tmp_path / "modality-agent-certificate.pem"
    wrong.write_bytes(other.certificate.read_bytes())
    with pytest.raises(EnrolmentError):
        take_certificate(wrong, folder, OWNER)
    assert (folder / "tls/box.pem").read_bytes() == before


def test_an_enrolled_box_is_not_enrolled_again(tmp_path: Path, ca: pki.Identity) -> None:
    source, folder = tmp_path / "modality-agent-enrol.toml", box_folder(tmp_path)
    (folder / "config.toml").write_text("")
    source.write_bytes(enrolment(ca))
    with pytest.raises(AlreadyEnrolled):
        enrol(source, folder, OWNER, identity)
    assert source.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((b"format = 1", b"format = 2"), "format must be 1"),
        ((b"[site]", b"[sight]"), "sight is not known"),
        ((b"ae_title", b"ae_titel"), "ae_titel"),
        ((b"[site]", b'[site]\ntime_servers = ["a b\\n[Network]"]'), "host names"),
        ((b"[site]", b'[site.network]\naddress = "192.0.2.1"'), "with its prefix"),
        ((b"[site]", b'[site.network]\naddress = "192.0.2.1/24"\ngateway = "x\\nDNS=1"'), "gateway must be"),
        ((b"-----BEGIN CERTIFICATE", b"-----BEGIN SOMETHING"), "not PEM"),
        ((b"format = 1", b"format = 1\xff"), "not TOML in UTF-8"),
    ],
)  # fmt: skip
def test_a_mistake_changes_nothing_and_is_told(
    tmp_path: Path, ca: pki.Identity, change: tuple[bytes, bytes], said: str
) -> None:
    source, folder = tmp_path / "modality-agent-enrol.toml", box_folder(tmp_path)
    text = enrolment(ca).replace(*change, 1)
    source.write_bytes(text)
    with pytest.raises(EnrolmentError, match=said.replace(".", r"\.")):
        enrol(source, folder, OWNER, identity)
    assert said in (tmp_path / REFUSED).read_text()
    assert source.read_bytes() == text
    assert not list(folder.iterdir())


plain = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1), plain, max_size=4))
def test_every_configuration_is_written_as_it_was_told(tables: dict[str, object]) -> None:
    told = parse(b"format = 1\n[configuration]\n")
    text = configuration_text(type(told)(configuration=tables))
    read = tomllib.loads(text)
    if isinstance(tables.get("box", {}), dict):
        tables = {**tables, "box": {"data_dir": "/var/lib/modality-agent", **tables.get("box", {})}}
    assert read == tables


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: f"format = 1\n[configuration]\n{t}".encode()))
def test_no_bytes_do_anything_but_be_refused(data: bytes) -> None:
    try:
        told = parse(data)
    except EnrolmentError:
        return
    assert "config.toml" in list(files(told))[-1]


def test_the_command_says_what_it_cannot_put_to_use(tmp_path: Path, ca: pki.Identity) -> None:
    source, folder = tmp_path / "modality-agent-enrol.toml", box_folder(tmp_path)
    source.write_bytes(enrolment(ca, site='time_servers = ["ntp.hospital.example"]'))
    done = CliRunner().invoke(cli, ["--config", str(folder / "config.toml"), "enrol", str(source)])
    assert done.exit_code == 0, done.output
    for said in ("enrolled", "certificate request", "not put to use here"):
        assert said in done.output
    assert load(folder / "config.toml").box.name == "Кабінет УЗД"
    assert (folder / "tls/box.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("web", "opened"),
    [
        ("", (2763,)),
        ("[configuration.web]\nport = 443", (2763,)),
        ('[configuration.web]\nlisten = "127.0.0.9"\nport = 443', (2763,)),
        ('[configuration.web]\nlisten = "0.0.0.0"', (2763, 8443)),
        ('[configuration.web]\nlisten = "192.0.2.17"\nport = 443\nredirect_port = 80', (2763, 443, 80)),
        ('[configuration.web]\nlisten = "::"\nport = 2763', (2763,)),
        ('[configuration.web]\nlisten = "0.0.0.0"\nport = "443; flush ruleset"', (2763,)),
    ],
)
def test_the_firewall_lets_in_what_the_configuration_opens(ca: pki.Identity, web: str, opened: tuple[int, ...]) -> None:
    told = parse(enrolment(ca) + f"\n{web}\n".encode())
    assert told.ports() == opened
    assert files(told)["site/doors"] == f"add element inet box doors {{ {', '.join(map(str, opened))} }}\n"
