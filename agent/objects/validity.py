"""Our own check of an object before it may be queued, as a table of rules (promise P4; dicom.md 1, 10.1).

It holds what the common conformance checker misses: lossy flags against the transfer syntax, counts of
ratio and method, the form of the offset from UTC, letters lost to `?`. Checked once in memory before
writing and once more on what was read back from the file. A broken rule is told by keyword and reason,
never by value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VM

from agent.errors import ObjectInvalid
from agent.model import FrameRecord
from agent.objects import vr
from agent.objects.family import FAMILIES, Family, family
from agent.objects.pixel import EXPLICIT_VR_LITTLE_ENDIAN, LOSSY_SYNTAXES
from agent.objects.terms import (
    ENUMERATED,
    IDENTITY_TEXT,
    LOSSY_METHODS,
    PHOTOMETRIC,
    VECTORS,
    forbidden,
    may_be_empty,
    type_1,
    type_2,
)

Holds = Callable[[Dataset, FrameRecord], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that must hold, said about one attribute."""

    keyword: str
    reason: str
    holds: Holds


SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
_OFFSET = re.compile(r"(?!-0000)[+-](?:0[0-9]|1[0-4])[0-5][0-9]")


def _values(data_set: Dataset, keyword: str) -> list[Any]:
    value = data_set.get(keyword)
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, (list, tuple)) or _is_many(value) else [value]


def _is_many(value: object) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, str) and hasattr(value, "append")


def _items(data_set: Dataset) -> Iterator[tuple[str, Dataset]]:
    """Yield the data set and every item below it, each with its path."""
    yield "", data_set
    for element in data_set:
        if element.VR == "SQ":
            for item in element.value:
                yield from ((f"{element.keyword}>{path}", below) for path, below in _items(item))


def _code_is_complete(item: Dataset) -> bool:
    if "CodeMeaning" not in item and "CodeValue" not in item and "CodingSchemeDesignator" not in item:
        return True
    named = item.get("CodeValue") or item.get("LongCodeValue")
    return bool(named and item.get("CodingSchemeDesignator") and item.get("CodeMeaning"))


def _native_size(d: Dataset) -> int:
    frames = int(d.get("NumberOfFrames", 1))
    bits = int(d.Rows) * int(d.Columns) * int(d.SamplesPerPixel) * int(d.BitsAllocated) * frames
    return (bits + 7) // 8


def _native(r: FrameRecord) -> bool:
    return r.transfer_syntax_uid == EXPLICIT_VR_LITTLE_ENDIAN


def _aspect_ratio_holds(d: Dataset, _r: FrameRecord) -> bool:
    ratio = [int(value) for value in _values(d, "PixelAspectRatio")]
    return not ratio or (len(ratio) == 2 and min(ratio) > 0 and ratio[0] != ratio[1])


def _uids_differ(d: Dataset, _r: FrameRecord) -> bool:
    return len({d.StudyInstanceUID, d.SeriesInstanceUID, d.SOPInstanceUID}) == 3


def _last_method_is_the_syntax_s(d: Dataset, r: FrameRecord) -> bool:
    methods, wanted = _values(d, "LossyImageCompressionMethod"), LOSSY_SYNTAXES.get(r.transfer_syntax_uid)
    return wanted is None or (bool(methods) and methods[-1] == wanted)


def _of_its_family(d: Dataset, _r: FrameRecord) -> bool:
    kind = FAMILIES[d.SOPClassUID]
    stored = (d.BitsAllocated, d.BitsStored)
    return (
        d.SamplesPerPixel in kind.samples
        and d.PhotometricInterpretation in kind.photometric
        and (not kind.bits or stored in kind.bits)
        and (not kind.multi_frame or kind.video or d.PhotometricInterpretation != "RGB" or _native(_r))
    )


def _leads_from_frame_to_frame(d: Dataset, _r: FrameRecord) -> bool:
    """PS3.3 C.7.6.6: several frames need a pointer, one frame of secondary capture must have none."""
    kind = FAMILIES[d.SOPClassUID]
    return ("FrameIncrementPointer" in d) == (kind.video or int(d.get("NumberOfFrames", 1)) > 1)


