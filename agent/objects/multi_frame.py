"""Multi-frame, SC Multi-frame Image and Cine modules (PS3.3 C.7.6.6, C.8.6.3, C.7.6.5)."""

from __future__ import annotations

from pydicom.tag import Tag

from agent.model import FrameRecord
from agent.objects.attributes import Attributes
from agent.objects.family import Family

_POINTERS = (
    ("frame_times_ms", "FrameTimeVector", 0x00181065),
    ("frame_time_ms", "FrameTime", 0x00181063),
    ("page_numbers", "PageNumberVector", 0x00182001),
)
"""Field of the record, the attribute it becomes, its tag; the first that has a value leads from frame to frame."""


def multi_frame(record: FrameRecord, kind: Family) -> Attributes:
    """Return the modules of several frames; nothing for a single-frame class."""
    if not kind.multi_frame:
        return {}
    many = record.number_of_frames > 1 or kind.video
    return {
        "NumberOfFrames": record.number_of_frames,
        **(_vector(record) if many else {}),
        **(_cine(record) if many else {}),
        **(_grey(record) if kind.secondary else {}),
    }


def _vector(record: FrameRecord) -> Attributes:
    for field, keyword, tag in _POINTERS:
        if value := getattr(record, field):
            told = [_ds(v) for v in value] if isinstance(value, tuple) and field != "page_numbers" else value
            told = list(told) if isinstance(told, tuple) else told
            return {"FrameIncrementPointer": Tag(tag), keyword: _ds(told) if isinstance(told, float) else told}
    pages = list(range(1, record.number_of_frames + 1))
    return {"FrameIncrementPointer": Tag(0x00182001), "PageNumberVector": pages}


def _cine(record: FrameRecord) -> Attributes:
    total_ms = sum(record.frame_times_ms) or record.frame_time_ms * record.number_of_frames
    mean_ms = record.frame_time_ms or total_ms / max(1, len(record.frame_times_ms) - 1)
    if mean_ms <= 0:
        return {}
    rate = max(1, round(1000 / mean_ms))
    return {"CineRate": rate, "RecommendedDisplayFrameRate": rate, "EffectiveDuration": _ds(total_ms / 1000)}


def _grey(record: FrameRecord) -> Attributes:
    """Required if MONOCHROME2 and Bits Stored above 1, forbidden otherwise (PS3.3 C.8.6.3)."""
    if record.photometric_interpretation != "MONOCHROME2" or record.bits_stored == 1:
        return {}
    return {
        "RescaleIntercept": "0",
        "RescaleSlope": "1",
        "RescaleType": "US",
        "PresentationLUTShape": "IDENTITY",
    }


def _ds(value: float) -> str:
    return f"{value:.6g}"
