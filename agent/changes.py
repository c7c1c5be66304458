"""One number that grows with every change, for those who look and those who have to act on it."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Changes:
    """Wakes those who look whenever something changed; a number that only grows."""

    def __init__(self) -> None:
        self._number = 0
        self._changed = threading.Condition()
        self._listeners: list[Callable[[str, str], None]] = []

    def notice(self, what: str, name: str) -> None:
        """Something called `name` of the kind `what` changed."""
        with self._changed:
            self._number += 1
            self._changed.notify_all()
        for listener in self._listeners:
            listener(what, name)

    def listen(self, listener: Callable[[str, str], None]) -> None:
        """Call `listener` at every change (the composition root wires workers together with it)."""
        self._listeners.append(listener)

    def wait(self, seen: int, timeout_s: float) -> int:
        """Return the number of changes once it differs from `seen`, or after `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._number != seen, timeout_s)
            return self._number
