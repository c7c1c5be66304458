"""Tells alarms to those who look after the box: each once when it began and once when it ended, by each channel.

What is to be told stands in the database, so a restart forgets nothing. A channel that took a message and died before
it said so gets it again with the same identifier, by which it can be recognised. Whoever speaks to the network is a
child; nothing of a patient is in an alarm.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from agent.child import ALERT, Child
from agent.clock import Clock
from agent.errors import AgentError
from agent.launcher import Launcher
from agent.model import ClockTrust
from agent.store import Alert, Stamp, Store

UNTOLD = "A-22"
"""Code of the alarm about a channel; it is not told by that channel."""
BATCH = 20
_TURN_S = 5.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 10.0, 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRules:
    """When and how often, from the configuration."""

    delay_s: float
    tries: int
    longest_s: float
    """Longest time that one message may take."""


@dataclass(slots=True)
class _Line:
    """What is known of one channel in this run."""

    request: dict[str, Any]
    failures: int = 0
    not_before: float = 0.0


class Alerting:
    """The worker; `channels` maps `webhook` and `mail` to what their child needs."""

    def __init__(
        self,
        channels: Mapping[str, dict[str, Any]],
        rules: AlertRules,
        store: Store,
        launcher: Launcher,
        clock: Clock,
        *,
        box: str,
        stamp: Callable[[], Stamp],
        notice: Callable[[str, str], None],
        turned: Callable[[], None],
    ) -> None:
        self._lines = {name: _Line(request) for name, request in channels.items()}
        self._rules, self._store, self._launcher, self._clock, self._box = rules, store, launcher, clock, box
        self._stamp, self._notice, self._turned = stamp, notice, turned

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return tuple(self._lines)

    def run(self, stop: threading.Event) -> None:
        """Tell what is due until `stop`; the thread's main loop."""
        while not stop.wait(_TURN_S):
            self._turned()
            for name, line in self._lines.items():
                self.turn(name, line)

    def turn(self, name: str, line: _Line) -> None:
        """Tell one channel what is due, or note that it does not listen."""
        stamp = self._stamp()
        self._store.alerts.plan(name, UNTOLD, stamp.unix - self._rules.delay_s, stamp)
        if self._clock.trust() is ClockTrust.UNTRUSTED or self._clock.monotonic() < line.not_before:
            return
        due = self._store.alerts.due(name, BATCH)
        if not due:
            return
        try:
            self._tell(name, line, due)
        except AgentError as e:
            self._failed(name, line, due, e)
            return
        self._store.alerts.told(due, self._stamp())
        line.failures = 0
        self._store.records.clear_alarm(UNTOLD, name, self._stamp())

    def _failed(self, name: str, line: _Line, due: list[Alert], error: AgentError) -> None:
        line.failures += 1
        wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(line.failures - 1, 10))
        line.not_before = self._clock.monotonic() + wait_s
        self._store.alerts.failed(due, self._rules.tries, self._stamp())
        self._store.records.raise_alarm(UNTOLD, name, error.message, self._stamp())
        self._notice("alarm", name)

    def _tell(self, name: str, line: _Line, due: list[Alert]) -> None:
        child = Child(ALERT, self._launcher)
        try:
            child.wait_ready()
            request = {**line.request, "box": self._box, "at": self._stamp().at, "alarms": [_told(a) for a in due]}
            child.request(name, request, deadline_s=self._rules.longest_s)
        finally:
            with suppress(AgentError):
                child.stop()


def _told(alert: Alert) -> dict[str, Any]:
    return {
        "id": f"{alert.alarm_id}-{alert.edge}",
        "edge": alert.edge,
        "code": alert.code,
        "subject": alert.subject,
        "words": alert.words,
        "began_at": alert.began_at,
        "ended_at": alert.cleared_at,
    }
