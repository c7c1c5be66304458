"""Ansible for the tests: an environment of its own, made at first use; a run of the role and what it said."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ANSIBLE = ROOT / "ansible"
HOME = ROOT / "build" / "fleet-tools"
WANTED = Path(__file__).with_name("requirements.txt")
_RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@cache
def tool(name: str) -> str:
    """Return the path of one of its commands."""
    stamp = HOME / "stamp"
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != WANTED.read_text():
            subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True)
            pip = [str(HOME / "bin" / "python"), "-m", "pip", "-q", "--disable-pip-version-check", "install"]
            subprocess.run([*pip, "-r", str(WANTED)], check=True, capture_output=True)
            stamp.write_text(WANTED.read_text())
    return str(HOME / "bin" / name)


@dataclass(frozen=True)
class Run:
    """One run of a playbook."""

    status: int
    text: str

    @property
    def changed(self) -> dict[str, int]:
        """Box → how many tasks changed something."""
        return {name: int(changed) for name, changed, _, _ in _RECAP.findall(self.text)}

    @property
    def failed(self) -> dict[str, int]:
        """Box → how many tasks failed or did not reach it."""
        return {name: int(lost) + int(failed) for name, _, lost, failed in _RECAP.findall(self.text)}


def environment(home: Path) -> dict[str, str]:
    """Return what a command of Ansible is told; it keeps its own files below `home`."""
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
        "PATH": f"{HOME / 'bin'}:{os.environ['PATH']}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "ANSIBLE_ROLES_PATH": str(ANSIBLE / "roles"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_LOCALHOST_WARNING": "False",
    }


def play(inventory: Path, *words: str, more: Mapping[str, str] | None = None, limit_s: float = 900) -> Run:
    """Run the shipped playbook over an inventory."""
    argv = ["nice", tool("ansible-playbook"), "-i", str(inventory), str(ANSIBLE / "site.yml"), *words]
    done = subprocess.run(
        argv, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=limit_s,
        env={**environment(inventory.parent), **(more or {})},
    )  # fmt: skip
    return Run(status=done.returncode, text=done.stdout + done.stderr)
