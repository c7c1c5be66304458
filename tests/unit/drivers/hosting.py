"""A real source child on the other end of a real channel."""

from __future__ import annotations

import mmap
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic, monotonic_ns
from typing import Any

from drivers.wire import CHANNEL, Channel, WireClosed, sealed_size

ROOT = Path(__file__).resolve().parents[3]


class HostedSource:
    """`python -m drivers.host` as the core would start it; use as a context manager."""

    def __init__(self, *, path: str = "") -> None:
        ours, theirs = socket.socketpair()
        os.set_inheritable(theirs.fileno(), True)
        environment = {
            CHANNEL: str(theirs.fileno()),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(p for p in (path, str(ROOT)) if p),
            "MODALITY_AGENT_PARENT": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "drivers.host"], env=environment, pass_fds=[theirs.fileno()], cwd="/"
        )
        theirs.close()
        self.channel = Channel(ours)
        self.log: list[dict[str, Any]] = []
        self._next = 1

    def __enter__(self) -> HostedSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)

    def ask(self, do: str, **values: Any) -> int:
        self._next += 1
        self.channel.send({"id": self._next, "do": do, **values})
        return self._next

    def call(self, do: str, timeout_s: float = 10, **values: Any) -> tuple[dict[str, Any], bytes]:
        """Return the answer to a request and the payload that came with it."""
        request = self.ask(do, **values)
        return self.until(lambda m: m.get("id") == request, timeout_s)

    def open(self, driver: str = "simulator", options: Any = None, still: Any = None) -> dict[str, Any]:
        return self.call("open", driver=driver, options=options or {}, still=still or {})[0]

    def still(self, deadline_ms: int = 3000, **values: Any) -> tuple[dict[str, Any], bytes]:
        return self.call("still", **{"not_before_ns": monotonic_ns(), "deadline_ms": deadline_ms, **values})

    def until(self, wanted: Any, timeout_s: float = 10) -> tuple[dict[str, Any], bytes]:
        """Read on until `wanted(message)`; every message is kept in `log`."""
        end = monotonic() + timeout_s
        while monotonic() < end:
            received = self.channel.receive(max(0.0, end - monotonic()))
            if received is None:
                break
            message, fds = received
            payload = b"".join(take(fd) for fd in fds)
            self.log.append(message)
            if wanted(message):
                return message, payload
        raise AssertionError(f"nothing of that kind in {timeout_s} s; last: {self.log[-3:]}")

    def event(self, timeout_s: float = 10, **wanted: Any) -> dict[str, Any]:
        return self.until(lambda m: wanted.items() <= m.items(), timeout_s)[0]

    def ready(self) -> None:
        self.event(event="device", state="ready")

    def end(self, timeout_s: float = 10) -> int:
        """Return the exit status of a child that ends by itself."""
        with suppress(WireClosed):
            self.until(lambda m: False, timeout_s)
        return self.process.wait(timeout_s)


def take(fd: int) -> bytes:
    """Return what a sealed memfd holds and close it."""
    try:
        size = sealed_size(fd)
        if not size:
            return b""
        with mmap.mmap(fd, size, prot=mmap.PROT_READ) as view:
            return bytes(view)
    finally:
        os.close(fd)
