"""Our package on plain Debian 12 and 13: installs offline and runs, keeps the queue over an upgrade, never touches
data (`make deb-test`; needs root)."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.machine import machine as machines
from tests.machine.machine import ROOT, Machine
from tests.machine.surroundings import enrolment_file, exam, install, picture, received, set_up
from tests.system.world import wait_for

pytestmark = [pytest.mark.machine, pytest.mark.timeout(1200)]  # the first one makes the root
CORE = "modality-agent.service"
DATA = "var/lib/modality-agent"


@contextmanager
def debian(suite: str) -> Iterator[Machine]:
    base = machines.plain(suite)
    with (
        tempfile.TemporaryDirectory(prefix="agent-deb-") as folder,
        machines.layer(base, Path(folder)) as root,
        machines.booted(root) as machine,
    ):
        yield machine


@pytest.fixture(scope="module")
def previous() -> Iterator[Path]:
    """The repository as it was one commit ago."""
    folder = ROOT / "build" / "previous"
    _git("worktree", "remove", "--force", str(folder), check=False)
    _git("worktree", "add", "--detach", str(folder), "HEAD~1")
    yield folder
    _git("worktree", "remove", "--force", str(folder))


def _git(*words: str, check: bool = True) -> None:
    subprocess.run(["git", *words], cwd=ROOT, check=check, capture_output=True)


def fingerprint(machine: Machine) -> dict[str, str]:
    """Every file of the data folder that holds what was captured, with its content's hash."""
    spool = machine.root / DATA / "spool"
    return {
        str(f.relative_to(spool)): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in sorted(spool.rglob("*"))
        if f.suffix in (".frm", ".dcm", ".clp")
    }


def version_of(machine: Machine) -> str:
    return machine.run("dpkg-query", "-W", "-f=${Version}", "modality-agent")


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_a_box_lives_from_install_to_purge(suite: str, previous: Path) -> None:
    old, new = machines.package(suite, previous), machines.package(suite)
    print(f"\n{new.name}: {new.stat().st_size / 1e6:.0f} MB")
    with debian(suite) as machine:
        assert machine.sh("ip link 2>/dev/null | grep -c ether || true") in ("", "0"), "no network to install from"
        install(machine, old)
        first = version_of(machine)
        assert machine.run("systemctl", "is-active", CORE, check=False).strip() == "inactive"
        assert machine.run("systemctl", "is-enabled", CORE).strip() == "enabled"
        set_up(machine)

        # something that cannot leave yet
        machine.run("systemctl", "stop", "sandbox.service")
        exam(machine, refresh=False)
        wait_for("the object", lambda: any(f.endswith(".dcm") for f in fingerprint(machine)), 60)
        kept = fingerprint(machine)

        # upgrade: the queue stays
        install(machine, new)
        assert version_of(machine) != first
        wait_for("the service", lambda: _active(machine), 60)
        picture(machine)
        assert fingerprint(machine) == kept
        assert machine.agent("status")["unsent"] > 0

        # remove: data and what a person wrote stay, nothing else
        assert machine.run("dpkg", "--remove", "modality-agent")
        assert not (machine.root / "opt/modality-agent").exists()
        assert not _active(machine)
        assert machine.sh("systemctl list-units 'modality-agent*' --no-legend --state=active,failed") == ""
        assert fingerprint(machine) == kept
        assert (machine.root / "etc/modality-agent/config.toml").exists()

        # and back again: everything leaves at last
        install(machine, new)
        machine.run("systemctl", "reset-failed", check=False)
        shutil.rmtree(machine.root / "srv/sandbox/received", ignore_errors=True)
        set_up(machine)
        wait_for("what was kept at the PACS", lambda: received(machine) >= 1, 90)

        # purge asks nothing and never touches data
        kept = fingerprint(machine)
        machine.run("dpkg", "--purge", "modality-agent")
        assert fingerprint(machine) == kept
        assert (machine.root / DATA / "agent.sqlite3").exists()
        assert (machine.root / "etc/modality-agent/tls/agent.key").exists()
        assert machine.sh("dpkg -l modality-agent 2>/dev/null | grep -c ^ii || true") == "0"


def test_one_file_makes_a_box_of_a_site() -> None:
    """As docs/appliance.md has it: the three commands, then an exam that arrives over mutual TLS."""
    file = "/root/stick/modality-agent-enrol.toml"
    with debian("bookworm") as machine:
        install(machine, machines.package("bookworm"))
        enrolment_file(machine, file)
        assert "enrolled" in machine.run("modality-agent", "enrol", file)
        machine.run("systemd-tmpfiles", "--create", "modality-agent.conf")
        machine.run("systemctl", "start", CORE)
        picture(machine)
        assert not list((machine.root / "root/stick").iterdir()), "something is left on the stick"
        assert machine.sh("stat -c '%a %U %G' /etc/modality-agent/tls/box.key") == "640 root modality-agent-peer"
        exam(machine)
        wait_for("the object at the PACS", lambda: received(machine) == 1, 90)


def _active(machine: Machine) -> bool:
    return machine.run("systemctl", "is-active", CORE, check=False).strip() == "active"


def test_two_builds_of_a_commit_are_the_same_bytes() -> None:
    def build() -> str:
        return hashlib.sha256(machines.package("bookworm").read_bytes()).hexdigest()

    assert build() == build()


AARCH64 = 183
"""e_machine of elf(5): names like `*.abi3.so` do not say for what they were built."""


def machines_of(package: Path) -> set[int]:
    """Return for which processors the libraries in a package are."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as unpacking:
        assert unpacking.stdout is not None
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive:
            heads = [file.read(20) for m in archive if m.isfile() and (file := archive.extractfile(m)) is not None]
    return {int.from_bytes(head[18:20], "little") for head in heads if head[:4] == b"\x7fELF"}


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_the_other_architecture_is_complete(suite: str) -> None:
    argv = ["python3", "packaging/build.py", "--suite", suite, "--architecture", "arm64", "--out", "build/deb-test"]
    done = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True)
    package = ROOT / done.stdout.splitlines()[-1]
    listed = subprocess.run(["dpkg-deb", "-c", str(package)], check=True, capture_output=True, text=True).stdout
    libraries = [line.split()[5] for line in listed.splitlines() if ".so" in line.split()[5]]
    assert libraries
    assert not [name for name in libraries if "x86_64" in name]
    assert machines_of(package) == {AARCH64}
    python = {"bookworm": "311", "trixie": "313"}[suite]
    for wanted in (f"numpy/_core/_multiarray_umath.cpython-{python}-aarch64", "cv2.abi3.so", "_pydantic_core",
                   "imagecodecs/_jpegls.", "simplejpeg/_jpeg.", "_rust.abi3.so", "argon2"):  # fmt: skip
        assert any(wanted in name for name in libraries), wanted
    field = subprocess.run(["dpkg-deb", "-f", str(package), "Architecture"], check=True, capture_output=True, text=True)
    assert field.stdout.strip() == "arm64"
