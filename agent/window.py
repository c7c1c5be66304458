"""When a destination may be used: hours of the day, local to the site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Open from `opens` until `closes`, each day; over midnight where `closes` is the earlier."""

    opens: time
    closes: time

    @classmethod
    def of(cls, opens: str, closes: str) -> Window | None:
        """Return the window between two times of day as `22:00`; None where none is set."""
        return cls(opens=time.fromisoformat(opens), closes=time.fromisoformat(closes)) if opens and closes else None

    def closed_for(self, now: datetime) -> float:
        """Return how many seconds the window stays closed (0: it is open); `now` in the site's time zone."""
        if self._is_open(now.time()):
            return 0.0
        opening = datetime.combine(now.date(), self.opens, now.tzinfo)
        return ((opening if opening > now else opening + timedelta(days=1)) - now).total_seconds()

    def _is_open(self, at: time) -> bool:
        if self.opens <= self.closes:
            return self.opens <= at < self.closes
        return at >= self.opens or at < self.closes
