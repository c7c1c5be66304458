"""Tells when the box has no fresh copy of itself: the last one failed, or none was made for too long (alarm D-17)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from agent import rotation
from agent.operations_errors import BackupNowhere
from agent.store import Store
from agent.store.transition import Stamp

ALARM = BackupNowhere.code
SUBJECT = "backup"
_TURN_S = 10.0
_TURNS_BETWEEN = 6
_HOUR_S = 3600.0


class BackupWatch:
    """The worker; the copies themselves are made by a timer of the host, beside the service."""

    def __init__(
        self,
        root: Path,
        store: Store,
        *,
        overdue_h: int,
        stamp: Callable[[], Stamp],
        notice: Callable[[str, str], None],
        turned: Callable[[], None],
    ) -> None:
        self._root, self._store, self._overdue_h = root, store, overdue_h
        self._stamp, self._notice, self._turned = stamp, notice, turned

    def age_s(self) -> float:
        """Return how old the last whole copy is, seconds."""
        return rotation.age_s(self._root, lambda: self._stamp().unix)

    def run(self, stop: threading.Event) -> None:
        """Look every minute until `stop`; the thread's main loop."""
        turns = 0
        while not stop.wait(_TURN_S):
            self._turned()
            if turns % _TURNS_BETWEEN == 0:
                self.look()
            turns += 1

    def look(self) -> None:
        """Raise or clear the alarm."""
        words = self._trouble()
        if not words:
            self._store.records.clear_alarm(ALARM, SUBJECT, self._stamp())
            return
        self._store.records.raise_alarm(ALARM, SUBJECT, words, self._stamp())
        self._notice("alarm", SUBJECT)

    def _trouble(self) -> str:
        overdue = self.age_s() > self._overdue_h * _HOUR_S
        told = rotation.outcome(self._root)
        if told is not None and told.code:
            return f"The box could not be copied. {told.words}"
        return f"No whole copy of the box was made for {self._overdue_h} hours." if overdue else ""
