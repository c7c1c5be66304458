"""How old something is."""

from __future__ import annotations

from datetime import datetime

from agent.clock import Clock


def age(clock: Clock, at: str) -> float | None:
    """Return the seconds since `at` (ISO 8601 with offset); None for an empty one."""
    return (clock.now() - datetime.fromisoformat(at)).total_seconds() if at else None
