"""An instant in DICOM's words."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo


def da_tm(at: str, zone: str) -> tuple[str, str]:
    """Return DA and TM (PS3.5 6.2) of an ISO 8601 instant in the site's time zone."""
    when = datetime.fromisoformat(at).astimezone(ZoneInfo(zone))
    return f"{when:%Y%m%d}", f"{when:%H%M%S.%f}"
