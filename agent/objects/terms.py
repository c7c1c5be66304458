"""The terms of a Secondary Capture Image of ours: what must be there and which values exist.

Data for the rules of `validity.py`. PS3.3 A.8.1, C.7, C.8.6; the enumerations are narrowed to what this
box builds.
"""

from __future__ import annotations

from typing import Any

from agent.objects.pixel import EXPLICIT_VR_LITTLE_ENDIAN, JPEG_BASELINE

TYPE_1 = (
    "SpecificCharacterSet",
    "ImageType",
    "InstanceCreationDate",
    "InstanceCreationTime",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyDate",
    "ContentDate",
    "ContentTime",
    "AcquisitionDateTime",
    "Modality",
    "ConversionType",
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
"""Present with a value: type 1 of PS3.3 A.8.1, and what a DICOMDIR or this house asks for beyond it."""

TYPE_2 = (
    "StudyTime",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PatientOrientation",
)
"""Present, perhaps empty."""

FORBIDDEN = (
    "NumberOfFrames",
    "FrameIncrementPointer",
    "Laterality",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
)
"""Wrong in a single-frame Secondary Capture Image of ours."""

ENUMERATED: dict[str, frozenset[Any]] = {
    "SpecificCharacterSet": frozenset({"ISO_IR 192"}),
    "SOPClassUID": frozenset({"1.2.840.10008.5.1.4.1.1.7"}),
    "ConversionType": frozenset({"DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN"}),
    "PatientSex": frozenset({"M", "F", "O"}),
    "PregnancyStatus": frozenset({1, 2, 3, 4}),
    "ImageLaterality": frozenset({"R", "L", "U", "B"}),
    "BurnedInAnnotation": frozenset({"YES", "NO"}),
    "LossyImageCompression": frozenset({"00", "01"}),
    "SamplesPerPixel": frozenset({1, 3}),
    "PhotometricInterpretation": frozenset({"MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL_422"}),
    "BitsAllocated": frozenset({8, 16}),
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
}
"""(Transfer syntax, Samples per Pixel) to what the pixels may be called (PS3.5 8.2)."""
