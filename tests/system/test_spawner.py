"""The spawners: a child works in another place, dies when told, with its core and with its spawner, and comes back."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.child import BUILD, KINDS, LISTENER, PEER, Child
from agent.errors import ChildError
from agent.launcher import ExecLauncher
from agent.ops.who_asks import CORE_USER, core_only
from agent.spawned import SPAWNERS, SpawnedLauncher, launcher_of
from tests.pki import make
from tests.system.world import PAUSE, wait_for

_ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.executable, [sys.executable, "-P", "-m", "agent.spawner", sys.argv[2]])
"""


@contextmanager
def spawner(folder: Path, place: str, **told: str) -> Iterator[subprocess.Popen[bytes]]:
    """A spawner, handed its socket as systemd does."""
    path = folder / f"{place}.sock"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        listener.listen(4)
        argv = [sys.executable, "-c", _ACTIVATE, str(listener.fileno()), place]
        process = subprocess.Popen(argv, pass_fds=(listener.fileno(),), env={**os.environ, **told})
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[SpawnedLauncher]:
    launcher = SpawnedLauncher(tmp_path)
    yield launcher
    launcher.close()


def gone(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_child_in_its_place_answers_by_descriptor(tmp_path: Path, launcher: SpawnedLauncher) -> None:
    certificate = make(tmp_path / "pki").ca
    with spawner(tmp_path, "build"):
        child = Child(BUILD, launcher)
        child.wait_ready()
        fd = os.open(certificate, os.O_RDONLY)
        answer, _ = child.request("certificate", {}, [fd], deadline_s=20)
        os.close(fd)
        assert answer["not_after"]
        limits = Path(f"/proc/{child.pid}/limits").read_text()
        data = next(line for line in limits.splitlines() if line.startswith("Max data size"))
        core = next(line for line in limits.splitlines() if line.startswith("Max core file"))
        assert int(data.split()[3]) <= BUILD.data_limit_mb << 20
        assert core.split()[4] == "0"
        child.stop()
        wait_for("its end", lambda: gone(child.pid), 5)


def test_a_killed_child_tells_its_status(tmp_path: Path, launcher: SpawnedLauncher) -> None:
    with spawner(tmp_path, "build"):
        ours, theirs = socket.socketpair()
        process = launcher.launch(BUILD, theirs.fileno())
        assert process.wait(0.2) is None
        process.kill()
        assert process.wait(5) == -signal.SIGKILL
        process.kill()
        ours.close()
        theirs.close()


def test_children_end_with_their_core(tmp_path: Path) -> None:
    with spawner(tmp_path, "build") as process:
        launcher = SpawnedLauncher(tmp_path)
        child = Child(BUILD, launcher)
        child.wait_ready()
        os.kill(child.pid, signal.SIGSTOP)  # it cannot see the end of its channel
        launcher.close()
        wait_for("the child's end", lambda: gone(child.pid), 5)
        assert process.poll() is None
        child.stop()


def test_children_end_with_their_spawner_and_the_next_one_serves(tmp_path: Path, launcher: SpawnedLauncher) -> None:
    with spawner(tmp_path, "build") as process:
        child = Child(BUILD, launcher)
        child.wait_ready()
        process.kill()
        assert child.wait_dead(5)
        wait_for("the child's end", lambda: gone(child.pid), 5)
        child.stop()
    with pytest.raises(ChildError):
        Child(BUILD, launcher)
    with spawner(tmp_path, "build"):
        again = Child(BUILD, launcher)
        again.wait_ready()
        again.stop()


@pytest.mark.parametrize(
    "kind",
    [PEER, LISTENER, replace(BUILD, environment=(("LD_PRELOAD", "/tmp/x.so"),))],
    ids=["peer", "listener", "environment"],
)
def test_a_place_starts_its_own_kinds_and_is_told_little(tmp_path: Path, launcher: SpawnedLauncher, kind) -> None:
    with spawner(tmp_path, "build"), pytest.raises(ChildError, match="not in this place"):
        Child(replace(kind, place="build"), launcher)


def test_another_user_is_not_heard(tmp_path: Path, launcher: SpawnedLauncher) -> None:
    with spawner(tmp_path, "build", **{CORE_USER: "daemon"}), pytest.raises(ChildError):
        Child(BUILD, launcher)


def test_who_may_ask() -> None:
    whole = "         0          0 4294967295\n"
    private = "         0          0          1\n       998        998          1\n"
    assert core_only("daemon", whole)(1)
    assert not core_only("daemon", whole)(0)
    assert not core_only("daemon", whole)(65534)
    assert core_only("daemon", private)(65534)
    assert not core_only("daemon", private)(998)


def test_nonsense_ends_the_connection_and_not_the_spawner(tmp_path: Path, launcher: SpawnedLauncher) -> None:
    with spawner(tmp_path, "build") as process:
        for nonsense in (b"{", b"[]", b'{"launch": "x"}', b'{"kill": []}', b'{"kill": 99}'):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
                sock.settimeout(5)
                sock.connect(str(tmp_path / "build.sock"))
                sock.send(nonsense)
                if nonsense != b'{"kill": 99}':
                    assert sock.recv(100) == b""
        PAUSE.wait(0.1)
        assert process.poll() is None
        child = Child(BUILD, launcher)
        child.wait_ready()
        child.stop()


def test_the_unit_decides_who_starts_children(tmp_path: Path) -> None:
    here = launcher_of({})
    assert isinstance(here, ExecLauncher)
    here.close()
    assert isinstance(launcher_of({SPAWNERS: str(tmp_path)}), SpawnedLauncher)


def test_every_kind_has_a_place_with_a_unit() -> None:
    units = Path(__file__).parents[2] / "systemd"
    for kind in KINDS:
        text = (units / f"modality-agent-{kind.place}.service").read_text()
        assert f"agent.spawner {kind.place}\n" in text
        assert (units / f"modality-agent-{kind.place}.socket").exists()
