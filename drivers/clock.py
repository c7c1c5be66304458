"""Two clocks for drivers: the machine's CLOCK_MONOTONIC, and one for tests that jumps instead of waiting."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Time that can be waited for."""

    def now_ns(self) -> int: ...

    def wait(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...


class Monotonic:
    """CLOCK_MONOTONIC: the same in every process of the box, so that a press and a frame can be compared."""

    def __init__(self) -> None:
        self._never = threading.Event()

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def wait(self, seconds: float) -> None:
        self._never.wait(max(0.0, seconds))


class Jump:
    """A clock that stands still and jumps over every wait: as fast as possible, and always the same."""

    def __init__(self, start_ns: int = 1_000_000_000) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def wait(self, seconds: float) -> None:
        self._now_ns += max(0, round(seconds * 1e9))
