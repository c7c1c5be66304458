"""What all triggers have in common: the act, and the limits of a bouncing or stuck switch."""

from __future__ import annotations

ACTIONS = ("capture", "clip", "scan")


def check(action: str, debounce_ms: int, stuck_s: float) -> None:
    """Raise `ValueError` for an act or a time that cannot be."""
    if action not in ACTIONS:
        raise ValueError(f"action must be one of {', '.join(ACTIONS)}")
    if not 0 <= debounce_ms <= 5000 or stuck_s <= 0:
        raise ValueError("debounce_ms must be 0 to 5000, stuck_s above 0")
