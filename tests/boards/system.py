"""The system in an image, read from its squashfs: what is installed, and that nobody can get in."""

from __future__ import annotations

import struct
from pathlib import Path

NO_DOORS = (
    "openssh-server", "openssh-client", "dropbear-bin", "telnetd", "inetutils-telnetd", "rsh-server", "cockpit",
    "shellinabox", "avahi-daemon", "bluez", "wpasupplicant",
)  # fmt: skip
"""Packages by which somebody could come in, or the box would speak by radio."""
NO_GETTY = ("getty@.service", "serial-getty@.service", "console-getty.service", "container-getty@.service",
            "autovt@.service", "getty.target", "debug-shell.service")  # fmt: skip
READ = (
    "etc", "var/lib/dpkg/status", "usr/lib/systemd", "usr/lib/modality-agent-image", "usr/sbin", "usr/bin",
    "opt/modality-agent", "usr/lib/modules",
)  # fmt: skip
"""What of a system is read."""
_MACHINES = {183: "arm64", 62: "amd64"}
_HOME = "opt/modality-agent"


def packages(root: Path, architecture: str, version: str, needed: tuple[str, ...]) -> str:
    """The agent in its Debian package, and everything of the board's architecture; `version`: of the image."""
    told = installed(root)
    for name in ("modality-agent", "systemd", "rauc", "nftables", "python3", *needed):
        assert name in told, f"{name} is not installed"
    present = [name for name in NO_DOORS if name in told]
    assert not present, f"{present} let somebody in"
    wrong = {name: arch for name, (_, arch) in told.items() if arch not in (architecture, "all")}
    assert not wrong, f"of another architecture: {wrong}"
    assert (root / "usr/lib/modality-agent-image/version").read_text().strip() == version
    project = version.partition("+")[0]
    assert told["modality-agent"][0].startswith(f"{project}+"), told["modality-agent"]
    libraries = list((root / _HOME).rglob("*.so*"))
    assert libraries
    strange = [path.name for path in libraries if not path.is_symlink() and elf(path) not in ("", architecture)]
    assert not strange, f"compiled for another machine: {strange}"
    return f"{len(told)} packages, {len(libraries)} compiled parts, the agent {told['modality-agent'][0]}"


def installed(root: Path) -> dict[str, tuple[str, str]]:
    """Return the installed Debian packages: name → version and architecture."""
    found = {}
    for text in (root / "var/lib/dpkg/status").read_text(errors="replace").split("\n\n"):
        row = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith(" "))
        if row.get("Status", "").endswith(" installed"):
            found[row["Package"]] = (row["Version"], row["Architecture"])
    return found


def elf(path: Path) -> str:
    """Return the architecture that a compiled file is for; empty: it is no such file."""
    with path.open("rb") as file:
        head = file.read(20)
    if head[:4] != b"\x7fELF":
        return ""
    return _MACHINES.get(struct.unpack("<H", head[18:20])[0], "unknown")


def closed(root: Path) -> str:
    """No password, no shell, no console, no SSH, no swap; the firewall lets nothing in by itself."""
    shadow = [line.split(":") for line in (root / "etc/shadow").read_text().splitlines()]
    assert {row[1] for row in shadow} == {"!*"}, "an account has a password"
    shells = {line.split(":")[6] for line in (root / "etc/passwd").read_text().splitlines()}
    assert shells == {"/usr/sbin/nologin"}, shells
    units = root / "etc/systemd/system"
    for name in NO_GETTY:
        assert str((units / name).readlink()) == "/dev/null", f"{name} can be started"
    wanted = [path for place in ("etc", "usr/lib") for path in (root / place / "systemd/system").glob("*.wants/*")]
    gettys = [path.name for path in wanted if "getty" in path.name and not _masked(units, path.name)]
    assert not gettys, f"a console is wanted: {gettys}"
    for name in ("sshd", "dropbear", "in.telnetd"):
        assert not (root / "usr/sbin" / name).exists(), name
    assert not list((root / "etc").glob("ssh/*_key")), "a host key that every box has"
    assert not [line for line in (root / "etc/fstab").read_text().splitlines() if " swap " in line]
    assert "policy drop" in (root / "etc/nftables.conf").read_text()
    assert not (root / "etc/modality-agent/config.toml").exists(), "a box that is enrolled before anybody did it"
    assert (root / "etc/machine-id").read_text().strip() == "uninitialized"
    return f"{len(shadow)} accounts without password and shell, {len(NO_GETTY)} kinds of console masked"


def _masked(units: Path, name: str) -> bool:
    template = f"{name.partition('@')[0]}@.service" if "@" in name else name
    return (units / template).is_symlink() and str((units / template).readlink()) == "/dev/null"
