"""Key Object Selection Document IOD (PS3.3 A.35.4, C.17.6, PS3.16 TID 2010): which objects, and what is said of them.

It stands in the study of the objects that it names and says their patient, letter by letter (dicom.md 3.5), in a
series of its own. What it says is a value of the core (`agent.key_object`); nothing is looked up here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from pydicom import Dataset

from agent.errors import ObjectCorrupt, ObjectInvalid
from agent.key_object import CID_7011, QUALITY, TITLES, KeyObject, Reference
from agent.model import Code, Equipment, FrameRecord, IdentitySnapshot, ScheduledProcedureStep, SeriesRecord
from agent.objects.attributes import Attributes, code_items, optional, referenced_items
from agent.objects.family import family
from agent.objects.instant import instant
from agent.objects.series import MODALITY_PERFORMED_PROCEDURE_STEP

MODALITY = "KO"
_TEMPLATE = {"MappingResource": "DCMR", "TemplateIdentifier": "2010"}
_MODIFIER = Code(value="113011", scheme="DCM", meaning="Document Title Modifier")
_DESCRIPTION = Code(value="113012", scheme="DCM", meaning="Key Object Description")
_OBSERVER_TYPE = Code(value="121005", scheme="DCM", meaning="Observer Type")
_DEVICE = Code(value="121007", scheme="DCM", meaning="Device")
_DEVICE_UID = Code(value="121012", scheme="DCM", meaning="Device Observer UID")
_IN_SERIES = ("ReferencedSOPClassUID", "ReferencedSOPInstanceUID")


@dataclass(frozen=True, slots=True)
class Named:
    """What a data set names, as read from it: evidence and content, each with class and instance."""

    evidence: tuple[tuple[str, ...], ...]
    """(Study, Series, SOP Class, SOP Instance)."""
    content: tuple[tuple[str, ...], ...]
    """(Value Type, SOP Class, SOP Instance)."""
    title: str
    reason: str
    words: str


def key_object(snapshot: IdentitySnapshot, box: Equipment, record: FrameRecord, facts: SeriesRecord,
               told: KeyObject) -> Attributes:  # fmt: skip
    """Return the modules beyond patient, study, equipment and SOP Common; raises `ObjectInvalid`.

    `AcquisitionDateTime` and whatever else describes a picture do not belong here.
    """
    _assert_sayable(told)
    at = instant(told.content_at, box.timezone)
    step = facts.performed_procedure_step_uid
    return {
        "Modality": MODALITY,
        "SeriesInstanceUID": record.series_instance_uid,
        "SeriesNumber": told.series_number,
        "SeriesDate": at.date,
        "SeriesTime": at.time,
        "SeriesDescription": TITLES[told.title],
        "ReferencedPerformedProcedureStepSequence": referenced_items(
            [(MODALITY_PERFORMED_PROCEDURE_STEP, step)] if step else []
        ),
        "ContentDate": at.date,
        "ContentTime": at.time,
        **optional(ReferencedRequestSequence=[_request(snapshot, s) for s in snapshot.steps if _requested(s)]),
        "CurrentRequestedProcedureEvidenceSequence": [_evidence(snapshot, told.references)],
        "ValueType": "CONTAINER",
        "ConceptNameCodeSequence": code_items([told.title_code]),
        "ContinuityOfContent": "SEPARATE",
        "ContentTemplateSequence": [_TEMPLATE],
        "ContentSequence": _content(box, told),
    }


def _assert_sayable(told: KeyObject) -> None:
    if told.title not in TITLES or not told.references:
        raise ObjectInvalid("ConceptNameCodeSequence: names nothing.", keyword="ConceptNameCodeSequence")
    if (told.title == QUALITY) != (told.reason in CID_7011):
        raise ObjectInvalid("ContentSequence: a reason goes with quality alone.", keyword="ContentSequence")


def _requested(step: ScheduledProcedureStep) -> bool:
    return bool(step.requested_procedure_id)


def _request(snapshot: IdentitySnapshot, step: ScheduledProcedureStep) -> Attributes:
    """Return one item of PS3.3 C.17.6: what the study was asked for; all of type 1 or 2."""
    return {
        "StudyInstanceUID": step.study_instance_uid or snapshot.study_instance_uid,
        "ReferencedStudySequence": referenced_items(step.referenced_studies),
        "AccessionNumber": step.accession_number,
        "PlacerOrderNumberImagingServiceRequest": step.placer_order_number,
        "FillerOrderNumberImagingServiceRequest": step.filler_order_number,
        "RequestedProcedureID": step.requested_procedure_id,
        "RequestedProcedureDescription": step.requested_procedure_description,
        "RequestedProcedureCodeSequence": code_items(step.requested_procedure_codes),
    }


def _evidence(snapshot: IdentitySnapshot, references: tuple[Reference, ...]) -> Attributes:
    """Return the one study with its series (PS3.3 C.17.2.1): no two items for one series."""
    series = sorted(references, key=lambda r: r.series_instance_uid)
    return {
        "StudyInstanceUID": snapshot.study_instance_uid,
        "ReferencedSeriesSequence": [
            {
                "SeriesInstanceUID": uid,
                "ReferencedSOPSequence": referenced_items((r.sop_class_uid, r.sop_instance_uid) for r in group),
            }
            for uid, group in groupby(series, key=lambda r: r.series_instance_uid)
        ],
    }


def _content(box: Equipment, told: KeyObject) -> list[Attributes]:
    """Return the rows of TID 2010 in their order: modifier, observer, description, objects."""
    reason = told.reason_code
    rows = [_coded("HAS CONCEPT MOD", _MODIFIER, reason)] if reason else []
    rows += _observer(box)
    if told.words:
        rows.append({"RelationshipType": "CONTAINS", "ValueType": "TEXT", "TextValue": told.words,
                     "ConceptNameCodeSequence": code_items([_DESCRIPTION])})  # fmt: skip
    return rows + [
        {
            "RelationshipType": "CONTAINS",
            "ValueType": _value_type(r.sop_class_uid),
            "ReferencedSOPSequence": referenced_items([(r.sop_class_uid, r.sop_instance_uid)]),
        }
        for r in told.references
    ]


def _observer(box: Equipment) -> list[Attributes]:
    """Return this box as observer (TID 1002, 1004); a person's name is patient-like data and stays in the audit."""
    if not box.device_uid:
        return []
    uid = {"RelationshipType": "HAS OBS CONTEXT", "ValueType": "UIDREF", "UID": box.device_uid,
           "ConceptNameCodeSequence": code_items([_DEVICE_UID])}  # fmt: skip
    return [_coded("HAS OBS CONTEXT", _OBSERVER_TYPE, _DEVICE), uid]


