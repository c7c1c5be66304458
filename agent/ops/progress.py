"""Who has finished a turn of its own loop lately: the watchdog is fed by work, never by a timer."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Progress:
    """Counts turns. A worker is late when it finished none for its allowed time."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._allowed: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def expect(self, worker: str, within_s: float) -> Callable[[], None]:
        """Watch `worker` from now on and return what it calls at each turn."""

        def turned() -> None:
            with self._lock:
                self._last[worker] = self._monotonic()

        with self._lock:
            self._allowed[worker] = within_s
        turned()
        return turned

    def late(self) -> list[str]:
        """Return the workers that finished no turn within their time."""
        now = self._monotonic()
        with self._lock:
            return [name for name, allowed in self._allowed.items() if now - self._last[name] > allowed]
