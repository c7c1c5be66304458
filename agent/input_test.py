"""Tests of pedals and readers: what comes in is shown and does nothing, for a few seconds and without an open exam.

A press during an open exam is a picture that somebody wants: then no test begins, and one that runs lets it through.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

LONGEST_S = 60.0
_MOST_SEEN = 20
_GROUP_SEPARATOR = "\x1d"


@dataclass(slots=True, kw_only=True)
class _Running:
    until: float
    seen: list[str] = field(default_factory=list)


class InputTests:
    """The tests that run now, by name of the trigger."""

    def __init__(self, *, monotonic: Callable[[], float], is_open: Callable[[str], bool]) -> None:
        self._monotonic, self._is_open = monotonic, is_open
        self._running: dict[str, _Running] = {}
        self._lock = threading.Lock()

    def begin(self, name: str, seconds: float) -> None:
        """Show what comes in at `name` for so long; what was seen before is forgotten."""
        with self._lock:
            self._running[name] = _Running(until=self._monotonic() + min(LONGEST_S, max(1.0, seconds)))

    def took(self, name: str, source: str, action: str, text: str) -> bool:
        """Take what came in at `name` and return True, unless no test runs or an exam is open on its source."""
        with self._lock:
            test = self._running.get(name)
            if test is None or self._monotonic() >= test.until or self._is_open(source):
                return False
            test.seen = [*test.seen, _words(action, text)][-_MOST_SEEN:]
            return True

    def left_s(self, name: str) -> float | None:
        """Return how long the test of `name` still runs; None: none does."""
        with self._lock:
            test = self._running.get(name)
            left = test.until - self._monotonic() if test else 0.0
        return left if left > 0 else None

    def seen(self, name: str) -> tuple[str, ...]:
        """Return what came in during the last test of `name`, newest last; of a scan never the text."""
        with self._lock:
            test = self._running.get(name)
            return tuple(test.seen) if test else ()


def _words(action: str, text: str) -> str:
    if action != "scan":
        return action
    kind = "digits" if text.isdigit() else "letters and digits" if text.isalnum() else "text"
    kind = "GS1" if _GROUP_SEPARATOR in text else kind
    return f"scan: {len(text)} characters, {kind}"
