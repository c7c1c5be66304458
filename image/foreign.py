"""Programs of another architecture: run by QEMU, which the kernel is told of once (binfmt_misc)."""

from __future__ import annotations

import subprocess
from pathlib import Path

BINFMT = Path("/proc/sys/fs/binfmt_misc")
RULES = Path("/usr/lib/binfmt.d")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Debian's architecture → the kernel's and QEMU's name of it."""


def prepare(architecture: str) -> None:
    """Let this machine run programs of `architecture`; what is changed is said. Stops in words where it cannot."""
    line = ["dpkg", "--print-architecture"]
    if subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip() == architecture:
        return
    name = f"qemu-{MACHINES[architecture]}"
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], check=True)
        print(f"this machine: binfmt_misc is mounted at {BINFMT} now")
    if (BINFMT / name).exists():
        return
    rule = RULES / f"{name}.conf"
    if not rule.exists():
        raise SystemExit(f"programs for {architecture} cannot run here: Debian's qemu-user-static is missing")
    (BINFMT / "register").write_bytes(rule.read_bytes())
    print(f"this machine: programs for {architecture} are run by {name} from now on, until it is started anew")