def _vectors_are_whole(d: Dataset, _r: FrameRecord) -> bool:
    """What the pointer names is there, and a vector has one value for each frame."""
    if "FrameIncrementPointer" not in d:
        return True
    tag = int(d.FrameIncrementPointer)
    if tag not in d or not _values(d, d[tag].keyword):
        return False
    return tag not in VECTORS or len(_values(d, VECTORS[tag])) == int(d.NumberOfFrames)


def _pieces_fit(_d: Dataset, r: FrameRecord) -> bool:
    return not r.frame_sizes or (len(r.frame_sizes) == r.number_of_frames and sum(r.frame_sizes) == r.payload_size)


def _profile_is_an_input_s(d: Dataset, _r: FrameRecord) -> bool:
    """PS3.3 C.11.15.1.1: device class `scnr`, colour space RGB; its own length is the first thing that it says."""
    icc = bytes(d.get("ICCProfile", b"")).rstrip(b"\0")
    if not icc:
        return "ICCProfile" not in d
    size = int.from_bytes(icc[:4])
    return icc[12:20] == b"scnrRGB " and icc[36:40] == b"acsp" and size - 3 <= len(icc) <= size + 1


def _grey_is_told(d: Dataset, _r: FrameRecord) -> bool:
    kind = FAMILIES[d.SOPClassUID]
    wanted = kind.multi_frame and kind.secondary and kind.samples == {1} and d.BitsStored > 1
    return ("RescaleType" in d and d.get("PresentationLUTShape") == "IDENTITY") == wanted


def _film_has_a_spacing(d: Dataset, _r: FrameRecord) -> bool:
    """PS3.3 C.8.6.3: required of digitized film in the multi-frame classes."""
    kind = FAMILIES[d.SOPClassUID]
    return not (kind.multi_frame and d.get("ConversionType") == "DF") or "NominalScannedPixelSpacing" in d


def _evident(d: Dataset) -> list[str]:
    """Return the instances that a key object's evidence names."""
    return [
        str(item.ReferencedSOPInstanceUID)
        for study in d.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    ]


def _content(d: Dataset) -> list[str]:
    """Return the instances that a key object's content names."""
    return [
        str(item.ReferencedSOPInstanceUID)
        for row in d.ContentSequence
        for item in row.get("ReferencedSOPSequence", ())
    ]


def _enumerated(keyword: str) -> Holds:
    return lambda d, _r: set(_values(d, keyword)) <= ENUMERATED[keyword]


def _filled(keyword: str) -> Holds:
    return lambda d, _r: bool(_values(d, keyword))


def _present(keyword: str) -> Holds:
    return lambda d, _r: keyword in d


def _absent(keyword: str) -> Holds:
    return lambda d, _r: keyword not in d


def _not_replaced(keyword: str) -> Holds:
    def holds(d: Dataset, _r: FrameRecord) -> bool:
        texts = [str(value) for _, item in _items(d) for value in _values(item, keyword)]
        return not any("?" in text or "\ufffd" in text for text in texts)

    return holds


def attribute_rules(kind: Family) -> tuple[Rule, ...]:
    """Return what holds of single attributes in one family; applied first, the relations may rely on it."""
    return (
        *(Rule(k, "is missing or empty.", _filled(k)) for k in type_1(kind)),
        *(Rule(k, "is missing.", _present(k)) for k in type_2(kind)),
        *(Rule(k, "does not belong in this object.", _absent(k)) for k in forbidden(kind)),
        *(Rule(k, "is not one of the defined values.", _enumerated(k)) for k in ENUMERATED),
        *(Rule(k, "has letters that were replaced on the way.", _not_replaced(k)) for k in IDENTITY_TEXT),
    )


RELATIONS = (
    Rule(
        "TransferSyntaxUID",
        "is not one that this box builds.",
        lambda _d, r: r.transfer_syntax_uid in (EXPLICIT_VR_LITTLE_ENDIAN, *LOSSY_SYNTAXES),
    ),
    Rule("SOPInstanceUID", "is also the UID of the series or study.", _uids_differ),
    Rule(
        "TimezoneOffsetFromUTC",
        "is not an offset as +0200.",
        lambda d, _r: _OFFSET.fullmatch(str(d.TimezoneOffsetFromUTC)) is not None,
    ),
    Rule("InstanceNumber", "is not positive.", lambda d, _r: int(d.InstanceNumber) > 0),
    Rule("SeriesNumber", "is not positive.", lambda d, _r: int(d.SeriesNumber) > 0),
    Rule(
        "RequestAttributesSequence",
        "has an item without its two IDs.",
        lambda d, _r: all(
            item.get("RequestedProcedureID") and item.get("ScheduledProcedureStepID")
            for item in d.get("RequestAttributesSequence", ())
        ),
    ),
    Rule(
        "OtherPatientIDsSequence",
        "has an item without an ID.",
        lambda d, _r: all(item.get("PatientID") for item in d.get("OtherPatientIDsSequence", ())),
    ),
    Rule(
        "CodeMeaning",
        "a code without value, scheme or meaning.",
        lambda d, _r: all(_code_is_complete(item) for _, item in _items(d)),
    ),
)

