"""How a child process comes to life: exec with one passed descriptor, its own process group, its limits.

On a laptop `ExecLauncher` starts it here; under systemd spawner units do the same in places of their own, each with
its own user and sandbox (`agent.spawned` asks, `agent.spawner` starts).
Children are exec'ed, never forked from the threaded core. The parent-death signal goes off when the *thread*
that started a child ends, so one thread that lives as long as the launcher starts them all.
"""

from __future__ import annotations

import os
import queue
import resource
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from agent.errors import ChildError
from drivers.wire import CHANNEL

_LAUNCH_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildKind:
    """One kind of child: what runs, what it may use, how long it may be silent."""

    name: str
    module: str
    data_limit_mb: int
    resident_limit_mb: int
    ready_timeout_s: float = 30.0
    beat_timeout_s: float = 15.0
    environment: tuple[tuple[str, str], ...] = ()
    beats_while_busy: bool = False
    """True: the work loop beats also during a request, so a silent one hangs."""
    place: str = "source"
    """Where it runs under systemd: `source` (devices, no network), `screen` (sources over the network, no devices),
    `peer` (network, no devices, objects read-only) or `build` (neither)."""


class Process(Protocol):
    """One started child."""

    @property
    def pid(self) -> int: ...

    def kill(self) -> None:
        """End its whole process group now; may be called twice."""
        ...

    def wait(self, timeout_s: float) -> int | None:
        """Return its exit status (negative: signal), or None when it still runs after `timeout_s`."""
        ...


class Launcher(Protocol):
    """Starts children of a kind with the child's end of a channel."""

    def launch(self, kind: ChildKind, channel_fd: int) -> Process: ...


class _Executed:
    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def kill(self) -> None:
        with self._lock:
            if self._popen.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(self._popen.pid, signal.SIGKILL)

    def wait(self, timeout_s: float) -> int | None:
        try:
            descriptor = os.pidfd_open(self._popen.pid)
        except ProcessLookupError:
            return self._reap()
        try:
            select.select([descriptor], [], [], timeout_s)
        finally:
            os.close(descriptor)
        return self._reap()

    def _reap(self) -> int | None:
        with self._lock:
            return self._popen.poll()


class ExecLauncher:
    """Starts children on this machine, all from one thread of its own."""

    def __init__(self, *, environment: dict[str, str] | None = None) -> None:
        self._environment = environment
        self._orders: queue.SimpleQueue[tuple[ChildKind, int, Future[Process]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="launcher", daemon=True)
        self._thread.start()

    def launch(self, kind: ChildKind, channel_fd: int) -> Process:
        """Start one child; raises `ChildError` when the machine cannot. `channel_fd` stays the caller's."""
        future: Future[Process] = Future()
        self._orders.put((kind, channel_fd, future))
        try:
            return future.result(timeout=_LAUNCH_TIMEOUT_S)
        except OSError as e:
            raise ChildError(f"A {kind.name} child could not be started: {e.strerror}.") from e

    def close(self) -> None:
        """Stop the launching thread; children that still live die with it."""
        self._orders.put(None)
        self._thread.join(timeout=_LAUNCH_TIMEOUT_S)

    def _run(self) -> None:
        while (order := self._orders.get()) is not None:
            kind, channel_fd, future = order
            try:
                future.set_result(self._start(kind, channel_fd))
            except OSError as e:
                future.set_exception(e)

    def _start(self, kind: ChildKind, channel_fd: int) -> Process:
        base = dict(os.environ) if self._environment is None else self._environment
        return _Executed(start_child(kind, channel_fd, {**base, **dict(kind.environment)}))


def start_child(kind: ChildKind, channel_fd: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Exec one child with its end of the channel, its process group and its limits; raises `OSError`."""
    popen = subprocess.Popen(
        [sys.executable, "-P", "-m", kind.module],
        stdin=subprocess.DEVNULL,
        pass_fds=(channel_fd,),
        start_new_session=True,
        env={**environment, CHANNEL: str(channel_fd), "PYTHONFAULTHANDLER": ""},
    )
    limit = kind.data_limit_mb << 20
    resource.prlimit(popen.pid, resource.RLIMIT_DATA, (limit, limit))
    resource.prlimit(popen.pid, resource.RLIMIT_CORE, (0, 0))
    return popen
