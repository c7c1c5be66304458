"""Time as a value that is passed in: wall clock, monotonic clock, and who says the wall clock is right.

Only `supervisor` makes the real one; tests and the sandbox pass their own. Nothing else reads a clock.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from agent.model import ClockTrust


class Clock(Protocol):
    """What every room may ask about time."""

    def now(self) -> datetime:
        """Return the wall clock, aware, in the box's zone. It may jump; never used for waiting."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump, shared by all processes of this boot (CLOCK_MONOTONIC)."""
        ...

    def boottime_ns(self) -> int:
        """Return nanoseconds since boot, suspend included (CLOCK_BOOTTIME)."""
        ...

    def trust(self) -> ClockTrust:
        """Return who vouches for `now()`; building and TLS wait for anything but `UNTRUSTED` (ruling 6)."""
        ...
