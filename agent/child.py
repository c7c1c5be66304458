"""The one way the core speaks to a child process: ready, heartbeat, deadline, memory, death.

Every wait has an end; a child that misses one is killed with its process group and whoever waits for it gets a
typed error. A child may be killed at any instant: it remembers nothing.
"""

from __future__ import annotations

import itertools
import os
import queue
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Any

from agent.errors import AgentError, ChildDied, ChildError, ChildOverMemory, ChildTimeout, from_wire
from agent.launcher import ChildKind, Launcher, Process
from drivers.wire import Channel, WireBroken, WireClosed

Message = dict[str, Any]
Answer = tuple[Message, list[int]]
Progress = Callable[[Message, list[int]], Message | None]
"""Takes a part of an answer (the descriptors are the receiver's to close); returns an answer for one who asked."""

SOURCE = ChildKind(
    name="source",
    module="drivers.host",
    data_limit_mb=1024,
    resident_limit_mb=300,
    ready_timeout_s=20.0,
    beat_timeout_s=10.0,
    beats_while_busy=True,
)
SCREEN = replace(SOURCE, place="screen")
"""A source that is reached over the network."""
BUILD = ChildKind(name="build", module="agent.objects", data_limit_mb=1024, resident_limit_mb=400, place="build")
PEER = ChildKind(name="peer", module="agent.dimse", data_limit_mb=512, resident_limit_mb=200, place="peer")
AUDIT = ChildKind(
    name="audit", module="agent.syslog", data_limit_mb=256, resident_limit_mb=100, beat_timeout_s=90.0, place="peer"
)
ALERT = ChildKind(
    name="alert", module="agent.telling", data_limit_mb=256, resident_limit_mb=100, beat_timeout_s=90.0, place="peer"
)
LISTENER = ChildKind(
    name="listener",
    module="agent.dimse.listener",
    data_limit_mb=256,
    resident_limit_mb=100,
    beats_while_busy=True,
    place="peer",
)
KINDS = (SOURCE, SCREEN, BUILD, PEER, AUDIT, ALERT, LISTENER)


