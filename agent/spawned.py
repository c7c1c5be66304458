"""The core's side of the spawners: children that live in a place of their own under systemd (see `agent.spawner`).

A spawner that dies takes its children with it; each of them is then found dead by whoever uses it and is launched
again as after any crash, over a new connection, which starts the spawner anew (socket activation).
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.errors import ChildError
from agent.launcher import ChildKind, ExecLauncher, Process

SPAWNERS = "MODALITY_AGENT_SPAWNERS"
_LAUNCH_TIMEOUT_S = 20.0
_LONGEST_PACKET = 4096
_LOST = -int(signal.SIGKILL)


def launcher_of(environment: Mapping[str, str]) -> ExecLauncher | SpawnedLauncher:
    """Return the spawners' launcher where the unit names their folder, else the one that starts children here."""
    folder = environment.get(SPAWNERS, "")
    return SpawnedLauncher(Path(folder)) if folder else ExecLauncher()


class _Spawned:
    """One child behind a spawner."""

    def __init__(self, kill: Callable[[], None]) -> None:
        self.pid = 0
        self.refusal = ""
        self.answered, self.ended = threading.Event(), threading.Event()
        self.status = _LOST
        self._kill = kill

    def kill(self) -> None:
        if not self.ended.is_set():
            self._kill()

    def wait(self, timeout_s: float) -> int | None:
        return self.status if self.ended.wait(timeout_s) else None

    def end(self, status: int) -> None:
        self.status = status
        self.ended.set()
        self.answered.set()


class _Line:
    """One connection to one spawner."""

    def __init__(self, path: Path) -> None:
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._sock.settimeout(_LAUNCH_TIMEOUT_S)
            self._sock.connect(str(path))
            self._sock.settimeout(None)
        except OSError:
            self._sock.close()
            raise
        self._numbers = itertools.count(1)
        self._children: dict[int, _Spawned] = {}
        self._lock = threading.Lock()
        self.lost = False
        self._reader = threading.Thread(target=self._read, name=f"spawner-{path.stem}", daemon=True)
        self._reader.start()

    def launch(self, kind: ChildKind, channel_fd: int) -> Process:
        """Return a started child; raises `ChildError` or `OSError`."""
        number = next(self._numbers)
        child = _Spawned(lambda: self._tell({"kill": number}))
        with self._lock:
            if self.lost:
                raise ChildError(f"The place of the {kind.name} children is restarting.")
            self._children[number] = child
        packet = {"launch": number, "kind": kind.name, "environment": dict(kind.environment)}
        socket.send_fds(self._sock, [json.dumps(packet).encode()], [channel_fd])
        if not child.answered.wait(_LAUNCH_TIMEOUT_S):
            self.close()
            raise ChildError(f"A {kind.name} child was not started in time.")
        if not child.pid:
            raise ChildError(f"A {kind.name} child could not be started: {child.refusal or 'its place ended'}.")
        return child

    def _tell(self, packet: dict[str, Any]) -> None:
        with suppress(OSError):
            self._sock.send(json.dumps(packet).encode())

    def _read(self) -> None:
        try:
            while packet := self._sock.recv(_LONGEST_PACKET):
                self._dispatch(json.loads(packet))
        except (OSError, ValueError, KeyError, TypeError):
            pass  # the same as its end: the children of this line are gone or going
        finally:
            self._end()

    def _dispatch(self, packet: dict[str, Any]) -> None:
        with self._lock:
            if "ended" in packet:
                child = self._children.pop(int(packet["ended"]))
                child.end(int(packet["status"]))
                return
            if "refused" in packet:
                child = self._children.pop(int(packet["refused"]))
                child.refusal = str(packet["why"])
                child.end(_LOST)
                return
            child = self._children[int(packet["launched"])]
        child.pid = int(packet["pid"])
        child.answered.set()

    def _end(self) -> None:
        with self._lock:
            self.lost = True
            left, self._children = list(self._children.values()), {}
        for child in left:
            child.end(_LOST)

    def close(self) -> None:
        """Hang up: the spawner kills what was asked for here."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is not self._reader:
            self._reader.join(timeout=_LAUNCH_TIMEOUT_S)
        self._sock.close()


class SpawnedLauncher:
    """Has each kind of child started in its place; `folder` holds the sockets, `<place>.sock`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()

    def launch(self, kind: ChildKind, channel_fd: int) -> Process:
        """Start one child in its place; raises `ChildError` when it cannot. `channel_fd` stays the caller's."""
        try:
            return self._line(kind.place).launch(kind, channel_fd)
        except OSError as e:
            words = os.strerror(e.errno) if e.errno else "no answer"
            raise ChildError(f"The place of the {kind.name} children does not answer: {words}.") from e

    def _line(self, place: str) -> _Line:
        with self._lock:
            line = self._lines.get(place)
            if line is None or line.lost:
                if line is not None:
                    line.close()
                line = self._lines[place] = _Line(self._folder / f"{place}.sock")
            return line

    def close(self) -> None:
        """Hang up everywhere; children that still live are killed by their spawners."""
        with self._lock:
            lines, self._lines = list(self._lines.values()), {}
        for line in lines:
            line.close()


