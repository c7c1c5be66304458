"""Encapsulated Document module (PS3.3 C.24.2), all but the document itself and what stands behind it."""

from __future__ import annotations

from agent.model import Equipment, FrameRecord
from agent.objects.attributes import Attributes
from agent.objects.instant import instant


def document(record: FrameRecord, box: Equipment) -> Attributes:
    """Return when and from what the document was made; its type is not coded unless a person says which.

    Its title is in `said`."""
    at = instant(record.acquired_at, box.timezone)
    return {
        "ContentDate": at.date,
        "ContentTime": at.time,
        "AcquisitionDateTime": at.date_time,
        "BurnedInAnnotation": "YES",
        "ConceptNameCodeSequence": [],
    }
