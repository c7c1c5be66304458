"""Real peers as processes: found or the test fails, started, waited for, ended by their own id."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.system.world import wait_for


def program(name: str) -> str:
    """Return where a peer's program is; a missing peer is a failure, not a skip."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    assert found, f"{name} is missing: run image/prepare.sh run.txt test.txt"
    return found


def free_port(preferred: int = 0) -> int:
    """Return `preferred` where nobody has it, else a port that the system chose."""
    for port in (preferred, 0):
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(sock.getsockname()[1])
    raise AssertionError("no port is free")


def listens(port: int) -> bool:
    """Return whether something accepts connections on a loopback port."""
    with socket.socket() as sock:
        sock.settimeout(0.5)
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(line: list[str], log: Path, port: int, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a peer until the end of the block; ready when its port answers."""
    with log.open("ab") as out:
        peer = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **options)
    try:
        wait_for(f"{line[0]} listens", lambda: _alive(peer, log) and listens(port), 20)
        yield peer
    finally:
        peer.terminate()
        try:
            peer.wait(timeout=10)
        except subprocess.TimeoutExpired:
            peer.kill()
            peer.wait(timeout=10)


def _alive(peer: subprocess.Popen[bytes], log: Path) -> bool:
    assert peer.poll() is None, log.read_text(errors="replace")[-2000:]
    return True
