"""When a part of the box needs attention and when it is failing: two thresholds each, for `health` and monitoring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agent.config.section import Complaint, Section
from agent.config.values import setting

_FALLING = ("disk_images", "certificate_days")
"""What is bad when it is little; of everything else much is bad."""


def _count(default: int, sentence: str, unit: str, most: int) -> Any:
    return setting(default, sentence, unit=unit, ge=0, le=most)


class HealthPolicy(Section):
    """When a part of the box needs attention and when it is failing."""

    disk_images_attention: int = _count(500, "Fewer pictures that still fit need attention.", "pictures", 10_000_000)
    disk_images_failing: int = _count(50, "Fewer pictures that still fit are failing.", "pictures", 10_000_000)
    certificate_days_attention: int = _count(30, "A certificate that ends sooner needs attention.", "days", 3650)
    certificate_days_failing: int = _count(1, "A certificate that ends sooner is failing.", "days", 3650)
    queue_min_attention: int = _count(30, "An object that waits longer needs attention.", "min", 100_000)
    queue_min_failing: int = _count(1440, "An object that waits longer is failing.", "min", 100_000)
    source_min_attention: int = _count(1, "A source that is not ready for longer needs attention.", "min", 100_000)
    source_min_failing: int = _count(10, "A source that is not ready for longer is failing.", "min", 100_000)
    destination_min_attention: int = _count(2, "A destination down for longer needs attention.", "min", 100_000)
    destination_min_failing: int = _count(60, "A destination down for longer is failing.", "min", 100_000)
    worklist_min_attention: int = _count(15, "A worklist older than this needs attention.", "min", 100_000)
    worklist_min_failing: int = _count(240, "A worklist older than this is failing.", "min", 100_000)
    audit_min_attention: int = _count(60, "An audit row that waits longer needs attention.", "min", 100_000)
    audit_min_failing: int = _count(1440, "An audit row that waits longer is failing.", "min", 100_000)

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield a part that would be failing before it needs attention."""
        names = [name.removesuffix("_attention") for name in cls.model_fields if name.endswith("_attention")]
        for name in names:
            sooner, later = (_told(cls, raw, f"{name}_{word}") for word in ("attention", "failing"))
            if sooner is None or later is None:
                continue
            if (later > sooner) if name in _FALLING else (later < sooner):
                yield (f"{name}_failing",), f"must not be reached before {name}_attention"


def _told(table: type[Section], raw: Mapping[str, Any], key: str) -> int | None:
    value = raw.get(key, table.model_fields[key].default)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
