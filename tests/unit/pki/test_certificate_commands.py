"""The commands that make a key on the box and hold a signed certificate against it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from agent import pki


def command(*words: object) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-P", "-m", "agent.cli", "certificate", *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def test_a_key_is_made_once_and_its_own_certificate_is_known(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    folder.mkdir()
    folder.chmod(0o2775)
    key = folder / "box.key"
    words = ("request", key, "--common-name", "US 2", "--dns", "us2.hospital.example", "--ip", "192.0.2.7")
    assert command(*words).stdout.startswith("made")
    assert key.stat().st_mode & 0o777 == 0o640
    request = x509.load_pem_x509_csr((folder / "box.csr").read_bytes())
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["us2.hospital.example"]
    before = key.read_bytes(), (folder / "box.csr").read_bytes()
    assert command(*words).stdout.startswith("there already")
    assert (key.read_bytes(), (folder / "box.csr").read_bytes()) == before
    now = datetime.now(UTC)
    other = pki.self_signed(tmp_path, "other", pki.Names(common_name="x", dns=("x.example",)),
                            pki.Validity(not_before=now, not_after=now + timedelta(days=1)))  # fmt: skip
    assert command("pair", other.certificate, other.key).returncode == 0
    said = command("pair", other.certificate, key)
    assert (said.returncode, "K-01" in said.stderr) == (1, True)


def test_without_a_setgid_folder_the_key_is_its_owners(tmp_path: Path) -> None:
    assert command("request", tmp_path / "box.key", "--common-name", "b", "--dns", "b.example").returncode == 0
    assert (tmp_path / "box.key").stat().st_mode & 0o777 == 0o600
    assert command("request", tmp_path / "box.pem", "--common-name", "b", "--dns", "b.example").returncode == 1
    assert command("request", tmp_path / "none.key", "--common-name", "b").returncode == 1
    assert not (tmp_path / "none.key").exists()
