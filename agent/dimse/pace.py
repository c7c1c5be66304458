"""Keeps a transfer below a bandwidth: waits after each piece until the average is low enough again."""

from __future__ import annotations

import select
from collections.abc import Callable
from time import monotonic

LONGEST_WAIT_S = 1.0


class Pace:
    """A limit of `bytes_per_s` over all associations of one batch; 0: none. `tick` is called while it waits."""

    def __init__(self, bytes_per_s: int, tick: Callable[[], None]) -> None:
        self._limit, self._tick = bytes_per_s, tick
        self._began = monotonic()

    def sent(self, total: int) -> None:
        """`total` bytes have left since the beginning: return when that is not too fast."""
        if not self._limit:
            return
        due = self._began + total / self._limit
        while (left := due - monotonic()) > 0:
            select.select([], [], [], min(left, LONGEST_WAIT_S))
            self._tick()
