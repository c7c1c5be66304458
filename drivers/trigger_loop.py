"""The loop of a trigger child: wait for a press, tell it, beat; the port is opened again after every loss."""

from __future__ import annotations

import os
from time import monotonic
from typing import Any

from drivers.asking import BEAT_S, request_id
from drivers.contract import DriverError, Trigger
from drivers.reopening import BACKOFF_S, Stuck
from drivers.wire import Channel, resident_kb

READ_TIMEOUT_S = 0.5
HELD = {
    "event": "device",
    "state": "stuck",
    "cause": "held",
    "advice": "The pedal is held down or its line is stuck: release it, check its cable.",
}


class TriggerLoop:
    """One trigger and the events it causes; it takes no requests."""

    def __init__(self, channel: Channel, trigger: Trigger) -> None:
        self._channel, self._trigger = channel, trigger
        self._told: dict[str, Any] = {}
        self._ready, self._tries = False, 0
        self._retry_at = self._beat_at = monotonic()

    def run(self) -> None:
        """Serve until the core hangs up; raises `WireClosed` then, `Stuck` when only a new process helps."""
        try:
            while True:
                self._turn()
        finally:
            self._trigger.close()

    def _turn(self) -> None:
        try:
            self._listen()
        except DriverError as e:
            self._lost(e)
        if monotonic() >= self._beat_at:
            self._beat_at = monotonic() + BEAT_S
            self._channel.send({"beat": {"resident_kb": resident_kb()}})
        self._refuse_requests(0.0 if self._ready else min(BEAT_S, max(0.0, self._retry_at - monotonic())))

    def _listen(self) -> None:
        if not self._ready:
            if monotonic() < self._retry_at:
                return
            self._trigger.open()
            self._ready, self._tries = True, 0
        press = self._trigger.read(READ_TIMEOUT_S)
        if press is not None:
            event = {"event": "press", "press_id": press.press_id, "action": press.action}
            event |= {"text": press.text} if press.text else {}
            self._channel.send({**event, "pressed_ns": press.pressed_ns})
        held = bool(getattr(self._trigger, "stuck", False))
        self._tell(HELD if held else {"event": "device", "state": "ready", "cause": "", "advice": ""})

    def _lost(self, error: DriverError) -> None:
        self._trigger.close()
        if error.cause == "stuck":
            raise Stuck(error.detail)
        self._ready = False
        self._retry_at = monotonic() + BACKOFF_S[min(self._tries, len(BACKOFF_S) - 1)]
        self._tries += 1
        told = {"event": "device", "state": "restarting", "cause": error.cause, "advice": error.advice}
        self._tell(told)

    def _tell(self, event: dict[str, Any]) -> None:
        if event != self._told:
            self._told = event
            self._channel.send(event)

    def _refuse_requests(self, wait_s: float) -> None:
        received = self._channel.receive(wait_s)
        if received is not None:
            message, fds = received
            for fd in fds:
                os.close(fd)
            failed = {"code": "V-01", "message": "A trigger takes no requests.", "facts": {}}
            self._channel.send({"id": request_id(message), "failed": failed})
