"""Keeps the listener child alive and takes its reports: they are durable here before the archive gets its answer."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from agent.child import LISTENER, Child
from agent.errors import AgentError
from agent.launcher import Launcher
from agent.model import TlsMaterial
from agent.store import Store
from agent.store.transition import Stamp

_ANSWER_S = 10.0
_LISTEN_S = 10.0
_AGAIN_S = 30.0
_TURN_S = 1.0
_CODE = "P-08"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerRules:
    """Where is listened and whose calls are taken."""

    address: str
    port: int
    ae_title: str
    calling_ae_titles: tuple[str, ...]
    tls: TlsMaterial | None


class Listening:
    """The worker around the listener child; `bound` returns a socket where the child could not bind its port."""

    def __init__(
        self,
        rules: ListenerRules,
        store: Store,
        launcher: Launcher,
        *,
        bound: Callable[[], socket.socket | None],
        received: Callable[[str, Mapping[str, Any]], int],
        stamp: Callable[[], Stamp],
        turned: Callable[[], None],
    ) -> None:
        self._rules, self._store, self._launcher = rules, store, launcher
        self._bound, self._received, self._stamp, self._turned = bound, received, stamp, turned
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._stop = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Listen until `stop`, starting the child again when it ends; the thread's main loop."""
        while not stop.is_set():
            self._turned()
            try:
                self._listen(stop)
            except AgentError as e:
                self._store.records.raise_alarm(_CODE, "listener", e.message, self._stamp())
                self._pause(stop)

    def _pause(self, stop: threading.Event) -> None:
        for _ in range(int(_AGAIN_S / _TURN_S)):
            self._turned()
            if stop.wait(_TURN_S):
                return

    def _listen(self, stop: threading.Event) -> None:
        child = Child(LISTENER, self._launcher, on_event=lambda event, _fds: self._events.put(event))
        try:
            child.wait_ready()
            self._open(child)
            self._store.records.clear_alarm(_CODE, "listener", self._stamp())
            while not stop.is_set():
                self._turned()
                if child.death is not None:
                    raise child.death
                self._take_one(child)
        finally:
            child.stop()

    def _open(self, child: Child) -> None:
        """Have the child listen, on a socket of ours where it may not bind the port itself."""
        sock = self._bound()
        try:
            child.request("listen", self._request(), [sock.fileno()] if sock else (), deadline_s=_LISTEN_S)
        finally:
            if sock:
                sock.close()

    def _request(self) -> dict[str, Any]:
        r = self._rules
        return {
            "host": r.address,
            "port": r.port,
            "ae_title": r.ae_title,
            "calling_ae_titles": list(r.calling_ae_titles),
            "tls": asdict(r.tls) if r.tls else None,
        }

    def _take_one(self, child: Child) -> None:
        try:
            event = self._events.get(timeout=_TURN_S)["event"]
        except queue.Empty:
            return
        status = self._received(str(event["calling_ae_title"]), event["report"])
        child.request("answer", {"number": event["number"], "status": status}, deadline_s=_ANSWER_S)
