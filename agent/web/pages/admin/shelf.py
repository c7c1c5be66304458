"""What an act found, laid aside until the page that shows it is asked for (post–redirect–get), in memory only.

Codes and tokens are told once and must not stand in the database, where the answers of repeated forms are kept; so the
address that is kept there is only a number of this shelf. What nobody fetches is pushed out by what comes later.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from typing import Any

from agent.web.pages.page import Visit

MOST = 48


class Shelf:
    """Values by number, each for whoever put it there. Safe to share between threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held: OrderedDict[str, tuple[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, visit: Visit, value: Any) -> str:
        """Return the number under which `value` waits for whoever visits."""
        key = secrets.token_hex(8)
        with self._lock:
            self._held[key] = (_owner(visit), value)
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        return key

    def look(self, visit: Visit, key: str) -> Any:
        """Return what waits under `key`; None: nothing does, or it is somebody else's."""
        with self._lock:
            owner, value = self._held.get(key, ("", None))
        return value if owner == _owner(visit) else None

    def take(self, visit: Visit, key: str) -> Any:
        """Return what waits under `key` and forget it: a secret is shown once."""
        value = self.look(visit, key)
        if value is not None:
            with self._lock:
                self._held.pop(key, None)
        return value


def _owner(visit: Visit) -> str:
    return f"{visit.actor.role} {visit.actor.session or visit.actor.name}"


SHELF = Shelf()
"""The one of this process."""
