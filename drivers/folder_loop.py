"""The loop of a folder child: offer each item until the core says that it is durable.

    event `item` {item, name, facts, kind} with the payload's descriptor, or {item, name, refused}
    {"id", "do": "taken", "item"}  → done {}; the file is removed (or, if refused, put aside)
"""

from __future__ import annotations

import os
from time import monotonic, monotonic_ns
from typing import Any

from drivers.asking import BEAT_S, request_id
from drivers.contract import DriverError
from drivers.folder.content import Content, Refused, sha256
from drivers.folder.source import Source
from drivers.reopening import BACKOFF_S
from drivers.wire import Channel, resident_kb, seal

OFFER_AGAIN_S = 30.0


class FolderLoop:
    """One folder and the items that are on offer."""

    def __init__(self, channel: Channel, source: Source, every_s: float = 1.0) -> None:
        self._channel, self._source, self._every_s = channel, source, every_s
        self._offered: dict[str, float] = {}
        self._refused: set[str] = set()
        self._told: dict[str, Any] = {}
        self._ready, self._tries = False, 0
        self._look_at = self._beat_at = monotonic()

    def run(self) -> None:
        """Serve until the core hangs up; raises `WireClosed` then."""
        while True:
            self._turn()
            if monotonic() >= self._look_at:
                self._look()
            self._serve(max(0.0, min(self._look_at, self._beat_at) - monotonic()))

    def _turn(self) -> None:
        if monotonic() >= self._beat_at:
            self._beat_at = monotonic() + BEAT_S
            self._channel.send({"beat": {"resident_kb": resident_kb(), "geometry": {}}})

    def _look(self) -> None:
        self._look_at = monotonic() + self._every_s
        try:
            if not self._ready:
                self._source.open()
            for item in self._source.waiting():
                if self._offered.get(item, 0.0) <= monotonic():
                    self._offered[item] = monotonic() + OFFER_AGAIN_S
                    self._offer(item)
        except DriverError as e:
            self._ready, self._tries = False, self._tries + 1
            self._look_at = monotonic() + BACKOFF_S[min(self._tries, len(BACKOFF_S) - 1)]
            self._tell({"event": "device", "state": "restarting", "cause": e.cause, "advice": e.detail or e.advice})
            return
        self._ready, self._tries = True, 0
        self._tell({"event": "device", "state": "ready", "cause": "", "advice": ""})

    def _tell(self, event: dict[str, Any]) -> None:
        if event != self._told:
            self._told = event
            self._channel.send(event)

    def _offer(self, item: str) -> None:
        told: dict[str, Any] = {"event": "item", "item": item, "name": self._source.name(item)}
        try:
            content = self._source.read(item, self._turn)
        except Refused as e:
            self._refused.add(item)
            self._channel.send({**told, "refused": str(e)})
            return
        size, digest = sha256(content)
        facts = {**content.facts, "payload_size": size, "payload_sha256": digest, "captured_ns": monotonic_ns()}
        fd = _descriptor(content)
        try:
            self._channel.send({**told, "kind": content.kind, "facts": facts}, [fd])
        finally:
            os.close(fd)

    def _serve(self, wait_s: float) -> None:
        received = self._channel.receive(wait_s)
        if received is None:
            return
        message, fds = received
        for fd in fds:
            os.close(fd)
        item = str(message.get("item", ""))
        if message.get("do") == "taken" and item in self._offered:
            (self._source.refuse if item in self._refused else self._source.forget)(item)
            self._offered.pop(item)
            self._refused.discard(item)
        self._channel.send({"id": request_id(message), "done": {}})


def _descriptor(content: Content) -> int:
    return os.open(content.file, os.O_RDONLY) if content.file is not None else seal([content.payload])
