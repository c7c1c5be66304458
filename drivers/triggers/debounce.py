"""One act of a person, one press: pure logic over samples of a line, time in milliseconds."""

from __future__ import annotations


class Debounce:
    """Fires on the first active sample after the line has rested for `rest_ms`."""

    def __init__(self, *, rest_ms: int, stuck_ms: int) -> None:
        self._rest_ms, self._stuck_ms = rest_ms, stuck_ms
        self._armed = False
        self._resting_since: int | None = None
        self._active_since: int | None = None
        self.stuck = False

    def see(self, now_ms: int, *, active: bool) -> bool:
        """Return whether this sample is a press. The line must have been seen at rest once before the first."""
        if not active:
            self._active_since, self.stuck = None, False
            self._resting_since = now_ms if self._resting_since is None else self._resting_since
            self._armed = self._armed or now_ms - self._resting_since >= self._rest_ms
            return False
        rested = self._resting_since is not None and now_ms - self._resting_since >= self._rest_ms
        self._resting_since = None
        self._active_since = now_ms if self._active_since is None else self._active_since
        self.stuck = now_ms - self._active_since > self._stuck_ms
        fired, self._armed = self._armed or rested, False
        return fired
