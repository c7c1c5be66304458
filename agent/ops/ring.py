"""The newest lines of this process's log, kept in memory: where the journal cannot be read they are all there is."""

from __future__ import annotations

import logging
from collections import deque
from itertools import count

LINES = 2000
LONGEST = 500


class Ring(logging.Handler):
    """Keeps the last `LINES` lines, each cut to `LONGEST` characters."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: deque[str] = deque(maxlen=LINES)
        self._seen = count()
        self._written = 0

    def emit(self, record: logging.LogRecord) -> None:
        self._written = next(self._seen) + 1
        self._kept.append(self.format(record)[:LONGEST])

    def lines(self, limit: int = LINES) -> tuple[str, ...]:
        """Return the newest `limit` lines, oldest first."""
        return tuple(self._kept)[-limit:]

    @property
    def dropped(self) -> int:
        """How many lines of this run are no longer kept."""
        return self._written - len(self._kept)