ACQUISITION_HAS_THE_OFFSET = Rule(
    "AcquisitionDateTime",
    "has another offset than the object.",
    lambda d, _r: str(d.AcquisitionDateTime).endswith(str(d.TimezoneOffsetFromUTC)),
)

KEY_OBJECT_RELATIONS = (
    Rule("Modality", "is not KO.", lambda d, _r: d.Modality == "KO"),
    Rule("ValueType", "is not a container.", lambda d, _r: d.ValueType == "CONTAINER"),
    Rule("ContinuityOfContent", "is not SEPARATE.", lambda d, _r: d.ContinuityOfContent == "SEPARATE"),
    Rule("SOPInstanceUID", "names itself.", lambda d, _r: d.SOPInstanceUID not in _evident(d)),
    Rule(
        "CurrentRequestedProcedureEvidenceSequence",
        "is not one study, or not the object's own.",
        lambda d, _r: [s.StudyInstanceUID for s in d.CurrentRequestedProcedureEvidenceSequence] == [d.StudyInstanceUID],
    ),
    Rule(
        "ContentSequence",
        "does not name exactly the objects of the evidence.",
        lambda d, _r: sorted(_evident(d)) == sorted(_content(d)) and len(set(_evident(d))) == len(_evident(d)),
    ),
    Rule("PixelData", "has a payload.", lambda _d, r: r.payload_size == 0),
)

IMAGE_RELATIONS = (
    Rule(
        "ImageType",
        "has other values than ORIGINAL or DERIVED, PRIMARY or SECONDARY.",
        lambda d, _r: (
            d.ImageType[0] in ("ORIGINAL", "DERIVED") and d.ImageType[1] in ("PRIMARY", "SECONDARY")
            if len(_values(d, "ImageType")) >= 2
            else False
        ),
    ),
    Rule("SOPClassUID", "does not go with the samples, the colours or the bits.", _of_its_family),
    Rule(
        "Modality",
        "is not that of this kind of visible-light object.",
        lambda d, _r: FAMILIES[d.SOPClassUID].modality in ("", d.Modality),
    ),
    Rule("ICCProfile", "is not the profile of an input device in RGB.", _profile_is_an_input_s),
    Rule("FrameIncrementPointer", "is there for one frame, or missing for several.", _leads_from_frame_to_frame),
    Rule("FrameIncrementPointer", "names what does not have a value for each frame.", _vectors_are_whole),
    Rule("NumberOfFrames", "is not the number of frames in the payload.", _pieces_fit),
    Rule("RescaleType", "is required of grey frames and forbidden elsewhere.", _grey_is_told),
    Rule("NominalScannedPixelSpacing", "is missing although film was digitized.", _film_has_a_spacing),
    Rule(
        "PhotometricInterpretation",
        "does not go with the samples per pixel and the transfer syntax.",
        lambda d, r: d.PhotometricInterpretation in PHOTOMETRIC.get((r.transfer_syntax_uid, d.SamplesPerPixel), set()),
    ),
    Rule(
        "PlanarConfiguration",
        "must be 0 in colour and absent in grey.",
        lambda d, _r: d.get("PlanarConfiguration") == (0 if d.SamplesPerPixel == 3 else None),
    ),
    Rule("BitsStored", "is not within Bits Allocated.", lambda d, _r: 1 <= d.BitsStored <= d.BitsAllocated),
    Rule("HighBit", "is not Bits Stored minus one.", lambda d, _r: d.HighBit == d.BitsStored - 1),
    Rule(
        "BitsAllocated",
        "must be 8, all stored, in colour and in JPEG Baseline.",
        lambda d, r: (d.BitsAllocated, d.BitsStored) == (8, 8) or (d.SamplesPerPixel == 1 and _native(r)),
    ),
    Rule(
        "PixelData",
        "has another length than rows, columns, samples and bits say.",
        lambda d, r: r.payload_size == _native_size(d) if _native(r) else r.payload_size > 4,
    ),
    Rule(
        "LossyImageCompression",
        "does not tell the lossy stages of the frame.",
        lambda d, r: d.LossyImageCompression == ("01" if r.lossy else "00"),
    ),
    Rule(
        "LossyImageCompression",
        "must be 01 in a lossy transfer syntax.",
        lambda d, r: r.transfer_syntax_uid not in LOSSY_SYNTAXES or d.LossyImageCompression == "01",
    ),
    Rule(
        "LossyImageCompressionMethod",
        "is not given once for each lossy stage.",
        lambda d, r: len(_values(d, "LossyImageCompressionMethod")) == len(r.lossy),
    ),
    Rule(
        "LossyImageCompressionMethod",
        "is not a defined term.",
        lambda d, _r: set(_values(d, "LossyImageCompressionMethod")) <= LOSSY_METHODS,
    ),
    Rule("LossyImageCompressionMethod", "does not end with that of the transfer syntax.", _last_method_is_the_syntax_s),
    Rule(
        "LossyImageCompressionRatio",
        "is not given once for each lossy stage.",
        lambda d, r: len(_values(d, "LossyImageCompressionRatio")) == len(r.lossy),
    ),
    Rule(
        "LossyImageCompressionRatio",
        "is not positive.",
        lambda d, _r: all(float(ratio) > 0 for ratio in _values(d, "LossyImageCompressionRatio")),
    ),
    Rule("PixelAspectRatio", "is not two different positive numbers.", _aspect_ratio_holds),
    Rule(
        "PixelAspectRatio",
        "must be absent where a spacing is given.",
        lambda d, _r: "PixelAspectRatio" not in d or not any(k in d for k in SPACINGS),
    ),
)


