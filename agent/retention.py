"""Lets objects go that are safe elsewhere, and gives the reserve up before the disk is full (promise P1).

Unsent work is never touched: what may go is decided by `store.retention`. The row is written before the files go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from agent.spool import Spool, Steps
from agent.store import Store
from agent.store.transition import Stamp

_TURN_S = 20.0
_AT_ONCE = 100
_DAY_S = 86400.0
_FULL_CODE = "D-06"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRules:
    """The site's policy, from the configuration."""

    keep_s: float
    deleted_s: float
    purge_below_bytes: int
    minimum_free_bytes: int


class Retention:
    """The worker that keeps the disk from filling up."""

    def __init__(
        self,
        store: Store,
        spool: Spool,
        rules: RetentionRules,
        *,
        stamp: Callable[[], Stamp],
        notice: Callable[[str, str], None],
        turned: Callable[[], None],
        steps: Steps,
    ) -> None:
        self._store, self._spool, self._rules = store, spool, rules
        self._stamp, self._notice, self._turned, self._steps = stamp, notice, turned, steps
        self._wake = threading.Event()

    def wake(self) -> None:
        """Look now."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Look every 20 s until `stop`; the thread's main loop."""
        while not stop.is_set():
            self._turned()
            self._wake.clear()
            if not self.turn():
                self._wake.wait(_TURN_S)

    def turn(self) -> int:
        """Let go what may go and return how many pictures went; durable on return."""
        now = self._stamp().unix
        due = self._store.retention.given_up(now - self._rules.deleted_s, _AT_ONCE)
        due += self._store.retention.rejected(now - max(self._rules.keep_s, self._rules.deleted_s), _AT_ONCE)
        due += self._store.retention.safe(now - self._rules.keep_s, _AT_ONCE)
        if not due and self._spool.free_bytes() < self._rules.purge_below_bytes:
            due = self._store.retention.safe(now, _AT_ONCE)
        self._mind_the_reserve()
        return sum(self._purge(frame_id) for frame_id in due)

    def _purge(self, frame_id: str) -> bool:
        if not self._store.retention.purge(frame_id, self._stamp()):
            return False
        self._steps("purge:recorded")
        for path in self._spool.files_of(frame_id):
            self._spool.remove(path)
        return True

    def _mind_the_reserve(self) -> None:
        """Hold the ballast while there is room for it; give it up where even status rows would not fit."""
        free = self._spool.free_bytes()
        if free < self._rules.minimum_free_bytes // 4:
            self._spool.drop_ballast()
        elif free > self._rules.minimum_free_bytes:
            self._spool.hold_ballast()
        if free < self._rules.minimum_free_bytes:
            words = "The disk is full: nothing new is captured until pictures were sent or IT made room."
            self._store.records.raise_alarm(_FULL_CODE, "disk", words, self._stamp())
            self._notice("disk", "full")
        else:
            self._store.records.clear_alarm(_FULL_CODE, "disk", self._stamp())
