"""When each session was last used by its person: in memory, because a page that is looked at must write nothing.

Within a run only the monotonic clock counts; what the wall clock said before the restart is believed unless it lies
ahead, and then the session counts as too old.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from agent.clock import Clock
from agent.store import StoredSession

_TOO_LONG = float("inf")


@dataclass(slots=True)
class _Times:
    known: float
    """Monotonic seconds when it was first met in this run."""
    age: float
    """How old it was then."""
    seen: float
    """Monotonic seconds of the last act."""
    written: bool = True


class Activity:
    """Ages and idle times of sessions."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._times: dict[str, _Times] = {}
        self._lock = threading.Lock()

    def _of(self, session: StoredSession) -> _Times:
        times = self._times.get(session.session_id)
        if times is None:
            now, unix = self._clock.monotonic(), self._clock.now().timestamp()
            age, idle = unix - session.began, unix - session.seen
            times = _Times(
                known=now, age=age if age >= -1 else _TOO_LONG, seen=now - (max(0.0, idle) if idle >= -1 else _TOO_LONG)
            )
            self._times[session.session_id] = times
        return times

    def age_s(self, session: StoredSession) -> float:
        """Return how long ago the session began."""
        with self._lock:
            times = self._of(session)
            return times.age + self._clock.monotonic() - times.known

    def idle_s(self, session: StoredSession) -> float:
        """Return how long ago its person last did something."""
        with self._lock:
            return self._clock.monotonic() - self._of(session).seen

    def touch(self, session: StoredSession) -> None:
        """The person did something just now."""
        with self._lock:
            times = self._of(session)
            times.seen, times.written = self._clock.monotonic(), False

    def forget(self, session_id: str) -> None:
        """The session began anew or has ended."""
        with self._lock:
            self._times.pop(session_id, None)

    def unwritten(self) -> dict[str, float]:
        """Return session → Unix seconds of the last act, for those that moved since this was asked last."""
        with self._lock:
            now, unix = self._clock.monotonic(), self._clock.now().timestamp()
            moved = {name: unix - (now - t.seen) for name, t in self._times.items() if not t.written}
            for name in moved:
                self._times[name].written = True
            return moved
