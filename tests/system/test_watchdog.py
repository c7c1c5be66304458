"""The service manager is told ready after the boot scan, and pinged only while every worker makes progress."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.world import PAUSE, Sandbox, box_in, toml_for, wait_for

QUICK = """
import agent.assembly, agent.building, agent.certificates, agent.delivery, agent.devices, agent.listening
import agent.retention, agent.supervisor, agent.triggers, agent.worklist
rooms = (agent.building, agent.certificates, agent.delivery, agent.devices, agent.listening, agent.retention)
for room in (*rooms, agent.triggers, agent.worklist):
    assert room._TURN_S < agent.assembly.ALLOWED_TURN_S / 2
    room._TURN_S = 0.3
agent.assembly.ALLOWED_TURN_S = 3.0
import os, threading
def blocks(kind, name):
    real = getattr(kind, name)
    def blocked(*a, **k):
        while os.path.exists(os.environ["BLOCK"]):
            threading.Event().wait(0.1)
        return real(*a, **k)
    setattr(kind, name, blocked)
"""
WORKERS = {
    "building": "from agent.store.frames import Frames; blocks(Frames, 'to_build')",
    "worklist": "from agent.worklist import Worklist; agent.worklist.Worklist._refresh_quietly = lambda s: None\n"
    "real = Worklist.run\n"
    "class Slow(threading.Event):\n    pass\n"
    "def run(self, stop):\n"
    "    while not stop.is_set():\n"
    "        while os.path.exists(os.environ['BLOCK']): threading.Event().wait(0.1)\n"
    "        self._turned(); stop.wait(0.3)\n"
    "Worklist.run = run",
    "delivery": "from agent.store.jobs import Jobs; blocks(Jobs, 'next_due')",
    "triggers": "from agent.triggers import Triggers; real = Triggers.run\n"
    "def run(self, stop):\n"
    "    while not stop.is_set():\n"
    "        while os.path.exists(os.environ['BLOCK']): threading.Event().wait(0.1)\n"
    "        self._turned(); stop.wait(0.3)\n"
    "Triggers.run = run",
    "retention": "from agent.retention import Retention; blocks(Retention, 'turn')",
    "listener": "from agent.listening import Listening; blocks(Listening, '_take_one')",
    "source": "from agent.child import Child; blocks(Child, 'wait_dead')",
}


class Manager:
    """Plays systemd's part of sd_notify."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(0.2)
        self.told: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                self.told.append(self.socket.recv(4096).decode())
            except TimeoutError:
                continue

    def pings(self) -> int:
        return sum("WATCHDOG=1" in told for told in self.told)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)
        self.socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


@pytest.mark.parametrize("worker", WORKERS)
def test_pings_end_when_a_worker_is_stuck(worker: str, sandbox: Sandbox, tmp_path: Path, manager: Manager) -> None:
    block = tmp_path / "block"
    told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000", "BLOCK": str(block)}
    with box_in(tmp_path / "box", toml_for(sandbox), code=QUICK + WORKERS[worker], **told) as box:
        assert any("READY=1" in said for said in manager.told)
        wait_for("pings", lambda: manager.pings() >= 2, 10)
        block.touch()
        PAUSE.wait(4.5)
        before = manager.pings()
        PAUSE.wait(2.0)
        assert manager.pings() == before, "the watchdog was fed although a worker is stuck"
        block.unlink()
        wait_for("pings again", lambda: manager.pings() > before, 10)
        assert "no progress" in box.text()
