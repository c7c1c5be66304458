"""Binds the ports that the configuration names, for the core, which has no network and no privilege of its own.

`python -m agent.ops.port_keeper`, started by its socket unit at the core's first question. One packet, one answer:

    {"name": "page", "address": "0.0.0.0", "port": 443} → {"bound": "page"} with the listening socket (SCM_RIGHTS), or
                                                          {"refused": "page", "errno": 98}
    {"name": "page"}                                    → the same for what is kept already, and nothing new is bound

So the configuration is the one place that says where the box listens, below 1024 as well. A socket is kept here while
the core is away: who calls meanwhile waits in its queue, and is answered when the core is back. It accepts nothing
itself, reads no file and holds one capability (CAP_NET_BIND_SERVICE). Only the core's user is heard.
"""

from __future__ import annotations

import errno
import json
import os
import selectors
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from agent.ops import manager
from agent.ops.who_asks import CORE_USER, core_only, peer_uid

NAMES = ("page", "redirect", "listener")
LONGEST_PACKET = 1024
_BACKLOG = 128
_FIRST_FD = 3
_TURN_S = 5.0
_ANSWER_S = 5.0
_IP_FREEBIND = 15
"""An address that the box does not have yet (no DHCP answer, another network) is no reason not to come up."""
Where = tuple[str, int]


class PortKeeper:
    """The sockets and the loop; `may_ask` judges the user at the other end."""

    def __init__(self, listener: socket.socket, *, may_ask: Callable[[int], bool]) -> None:
        self._listener, self._may_ask = listener, may_ask
        self._kept: dict[str, tuple[Where, socket.socket]] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve until a signal ends the process."""
        while True:
            self.turn(_TURN_S)
            manager.tell("WATCHDOG=1")

    def turn(self, timeout_s: float) -> None:
        """Answer one question, if there is one within `timeout_s`."""
        if self._selector.select(timeout_s):
            asker, _ = self._listener.accept()
            with asker:
                asker.settimeout(_ANSWER_S)
                if self._may_ask(peer_uid(asker)):
                    self._serve(asker)

    def _serve(self, asker: socket.socket) -> None:
        try:
            asked: dict[str, Any] = json.loads(asker.recv(LONGEST_PACKET))
            name = str(asked["name"])
            where = (str(asked["address"]), int(asked["port"])) if "address" in asked else None
            if name in NAMES:
                self._answer(asker, name, where)
        except (OSError, ValueError, KeyError, TypeError):
            return  # not our core, or it went: it sees that nothing was answered

    def _answer(self, asker: socket.socket, name: str, where: Where | None) -> None:
        try:
            sock = self._socket(name, where)
        except OSError as e:
            asker.send(json.dumps({"refused": name, "errno": e.errno or 0}).encode())
            return
        socket.send_fds(asker, [json.dumps({"bound": name}).encode()], [sock.fileno()])

    def _socket(self, name: str, where: Where | None) -> socket.socket:
        kept = self._kept.get(name)
        if kept is not None and where in (kept[0], None):
            return kept[1]
        if where is None:
            raise OSError(errno.ENOENT, "nothing is kept under that name")
        if kept is not None:  # the new one may need the very same port
            del self._kept[name]
            kept[1].close()
        made = bound(*where, shared=True)
        made.listen(_BACKLOG)
        self._kept[name] = where, made
        return made


def bound(address: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a TCP socket bound to `address`, which the host may not have yet; raises `OSError`.

    `shared`: with another of this very user, as while the failure page still holds the one before.
    """
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def main() -> None:
    """Serve the socket that the service manager passed."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        raise SystemExit("agent.ops.port_keeper is started by its socket unit")
    may_ask = core_only(os.environ.get(CORE_USER, ""), Path("/proc/self/uid_map").read_text(encoding="ascii"))
    keeper = PortKeeper(socket.socket(fileno=_FIRST_FD), may_ask=may_ask)
    manager.tell("READY=1")
    keeper.run()


if __name__ == "__main__":
    main()
