"""General Image, SC Image and SOP Common modules (PS3.3 C.7.6.1, C.8.6.2, C.12.1)."""

from __future__ import annotations

from agent.model import Equipment, FrameRecord, SeriesRecord
from agent.objects.attributes import Attributes, code_items, optional
from agent.objects.family import Family
from agent.objects.icc import INPUT, profile
from agent.objects.instant import Instant, instant

UTF_8 = "ISO_IR 192"

SCANNED = frozenset({"DF", "SD", "SI"})
"""Conversion types whose pixels are a picture of a picture: Image Type value 2 is SECONDARY."""
DERIVING = frozenset({"cropped", "masked", "scaled", "annotated"})
"""Words of `FrameRecord.processing` that change what the picture shows: Image Type value 1 is DERIVED."""

_LONGEST_VIDEO_FORMAT = 16
_LONGEST_DIGITAL_FORMAT = 64
_LONGEST_DERIVATION = 1024


def sop_common(record: FrameRecord, box: Equipment, facts: SeriesRecord) -> Attributes:
    """Return the SOP Common module; the instance was created when its frame got its UID: at capture."""
    at = instant(record.acquired_at, box.timezone)
    return {
        "SpecificCharacterSet": UTF_8,
        "SOPClassUID": record.sop_class_uid,
        "SOPInstanceUID": record.sop_instance_uid,
        "InstanceCreationDate": at.date,
        "InstanceCreationTime": at.time,
        "InstanceNumber": record.instance_number,
        "TimezoneOffsetFromUTC": at.offset,
        **optional(InstanceCreatorUID=facts.instance_creator_uid),
    }


def image(record: FrameRecord, box: Equipment, kind: Family) -> Attributes:
    """Return the image modules: what the picture is, when it was made and what was done to it."""
    at = instant(record.acquired_at, box.timezone)
    return {
        "ImageType": _image_type(record, box),
        "ContentDate": at.date,
        "ContentTime": at.time,
        "AcquisitionDate": at.date,
        "AcquisitionTime": at.time,
        "AcquisitionDateTime": at.date_time,
        "PatientOrientation": "",
        "BurnedInAnnotation": "YES" if box.burned_in_annotation else "NO",
        **optional(
            DerivationDescription=record.processing[:_LONGEST_DERIVATION].strip(),
            AnatomicRegionSequence=code_items([box.anatomic_region] if box.anatomic_region else []),
        ),
        **(_secondary(record, box, at) if kind.secondary else _visible_light(record, kind)),
    }


def _visible_light(record: FrameRecord, kind: Family) -> Attributes:
    """Acquisition Context, and for colour stills the profile of an input device (PS3.3 C.11.15)."""
    colour = record.samples_per_pixel == 3 and not kind.video
    told = {"ICCProfile": profile(INPUT), "ColorSpace": "SRGB"} if colour else {}
    return {"AcquisitionContextSequence": [], **told}


def _secondary(record: FrameRecord, box: Equipment, at: Instant) -> Attributes:
    return {
        "DateOfSecondaryCapture": at.date,
        "TimeOfSecondaryCapture": at.time,
        **_format_acquired(record, box),
        **optional(RotationOfScannedFilm=f"{record.rotation_degrees:.6g}" if record.rotation_degrees else ""),
    }


def _image_type(record: FrameRecord, box: Equipment) -> list[str]:
    done = {part.partition(":")[0].strip() for part in record.processing.split(";")}
    first = "DERIVED" if done & DERIVING else "ORIGINAL"
    return [first, "SECONDARY" if box.conversion_type in SCANNED else "PRIMARY"]


def _format_acquired(record: FrameRecord, box: Equipment) -> Attributes:
    if box.conversion_type == "DV" and len(record.image_format) <= _LONGEST_VIDEO_FORMAT:
        return optional(VideoImageFormatAcquired=record.image_format)
    return optional(DigitalImageFormatAcquired=record.image_format[:_LONGEST_DIGITAL_FORMAT].strip())
