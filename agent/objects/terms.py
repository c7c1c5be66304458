"""The terms of our objects: what must be there in which family and which values exist.

Data for the rules of `validity.py`. PS3.3 A.8.1, C.7, C.8.6; the enumerations are narrowed to what this
box builds.
"""

from __future__ import annotations

from typing import Any

from agent.annotation import LATERALITIES
from agent.objects.family import FAMILIES, Family
from agent.objects.pixel import EXPLICIT_VR_LITTLE_ENDIAN, H264_HIGH, H264_HIGH_42, JPEG_BASELINE

_COMMON = (
    "SpecificCharacterSet",
    "InstanceCreationDate",
    "InstanceCreationTime",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyDate",
    "ContentDate",
    "ContentTime",
    "AcquisitionDateTime",
    "Modality",
    "Manufacturer",
    "ManufacturerModelName",
    "PatientName",
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "StudyID",
    "SeriesNumber",
    "InstanceNumber",
    "ImageLaterality",
    "TimezoneOffsetFromUTC",
    "BurnedInAnnotation",
)
_IMAGE = (
    "ImageType",
    "LossyImageCompression",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)
_NOT_OF_A_DOCUMENT = ("Laterality", "ImageLaterality", "Rows", "Columns", "NumberOfFrames", "ICCProfile")
_KEY_OBJECT = (
    *(k for k in _COMMON if k not in ("AcquisitionDateTime", "ImageLaterality", "BurnedInAnnotation")),
    "CurrentRequestedProcedureEvidenceSequence",
    "ValueType",
    "ConceptNameCodeSequence",
    "ContinuityOfContent",
    "ContentTemplateSequence",
    "ContentSequence",
)
_TYPE_2 = ("StudyTime", "PatientBirthDate", "PatientSex", "AccessionNumber", "ReferringPhysicianName")
_SINGLE_FRAME = ("NumberOfFrames", "FrameIncrementPointer")
_GREY_ONLY = ("RescaleIntercept", "RescaleSlope", "RescaleType")


def type_1(kind: Family) -> tuple[str, ...]:
    """Return what must be present with a value: type 1, and what a DICOMDIR or this house asks for beyond it."""
    if kind.key_object:
        return _KEY_OBJECT
    found: tuple[str, ...] = _COMMON if kind.document else (*_COMMON, *_IMAGE)
    found += ("ConversionType",) if kind.secondary else ()
    found += ("DocumentTitle",) if kind.document else ()
    found += ("FrameIncrementPointer", "FrameTime", "AnatomicRegionSequence") if kind.video else ()
    return (*found, "NumberOfFrames") if kind.multi_frame else found


def type_2(kind: Family) -> tuple[str, ...]:
    """Return what must be present, perhaps empty."""
    if kind.key_object:
        return (*_TYPE_2, "ReferencedPerformedProcedureStepSequence")
    if kind.document:
        return (*_TYPE_2, "ConceptNameCodeSequence")
    return (*_TYPE_2, "PatientOrientation", *(() if kind.secondary else ("AcquisitionContextSequence",)))


def forbidden(kind: Family) -> tuple[str, ...]:
    """Return what is wrong in an object of ours of this family."""
    if kind.key_object:
        return ("ConversionType", "ImageType", "AcquisitionDateTime", "PixelAspectRatio", "BurnedInAnnotation",
                "RequestAttributesSequence", *_NOT_OF_A_DOCUMENT)  # fmt: skip
    found: tuple[str, ...] = ("Laterality",) if kind.multi_frame else ("Laterality", *_SINGLE_FRAME)
    found += () if kind.secondary else ("ConversionType",)
    found += ("PixelAspectRatio",) if kind.video else ()
    return found if kind.multi_frame and kind.samples == {1} else (*found, *_GREY_ONLY)


ENUMERATED: dict[str, frozenset[Any]] = {
    "SpecificCharacterSet": frozenset({"ISO_IR 192"}),
    "SOPClassUID": frozenset(FAMILIES),
    "ConversionType": frozenset({"DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN"}),
    "PatientSex": frozenset({"M", "F", "O"}),
    "PregnancyStatus": frozenset({1, 2, 3, 4}),
    "ImageLaterality": frozenset(LATERALITIES),
    "BurnedInAnnotation": frozenset({"YES", "NO"}),
    "LossyImageCompression": frozenset({"00", "01"}),
    "SamplesPerPixel": frozenset({1, 3}),
    "PhotometricInterpretation": frozenset({"MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL_422", "YBR_PARTIAL_420"}),
    "BitsAllocated": frozenset({1, 8, 16}),
    "PixelRepresentation": frozenset({0}),
}
LOSSY_METHODS = frozenset(
    {
        "ISO_10918_1",
        "ISO_14495_1",
        "ISO_15444_1",
        "ISO_15444_15",
        "ISO_13818_2",
        "ISO_14496_10",
        "ISO_23008_2",
    }
)
IDENTITY_TEXT = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "AccessionNumber",
    "StudyID",
    "RequestedProcedureID",
    "ScheduledProcedureStepID",
)
"""Text in which `?` or U+FFFD means that a letter was lost on the way."""

PHOTOMETRIC = {
    (EXPLICIT_VR_LITTLE_ENDIAN, 1): {"MONOCHROME1", "MONOCHROME2"},
    (EXPLICIT_VR_LITTLE_ENDIAN, 3): {"RGB"},
    (JPEG_BASELINE, 1): {"MONOCHROME1", "MONOCHROME2"},
    (JPEG_BASELINE, 3): {"YBR_FULL_422", "RGB"},
    (H264_HIGH, 3): {"YBR_PARTIAL_420"},
    (H264_HIGH_42, 3): {"YBR_PARTIAL_420"},
}
"""(Transfer syntax, Samples per Pixel) to what the pixels may be called (PS3.5 8.2)."""

VECTORS = {0x00181065: "FrameTimeVector", 0x00182001: "PageNumberVector"}
"""Attributes that a Frame Increment Pointer may name and that have one value for each frame."""


def may_be_empty(kind: Family) -> frozenset[str]:
    """Return the sequences of type 2."""
    return _EMPTY_IN_KEY_OBJECT if kind.key_object else _EMPTY


_EMPTY = frozenset({"AcquisitionContextSequence", "ConceptNameCodeSequence"})
_EMPTY_IN_KEY_OBJECT = frozenset(
    {"ReferencedPerformedProcedureStepSequence", "ReferencedStudySequence", "RequestedProcedureCodeSequence"}
)
