"""The loop of a scanner child: look for the device, scan when asked, beat; in one thread, never blocked for long.

    {"id", "do": "scan", "preview"}  → progress {page header} with a memfd for each page, then done {"pages"}
    {"id", "do": "cancel"}           → done {}; the scan that runs fails with V-23
"""

from __future__ import annotations

import os
from time import monotonic, monotonic_ns
from typing import Any, Protocol

from drivers.asking import BEAT_S, request_id
from drivers.contract import DriverError
from drivers.reopening import BACKOFF_S
from drivers.scanner.job import JobFailed
from drivers.wire import Channel, resident_kb, seal

LOOK_S = 60.0


class Scanner(Protocol):
    """What the loop asks of a scanner driver."""

    def look(self) -> str: ...

    def scan(self, page: Any, turn: Any, *, preview: bool) -> int: ...


class ScanLoop:
    """One scanner and what it is asked."""

    def __init__(self, channel: Channel, scanner: Scanner) -> None:
        self._channel, self._scanner = channel, scanner
        self._told: dict[str, Any] = {}
        self._tries = 0
        self._look_at = self._beat_at = monotonic()
        self._cancelled = False
        self._scanning = 0

    def run(self) -> None:
        """Serve until the core hangs up; raises `WireClosed` then."""
        while True:
            self._beat()
            if monotonic() >= self._look_at:
                self._look()
            self._serve(min(BEAT_S, max(0.0, self._look_at - monotonic())))

    def _look(self) -> None:
        try:
            self._scanner.look()
        except DriverError as e:
            self._tries += 1
            self._look_at = monotonic() + 5 * BACKOFF_S[min(self._tries, len(BACKOFF_S) - 1)]
            self._tell({"event": "device", "state": "restarting", "cause": e.cause, "advice": e.detail or e.advice})
            return
        self._tries, self._look_at = 0, monotonic() + LOOK_S
        self._tell({"event": "device", "state": "ready", "cause": "", "advice": ""})
        self._tell({"event": "signal", "signal": "present"})

    def _tell(self, event: dict[str, Any]) -> None:
        if self._told.get(event["event"]) != event:
            self._told[event["event"]] = event
            self._channel.send(event)

    def _beat(self) -> None:
        if monotonic() >= self._beat_at:
            self._beat_at = monotonic() + BEAT_S
            self._channel.send({"beat": {"resident_kb": resident_kb(), "geometry": {}}})

    def _serve(self, wait_s: float) -> None:
        received = self._channel.receive(wait_s)
        if received is None:
            return
        message, fds = received
        for fd in fds:
            os.close(fd)
        asked, do = request_id(message), message.get("do")
        if do == "scan" and not self._scanning:
            self._scan(asked, preview=bool(message.get("preview")))
        elif do == "cancel":
            self._cancelled = True
            self._channel.send({"id": asked, "done": {}})
        elif do in ("flush", "preview"):
            self._channel.send({"id": asked, "done": {}})
        else:
            self._fail(asked, "V-24" if do == "scan" else "V-01", "The scanner cannot do that now.", 0)

    def _scan(self, asked: int, *, preview: bool) -> None:
        self._scanning, self._cancelled = asked, False
        try:
            pages = self._scanner.scan(self._page, self._turn, preview=preview)
            self._channel.send({"id": asked, "done": {"pages": pages}})
        except JobFailed as e:
            self._fail(asked, e.code, str(e), e.pages)
        except DriverError as e:
            self._fail(asked, "V-02" if e.cause == "absent" else "V-26", f"{e.advice} {e.detail}".strip(), 0)
            self._look_at = monotonic()
        finally:
            self._scanning = 0

    def _page(self, header: dict[str, Any], payload: bytes) -> None:
        fd = seal([payload])
        try:
            told = {**header, "captured_ns": monotonic_ns()}
            self._channel.send({"id": self._scanning, "progress": told}, [fd], timeout_s=60.0)
        finally:
            os.close(fd)

    def _turn(self) -> bool:
        self._beat()
        self._serve(0.0)
        return not self._cancelled

    def _fail(self, asked: int, code: str, message: str, pages: int) -> None:
        self._channel.send({"id": asked, "failed": {"code": code, "message": message, "facts": {"pages": pages}}})
