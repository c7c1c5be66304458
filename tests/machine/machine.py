"""A plain Debian with a real systemd as PID 1: a root made by mmdebstrap, a throw-away layer over it, nspawn.

Needs root. The network of the machine is its own and empty, so that whatever installs there installs offline.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.system.world import PAUSE, wait_for

ROOT = Path(__file__).parents[2]
ROOTS = Path(os.environ.get("MODALITY_AGENT_TEST_ROOTS", "/var/cache/modality-agent-tests"))
MIRROR = "http://deb.debian.org/debian"
OWN_GROUPS = """
for folder in /sys/fs/cgroup/*/; do
  [ -e $folder/cgroup.procs ] && mkdir -p $folder/$0 || continue
  for file in cpuset.cpus cpuset.mems; do [ ! -e $folder/$file ] || cat $folder/$file > $folder/$0/$file; done
  echo $$ > $folder/$0/cgroup.procs
done
exec "$@"
"""
"""Puts a machine into control groups of its own, where the host has none for it: two of them at once do not meet."""
SIGRTMIN_4 = signal.SIGRTMIN + 4


def dependencies() -> list[str]:
    """The Debian packages that ours asks for, from its own control file."""
    lines = (ROOT / "packaging" / "debian" / "control.in").read_text().splitlines()
    told = next(line.partition(":")[2] for line in lines if line.startswith("Depends:"))
    return [word.partition("|")[0].split()[0] for word in told.split(",") if "@" not in word]


def plain(suite: str, *more: str) -> Path:
    """Return a plain Debian of `suite` with our package's dependencies and `more`, made once for each set of them."""
    wanted = sorted([*dependencies(), "python3", "systemd-sysv", "dbus", "udev", *more])
    root = ROOTS / f"{suite}-{hashlib.sha256(' '.join(wanted).encode()).hexdigest()[:8]}"
    if not root.exists():
        ROOTS.mkdir(parents=True, exist_ok=True)
        part = root.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        names = ",".join("libglib2.0-0t64" if n == "libglib2.0-0" and suite != "bookworm" else n for n in wanted)
        argv = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={names}", suite, str(part), MIRROR]
        subprocess.run(["nice", "-n", "15", *argv], check=True, stdin=subprocess.DEVNULL)
        part.rename(root)
    return root


def package(suite: str, tree: Path = ROOT) -> Path:
    """Build our package for `suite` from a tree of the repository, with that tree's own command.

    `MODALITY_AGENT_TEST_PACKAGE` names one for Debian 12 that was built before, so that several runs take the same.
    """
    given = os.environ.get("MODALITY_AGENT_TEST_PACKAGE", "")
    if given and tree == ROOT and suite == "bookworm":
        return Path(given)
    argv = [sys.executable, "packaging/build.py", "--suite", suite, "--architecture", "amd64"]
    out = tree / "build" / "deb-test"
    done = subprocess.run(["nice", *argv, "--out", str(out)], cwd=tree, check=True, capture_output=True, text=True)
    return Path(done.stdout.splitlines()[-1])


class Machine:
    """One running machine."""

    def __init__(self, root: Path, process: subprocess.Popen[bytes], leader: int) -> None:
        self.root, self._process, self._leader = root, process, leader

    @property
    def inside(self) -> list[str]:
        """What a command is given before it to run in the machine."""
        return ["nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-n", "-p", "--"]

    def run(self, *argv: str, check: bool = True, timeout: float = 240) -> str:
        """Run a command in it and return what it said."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(
            [*self.inside, *argv],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment,
        )
        assert not check or done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def sh(self, script: str, *, check: bool = True, timeout: float = 240) -> str:
        return self.run("bash", "-ec", script, check=check, timeout=timeout).strip()

    def put(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)

    def agent(self, *words: str) -> Any:
        """Ask the service by its command line."""
        return json.loads(self.run("modality-agent", *words, "--json"))

    def show(self, unit: str, what: str) -> str:
        return self.run("systemctl", "show", unit, "--value", "-p", what).strip()

    def pids(self, unit: str) -> list[int]:
        """The processes of a unit, by the machine's own numbers."""
        group = self.show(unit, "ControlGroup")
        told = self.sh(f"cat /sys/fs/cgroup/systemd{group}/cgroup.procs 2>/dev/null || true")
        return [int(word) for word in told.split()]

    def drop_in(self, unit: str, text: str) -> None:
        self.put(f"/etc/systemd/system/{unit}.d/test.conf", text)
        self.run("systemctl", "daemon-reload")

    def drop_out(self, unit: str) -> None:
        shutil.rmtree(self.root / f"etc/systemd/system/{unit}.d", ignore_errors=True)
        self.run("systemctl", "daemon-reload")

    def limits(self) -> None:
        """Hand the machine the controllers that nspawn shows read-only where the host still mixes both kinds."""
        if Path("/sys/fs/cgroup/memory").exists():
            self.sh("for c in memory pids devices; do mount -o remount,bind,rw /sys/fs/cgroup/$c; done")
            self.run("systemctl", "daemon-reexec")
            PAUSE.wait(1)

    def off(self) -> None:
        """Switch it off in good order."""
        with suppress(ProcessLookupError):
            os.kill(self._leader, SIGRTMIN_4)
        try:
            self._process.wait(40)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.kill(self._leader, signal.SIGKILL)
            self._process.kill()
            self._process.wait(10)


@contextmanager
def layer(base: Path, folder: Path) -> Iterator[Path]:
    """A writable layer over a root, gone afterwards."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3G", "tmpfs", str(folder)], check=True)
    try:
        for name in ("up", "work", "root"):
            (folder / name).mkdir()
        told = f"lowerdir={base},upperdir={folder}/up,workdir={folder}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", told, str(folder / "root")], check=True)
        try:
            yield folder / "root"
        finally:
            subprocess.run(["umount", "-l", str(folder / "root")], check=True)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def booted(root: Path, *more: str, name: str = "") -> Iterator[Machine]:
    """Boot what lies at `root`; it is up when its systemd says so. A second one at the same time needs a `name`."""
    name = f"agenttest{os.getpid()}{name}"
    argv = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--link-journal=no"]
    argv += ["--system-call-filter=adjtimex clock_adjtime"]  # nspawn forbids the question as well as the answer
    argv += ["-D", str(root), f"--machine={name}", "--console=pipe", *more, "-b"]
    argv.append("SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1")  # Debian 13's systemd on a host that mixes both kinds
    with (root.parent / "console.log").open("ab") as log:
        argv = ["sh", "-c", OWN_GROUPS, name, *argv]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        leader = wait_for("PID 1", lambda: _child_of(process.pid), 30)
        machine = Machine(root, process, leader)
        wait_for("systemd", lambda: _is_up(machine), 90)
        yield machine
        machine.off()
    finally:
        if process.poll() is None:
            machine.off()


def _is_up(machine: Machine) -> bool:
    return machine.run("systemctl", "is-system-running", check=False).strip() in ("running", "degraded")


def _child_of(pid: int) -> int:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            if int(rest.split()[1]) == pid and name == "systemd":
                return int(stat.parent.name)
    return 0
