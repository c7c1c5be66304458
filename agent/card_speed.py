"""How fast the card takes what must be durable: measured on what the service writes anyway, never by a write more."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

KEPT = 100
"""Newest synchronisations that are looked at."""
FEWEST = 5
"""With fewer than so many nothing is said: the first after a start says more about the start."""
FRESH_S = 600.0
"""What is older says nothing about now."""


class CardSpeed:
    """Remembers how long the newest synchronisations (fsync of a picture, commit of a transaction) took."""

    def __init__(self, monotonic: Callable[[], float], took: Callable[[float], None] = lambda _seconds: None) -> None:
        self._monotonic, self._took = monotonic, took
        self._kept: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def synced(self, seconds: float) -> None:
        """Note one synchronisation; called by whoever made it, from any thread."""
        with self._lock:
            self._kept.append((self._monotonic(), seconds))
        self._took(seconds)

    def slow_s(self) -> float:
        """Return what nine of ten of the newest did not exceed, seconds; 0 where too few are known."""
        with self._lock:
            now = self._monotonic()
            fresh = sorted(seconds for at, seconds in self._kept if now - at < FRESH_S)
        return fresh[(len(fresh) * 9) // 10] if len(fresh) >= FEWEST else 0.0
