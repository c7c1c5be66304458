"""How a lost device comes back: tried again for ever, a little later each time, or in a new process."""

from __future__ import annotations

BACKOFF_S = (0.5, 1.0, 2.0, 5.0)
"""Waits between tries to open; the last one is repeated for ever."""


class Stuck(Exception):
    """The driver's library hangs inside this process: only a new process helps."""