class Child:
    """One running child. `on_event` gets its events (the descriptors are the receiver's to close)."""

    def __init__(
        self, kind: ChildKind, launcher: Launcher, on_event: Callable[[Message, list[int]], None] | None = None
    ) -> None:
        self.kind = kind
        self.resident_kb = 0
        self.last_beat: Message = {}
        self._on_event = on_event
        self._ids = itertools.count(1)
        self._waiting: dict[int, queue.SimpleQueue[tuple[str, Any, list[int]]]] = {}
        self._lock = threading.Lock()
        self._death: AgentError | None = None
        self._dead = threading.Event()
        self._ready: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._process = self._launch(launcher)
        self._reader = threading.Thread(target=self._read, name=f"{kind.name}-{self._process.pid}", daemon=True)
        self._reader.start()

    def _launch(self, launcher: Launcher) -> Process:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            theirs.set_inheritable(True)
            self._channel = Channel(ours)
            try:
                return launcher.launch(self.kind, theirs.fileno())
            except BaseException:
                self._channel.close()
                raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def death(self) -> AgentError | None:
        """Why it died; None while it lives."""
        return self._death

    def wait_ready(self) -> Message:
        """Return what the child said when it was ready; raises `ChildTimeout` or `ChildDied`."""
        try:
            said = self._ready.get(timeout=self.kind.ready_timeout_s)
        except queue.Empty:
            self._die(ChildTimeout(f"The {self.kind.name} child was not ready in time."))
            said = None
        if said is None:
            raise self._death or ChildDied()
        return said

    def request(
        self,
        do: str,
        params: Message | None = None,
        fds: Sequence[int] = (),
        *,
        deadline_s: float,
        idle_s: float | None = None,
        on_progress: Progress | None = None,
    ) -> Answer:
        """Send one request and return its answer with descriptors that the caller closes.

        `on_progress` runs in the caller's thread; what it returns is the answer to a child that asked. After
        `deadline_s`, or `idle_s` without progress, the child is killed and `ChildTimeout` raised. A `failed` answer
        is raised as the error it names; a child that ends first raises `ChildDied` or `ChildOverMemory`.
        """
        number = next(self._ids)
        inbox: queue.SimpleQueue[tuple[str, Any, list[int]]] = queue.SimpleQueue()
        with self._lock:
            if self._death is not None:
                raise self._death
            self._waiting[number] = inbox
        try:
            self._send({"id": number, "do": do, **(params or {})}, fds)
            return self._await(number, inbox, monotonic() + deadline_s, idle_s, on_progress)
        finally:
            with self._lock:
                self._waiting.pop(number, None)

    def _send(self, message: Message, fds: Sequence[int]) -> None:
        try:
            self._channel.send(message, fds)
        except WireClosed:
            self._die(ChildDied())

    def _await(
        self,
        number: int,
        inbox: queue.SimpleQueue[tuple[str, Any, list[int]]],
        until: float,
        idle_s: float | None,
        on_progress: Progress | None,
    ) -> Answer:
        while True:
            left = until - monotonic()
            try:
                what, value, fds = inbox.get(timeout=max(0.0, left if idle_s is None else min(left, idle_s)))
            except queue.Empty:
                self._die(ChildTimeout(f"The {self.kind.name} child did not answer in time."))
                continue
            if what == "done":
                return value, fds
            if what == "progress":
                answer = _pass_on(on_progress, value, fds)
                if answer is not None:
                    self._send({"id": number, "answer": answer}, ())
                continue
            _close(fds)
            raise value if isinstance(value, AgentError) else from_wire(value)

    def stop(self) -> None:
        """End the child and wait until it is gone; may be called twice."""
        self._die(ChildDied("The child was stopped."))
        self._process.wait(5.0)
        self._reader.join(timeout=5.0)

    def wait_dead(self, timeout_s: float) -> bool:
        """Return True once the child is dead, or False after `timeout_s`."""
        return self._dead.wait(timeout_s)

    def _read(self) -> None:
        try:
            while self._death is None:
                self._read_one()
        except WireClosed:
            status = self._process.wait(1.0)
            self._die(ChildDied(f"The {self.kind.name} child ended ({_ending(status)})."))
        except WireBroken as e:
            self._die(ChildError(f"The {self.kind.name} child broke the protocol: {e}."))
        finally:
            self._process.wait(5.0)
            self._channel.close()

    def _read_one(self) -> None:
        arrived = self._channel.receive(self.kind.beat_timeout_s)
        if arrived is not None:
            self._dispatch(*arrived)
        elif self.kind.beats_while_busy or not self._waiting:
            self._die(ChildTimeout(f"The {self.kind.name} child is silent: it hangs."))

    def _dispatch(self, message: Message, fds: list[int]) -> None:
        if "beat" in message:
            self._beat(message["beat"])
        elif "ready" in message:
            self._ready.put(message["ready"])
        elif "event" in message and self._on_event is not None:
            self._on_event(message, fds)
            return
        elif (number := message.get("id")) is not None:
            self._deliver(number, message, fds)
            return
        _close(fds)

    def _deliver(self, number: int, message: Message, fds: list[int]) -> None:
        with self._lock:
            inbox = self._waiting.get(number)
        for what in ("done", "failed", "progress"):
            if what in message and inbox is not None:
                inbox.put((what, message[what], fds))
                return
        _close(fds)

    def _beat(self, beat: Message) -> None:
        self.last_beat = beat
        self.resident_kb = int(beat.get("resident_kb", 0))
        if self.resident_kb > self.kind.resident_limit_mb * 1024:
            self._die(ChildOverMemory(f"The {self.kind.name} child used {self.resident_kb // 1024} MiB."))

    def _die(self, why: AgentError) -> None:
        with self._lock:
            if self._death is None:
                self._death = why
            waiting = list(self._waiting.values())
        self._process.kill()
        for inbox in waiting:
            inbox.put(("failed", self._death, []))
        self._ready.put(None)
        self._dead.set()


def _pass_on(receiver: Progress | None, value: Message, fds: list[int]) -> Message | None:
    if receiver is None:
        _close(fds)
        return None
    return receiver(value, fds)


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        with suppress(OSError):
            os.close(fd)


def _ending(status: int | None) -> str:
    if status is None:
        return "still ending"
    return f"signal {-status}" if status < 0 else f"exit {status}"
