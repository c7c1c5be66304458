"""The sender as a process: what a hostile peer may cost is bounded in time and memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from agent.child import PEER, Child
from agent.launcher import ExecLauncher
from tests.bench.senders import peak_mb
from tests.integration.test_storage_scripted import address, batch
from tests.peers import scripted
from tests.peers.scripted import Act, Peer, drip, read_slowly, say, silent, status

MEMORY_MB, TIME_S = 32.0, 12.0
HOSTILE: dict[str, dict[str, Act | list[Act]]] = {
    "2 GiB instead of an acceptance": {"associate": say(b"\x02" + scripted.HUGE)},
    "2 GiB instead of an answer": {"response": [status(0), say(b"\x04" + scripted.HUGE)]},
    "2 GiB instead of a release": {"release": say(b"\x06" + scripted.HUGE)},
    "64 MiB of data": {"response": say(b"\x04\x00\x04\x00\x00\x00" + bytes(1 << 16))},
    "an acceptance by drops": {"associate": drip(b"\x02\0\0\0\x01\x00" + bytes(250))},
    "an answer by drops": {"response": drip(b"\x04\0\0\0\x01\0" + bytes(250))},
    "a byte read now and then": {"data": read_slowly},
    "silence": {"response": silent},
}


@pytest.fixture
def launcher() -> Iterator[ExecLauncher]:
    launcher = ExecLauncher()
    yield launcher
    launcher.close()


@pytest.mark.alone
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_peer_costs_little(tmp_path: Path, launcher: ExecLauncher, name: str) -> None:
    outcomes: list[Any] = []
    peaks: list[float] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            peaks.append(peak_mb(child.pid))

    def on_progress(value: dict[str, Any], _fds: list[int]) -> None:
        outcomes.extend([value["outcome"]] * ("outcome" in value))

    with Peer(HOSTILE[name]) as peer:
        request = {"peer": asdict(address(peer.port)), "items": [asdict(i) for i in batch(tmp_path, 2, 8_000_000)]}
        child, began = Child(PEER, launcher), monotonic()
        looking = threading.Thread(target=look)
        try:
            child.wait_ready()
            looking.start()
            child.request("store", request, deadline_s=60, on_progress=on_progress)
        finally:
            done.set()
            child.stop()
            peer.stopping.set()
        assert monotonic() - began < TIME_S
    assert len(outcomes) == 2
    assert 0 < max(peaks) < MEMORY_MB
