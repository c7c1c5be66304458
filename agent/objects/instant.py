"""One instant in the words of the standard: DA, TM, DT and the offset from UTC (PS3.5 6.2, PS3.3 C.12.1).

The offset is that of the configured zone at this very instant, never a constant: Ukraine changes its clocks
twice a year, and an image of the night of the change must say which of the two three-o'clocks it means.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent.errors import ObjectInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """`date` DA, `time` TM with microseconds, `offset` as `+0200`, in local time of the zone."""

    date: str
    time: str
    offset: str

    @property
    def date_time(self) -> str:
        """The DT value, 26 characters."""
        return f"{self.date}{self.time}{self.offset}"


def instant(acquired_at: str, zone: str) -> Instant:
    """Return `acquired_at` (ISO 8601 with an offset) in the zone of that name.

    Raises `ObjectInvalid` for a time without an offset, an unknown zone, or an offset that the standard
    cannot write (not of whole minutes, or beyond -1200 and +1400).
    """
    try:
        local = datetime.fromisoformat(acquired_at).astimezone(_zone(zone))
        aware = datetime.fromisoformat(acquired_at).tzinfo is not None
    except (ValueError, OverflowError):
        raise _invalid("AcquisitionDateTime", "no time of acquisition.") from None
    if not aware:
        raise _invalid("AcquisitionDateTime", "a time without an offset from UTC.")
    return Instant(date=f"{local.year:04d}{local:%m%d}", time=f"{local:%H%M%S.%f}", offset=_offset(local.utcoffset()))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise _invalid("TimezoneOffsetFromUTC", "there is no such time zone.") from None


def _offset(offset: timedelta | None) -> str:
    minutes, rest = divmod(offset or timedelta(), timedelta(minutes=1))
    if rest or not -12 * 60 <= minutes <= 14 * 60:
        raise _invalid("TimezoneOffsetFromUTC", "an offset that the standard cannot write.")
    hours, minutes_left = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}{minutes_left:02d}"


def _invalid(keyword: str, reason: str) -> ObjectInvalid:
    return ObjectInvalid(f"{keyword}: {reason}", keyword=keyword)
