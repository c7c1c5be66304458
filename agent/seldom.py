"""Says whether something is told now: the first time, and then not again for a while; bounded whoever asks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic


class Seldom:
    """Remembers what was told for `seconds`, at most `most` of it; when full, nothing new is told."""

    def __init__(self, *, seconds: float, most: int, clock: Callable[[], float] = monotonic) -> None:
        self._seconds, self._most, self._clock = seconds, most, clock
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()

    def first(self, what: str) -> bool:
        """Return whether `what` is to be told now."""
        with self._lock:
            now = self._clock()
            self._told = {key: at for key, at in self._told.items() if now - at < self._seconds}
            if what in self._told or len(self._told) >= self._most:
                return False
            self._told[what] = now
            return True
