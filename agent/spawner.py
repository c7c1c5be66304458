"""Starts the core's children in one place of the host, as another user (`python -m agent.spawner PLACE`).

systemd gives each place its own unit: user, devices or network, folders, limits. The core asks over a unix socket
(one packet, one JSON object) and hands over the child's end of the channel by SCM_RIGHTS:

    {"launch": 7, "kind": "peer", "environment": {…}} with a descriptor  → {"launched": 7, "pid": 4711} or
                                                                           {"refused": 7, "why": "…"}
    {"kill": 7}                                                          → the whole process group, SIGKILL
                                                                         → {"ended": 7, "status": -9}, once, always

Only the core's user is heard, only the kinds of this place are started, and what a child may be told in its
environment is one setting. Children die with whoever asked for them and with this process. One thread, no clock:
the watchdog is fed by the loop's own turns.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from agent.child import KINDS
from agent.launcher import ChildKind, start_child
from agent.ops import manager
from agent.ops.who_asks import CORE_USER, core_only, peer_uid

LONGEST_PACKET = 4096
CIPHERS = str(Path(__file__).with_name("dimse") / "openssl-chacha20.cnf")
_MAY_BE_TOLD = frozenset({("OPENSSL_CONF", CIPHERS)})
_NOT_FOR_CHILDREN = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
_FIRST_FD = 3
_TURN_S = 5.0


class Refused(Exception):
    """What was asked for is not done here."""


class Asker:
    """One core's connection and the children it asked for."""

    def __init__(self, sock: socket.socket, kinds: Mapping[str, ChildKind], selector: selectors.BaseSelector) -> None:
        self._sock, self._kinds, self._selector = sock, kinds, selector
        self._children: dict[int, tuple[subprocess.Popen[bytes], int]] = {}
        self.gone = False
        selector.register(sock, selectors.EVENT_READ, self._serve)

    def close(self) -> None:
        """Kill what it asked for; may be called twice."""
        self.gone = True
        with suppress(KeyError, ValueError):
            self._selector.unregister(self._sock)
        for number in list(self._children):
            self._kill(number)
            self._reap(number)
        self._sock.close()

    def _serve(self) -> None:
        try:
            data, fds, _flags, _address = socket.recv_fds(self._sock, LONGEST_PACKET, 4)
        except OSError:
            data, fds = b"", []
        try:
            if not data:
                self.close()
                return
            self._answer(json.loads(data), fds)
        except (ValueError, KeyError, TypeError):
            self.close()  # not our core: everything it started ends
        finally:
            for fd in fds:
                os.close(fd)

    def _answer(self, packet: dict[str, Any], fds: list[int]) -> None:
        if "kill" in packet:
            self._kill(int(packet["kill"]))
            return
        number = int(packet["launch"])
        try:
            popen = self._launch(str(packet["kind"]), dict(packet.get("environment", {})), fds)
        except (Refused, OSError) as e:
            self._tell({"refused": number, "why": (e.strerror if isinstance(e, OSError) else "") or str(e)})
            return
        self._keep(number, popen)
        self._tell({"launched": number, "pid": popen.pid})

    def _launch(self, name: str, told: dict[str, str], fds: list[int]) -> subprocess.Popen[bytes]:
        kind = self._kinds.get(name)
        if kind is None or len(fds) != 1 or not _MAY_BE_TOLD.issuperset(told.items()):
            raise Refused("not in this place")
        own = {k: v for k, v in os.environ.items() if k not in _NOT_FOR_CHILDREN}
        return start_child(kind, fds[0], {**own, **told})

    def _keep(self, number: int, popen: subprocess.Popen[bytes]) -> None:
        descriptor = os.pidfd_open(popen.pid)
        self._children[number] = (popen, descriptor)
        self._selector.register(descriptor, selectors.EVENT_READ, lambda: self._ended(number))

    def _kill(self, number: int) -> None:
        if number in self._children:  # not reaped, so the number is still this child's
            with suppress(ProcessLookupError):
                os.killpg(self._children[number][0].pid, signal.SIGKILL)

    def _ended(self, number: int) -> None:
        self._kill(number)  # its process group goes with it
        self._tell({"ended": number, "status": self._reap(number)})

    def _reap(self, number: int) -> int:
        popen, descriptor = self._children.pop(number)
        self._selector.unregister(descriptor)
        os.close(descriptor)
        return popen.wait()

    def _tell(self, packet: dict[str, Any]) -> None:
        with suppress(OSError):  # a core that is gone is noticed by its end of file
            self._sock.send(json.dumps(packet).encode())


class Spawner:
    """The loop of one place."""

    def __init__(self, place: str, listener: socket.socket, *, may_ask: Callable[[int], bool]) -> None:
        self._kinds = {kind.name: kind for kind in KINDS if kind.place == place}
        if not self._kinds:
            raise Refused(f"no place is called {place}")
        self._listener, self._may_ask = listener, may_ask
        self._selector = selectors.DefaultSelector()
        self._askers: list[Asker] = []
        self._selector.register(listener, selectors.EVENT_READ, self._accept)

    def run(self) -> None:
        """Serve until a signal ends the process; children end with it."""
        try:
            while True:
                for key, _ in self._selector.select(_TURN_S):
                    key.data()
                manager.tell("WATCHDOG=1")
        finally:
            for asker in self._askers:
                asker.close()

    def _accept(self) -> None:
        self._askers = [asker for asker in self._askers if not asker.gone]
        sock, _ = self._listener.accept()
        if self._may_ask(peer_uid(sock)):
            self._askers.append(Asker(sock, self._kinds, self._selector))
        else:
            sock.close()


def main(place: str) -> None:
    """Serve the socket that the service manager passed."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        raise SystemExit("agent.spawner is started by its socket unit")
    may_ask = core_only(os.environ.get(CORE_USER, ""), Path("/proc/self/uid_map").read_text(encoding="ascii"))
    spawner = Spawner(place, socket.socket(fileno=_FIRST_FD), may_ask=may_ask)
    manager.tell("READY=1")
    spawner.run()


if __name__ == "__main__":
    main(sys.argv[1])