def _coded(relationship: str, name: Code, value: Code) -> Attributes:
    return {
        "RelationshipType": relationship,
        "ValueType": "CODE",
        "ConceptNameCodeSequence": code_items([name]),
        "ConceptCodeSequence": code_items([value]),
    }


def _value_type(sop_class_uid: str) -> str:
    kind = family(sop_class_uid)
    return "COMPOSITE" if kind.document or kind.key_object else "IMAGE"


# --- what was written, read again --------------------------------------------------------------------------


def compare(data_set: Dataset, snapshot: IdentitySnapshot, told: KeyObject) -> None:
    """Raise `ObjectCorrupt` unless `data_set` names exactly what it was told to, in its own study."""
    study = snapshot.study_instance_uid
    wanted = Named(
        evidence=tuple(sorted((study, r.series_instance_uid, r.sop_class_uid, r.sop_instance_uid)
                              for r in told.references)),
        content=tuple((_value_type(r.sop_class_uid), r.sop_class_uid, r.sop_instance_uid) for r in told.references),
        title=told.title,
        reason=told.reason,
        words=told.words,
    )  # fmt: skip
    if named(data_set) != wanted:
        raise ObjectCorrupt("The written document does not name what it should.")


def named(data_set: Dataset) -> Named:
    """Return what `data_set` names."""
    evidence = [
        (str(study.StudyInstanceUID), str(series.SeriesInstanceUID), *(str(item[k].value) for k in _IN_SERIES))
        for study in data_set.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    ]
    rows = list(data_set.ContentSequence)
    return Named(
        evidence=tuple(sorted(evidence)),
        content=tuple(
            (str(row.ValueType), *(str(row.ReferencedSOPSequence[0][k].value) for k in _IN_SERIES))
            for row in rows
            if "ReferencedSOPSequence" in row
        ),
        title=str(data_set.ConceptNameCodeSequence[0].CodeValue),
        reason=next((str(r.ConceptCodeSequence[0].CodeValue) for r in rows if _is(r, _MODIFIER)), ""),
        words=next((str(r.TextValue) for r in rows if _is(r, _DESCRIPTION)), ""),
    )  # fmt: skip


def _is(row: Dataset, name: Code) -> bool:
    return "ConceptNameCodeSequence" in row and row.ConceptNameCodeSequence[0].CodeValue == name.value