def check(data_set: Dataset, record: FrameRecord) -> None:
    """Raise `ObjectInvalid` naming the first attribute of `data_set` (without Pixel Data) that breaks a rule.

    `record` tells what the payload is. The error's facts are `keyword` (with its path) and `reason`.
    """
    kind = family(record.sop_class_uid)
    _check_elements(data_set, may_be_empty(kind))
    for rule in rules(kind):
        if not rule.holds(data_set, record):
            raise broken(rule.keyword, rule.reason)


def rules(kind: Family) -> tuple[Rule, ...]:
    """Return every rule of one family, in the order in which they are applied."""
    if kind.key_object:
        return (*attribute_rules(kind), *RELATIONS, *KEY_OBJECT_RELATIONS)
    more = () if kind.document else IMAGE_RELATIONS
    return (*attribute_rules(kind), *RELATIONS, ACQUISITION_HAS_THE_OFFSET, *more)


def broken(keyword: str, reason: str) -> ObjectInvalid:
    """Return the error that names `keyword` and `reason`."""
    return ObjectInvalid(f"{keyword}: {reason}", keyword=keyword, reason=reason)


def _check_elements(data_set: Dataset, empty: frozenset[str]) -> None:
    for path, item in _items(data_set):
        for element in item:
            if reason := _wrong_element(element, empty):
                raise broken(f"{path}{element.keyword or 'unknown attribute'}", reason)


def _wrong_element(element: DataElement, empty: frozenset[str]) -> str:
    """Return why this element may not be written, or nothing (PS3.5 6.2, 7.8)."""
    if element.tag.is_private or not dictionary_has_tag(element.tag):
        return "is private or unknown."
    if element.tag.group in (0x0002, 0x7FE0) or element.tag.element == 0:
        return "does not belong in the data set."
    if element.VR == "SQ":
        return "" if element.value or element.keyword in empty else "is an empty sequence."
    if element.VM > 1 and dictionary_VM(element.tag) == "1":
        return "has more than one value."
    return _wrong_value(element)


def _wrong_value(element: DataElement) -> str:
    if element.VR in vr.BINARY:
        return ""
    syntax = vr.SYNTAX.get(element.VR)
    if syntax is None:
        return "has an unexpected VR."
    values = list(element.value) if element.VM > 1 else [element.value]
    texts = [str(value) for value in values if value not in (None, "")]
    return "" if all(syntax(text) for text in texts) else f"breaks the rules of VR {element.VR}."
