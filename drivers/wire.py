"""How a child process and the core talk: JSON lines over a unix socket, frames as sealed memfds.

Every line is one JSON object. From the core: `{"id": 7, "do": "still", …}`. From the child: `{"ready": {…}}`
once, `{"beat": {"resident_kb": …}}` from its work loop, `{"id": 7, "done": {…}}` or
`{"id": 7, "failed": {"code", "message", "facts"}}` for each request, `{"id": 7, "progress": {…}}` in between,
`{"event": "…", …}` at any time. Descriptors travel with the line that says how many (`"fds": 1`) and arrive in
order. Nothing is ever pickled. Standard library only: the smallest child loads this and little else.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any

CHANNEL = "MODALITY_AGENT_CHANNEL"
MAX_LINE = 8 << 20
MAX_FDS = 253
"""SCM_MAX_FD of the kernel."""
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


class WireClosed(Exception):
    """The other end is gone."""


class WireBroken(Exception):
    """The other end sent something that is not a message."""


class Channel:
    """One end of the line. `send` may be called from any thread, `receive` from one."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sock.setblocking(False)
        self._send_lock = threading.Lock()
        self._buffer = bytearray()
        self._fds: deque[int] = deque()

    @classmethod
    def inherit(cls) -> Channel:
        """Return the child's end, passed by descriptor number in the environment."""
        return cls(socket.socket(fileno=int(os.environ[CHANNEL])))

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, message: dict[str, Any], fds: Sequence[int] = (), *, timeout_s: float = 10.0) -> None:
        """Send one message; raises `WireClosed` when the other end is gone or takes longer than `timeout_s`."""
        if fds:
            message = {**message, "fds": len(fds)}
        line = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        if len(line) > MAX_LINE:
            raise WireBroken(f"a message of {len(line)} bytes is too long")
        until = monotonic() + timeout_s
        with self._send_lock:
            self._send_all(memoryview(line), list(fds), until)

    def _send_all(self, rest: memoryview, fds: list[int], until: float) -> None:
        while rest:
            try:
                sent = socket.send_fds(self._sock, [rest], fds) if fds else self._sock.send(rest)
            except BlockingIOError:
                self._wait(select.POLLOUT, until)
                continue
            except OSError as e:
                raise WireClosed(str(e)) from e
            fds = []
            rest = rest[sent:]

    def _wait(self, what: int, until: float) -> None:
        poll = select.poll()
        poll.register(self._sock, what)
        if not poll.poll(max(0.0, until - monotonic()) * 1000):
            raise WireClosed("the other end does not read")

    def receive(self, timeout_s: float) -> tuple[dict[str, Any], list[int]] | None:
        """Return the next message with its descriptors, or None after `timeout_s` seconds.

        The caller owns the descriptors. Raises `WireClosed` at end of file, `WireBroken` on anything that is
        not a JSON object of at most 8 MiB.
        """
        until = monotonic() + timeout_s
        while b"\n" not in self._buffer:
            poll = select.poll()
            poll.register(self._sock, select.POLLIN)
            if not poll.poll(max(0.0, until - monotonic()) * 1000):
                return None
            self._fill()
        line, _, rest = self._buffer.partition(b"\n")
        self._buffer = bytearray(rest)
        return self._parse(bytes(line))

    def _fill(self) -> None:
        try:
            data, fds, _flags, _address = socket.recv_fds(self._sock, 1 << 18, MAX_FDS)
        except BlockingIOError:
            return
        except OSError as e:
            raise WireClosed(str(e)) from e
        self._fds.extend(fds)
        if not data:
            raise WireClosed("end of file")
        self._buffer += data
        if len(self._buffer) > MAX_LINE and b"\n" not in self._buffer:
            raise WireBroken("a line without an end")

    def _parse(self, line: bytes) -> tuple[dict[str, Any], list[int]]:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as e:
            raise WireBroken("not JSON") from e
        if not isinstance(message, dict):
            raise WireBroken("not an object")
        count = message.pop("fds", 0)
        if not isinstance(count, int) or not 0 <= count <= len(self._fds):
            raise WireBroken("descriptors are missing")
        return message, [self._fds.popleft() for _ in range(count)]

    def close(self) -> None:
        while self._fds:
            os.close(self._fds.popleft())
        self._sock.close()


def seal(parts: Iterable[bytes | memoryview], name: str = "frame") -> int:
    """Return a new memfd that holds `parts` and can never change again; the caller closes it."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        for part in parts:
            rest = memoryview(part).cast("B")
            while rest:
                rest = rest[os.write(fd, rest) :]
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    except BaseException:
        os.close(fd)
        raise
    return fd


def sealed_size(fd: int) -> int:
    """Return the size of a received memfd in bytes; raises `WireBroken` when it could still change."""
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError as e:
        raise WireBroken("not a memfd") from e
    if seals & SEALS != SEALS:
        raise WireBroken("the memfd is not sealed")
    return os.fstat(fd).st_size


def enter(*, data_limit_mb: int = 0) -> Channel:
    """Make this process a good child and return its channel.

    It dies with its parent, leaves no core file and no dump to a program that the kernel feeds without looking at
    that limit (a core would hold patient data), keeps its files private and cannot allocate more than
    `data_limit_mb` MiB of private memory (0: no limit).
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    prctl(_PR_SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if data_limit_mb:
        limit = data_limit_mb << 20
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    os.umask(0o077)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = Channel.inherit()
    if os.getppid() == 1 and os.environ.get("MODALITY_AGENT_PARENT") != "1":
        sys.exit(0)
    return channel


def resident_kb() -> int:
    """Return this process's resident memory in KiB."""
    with open("/proc/self/statm", encoding="ascii") as f:  # noqa: PTH123 - pathlib costs a child memory
        return int(f.read().split()[1]) * resource.getpagesize() // 1024
