"""Who an object belongs to: every identity attribute, as read from a data set and as the snapshot wants it.

The two are made by different code on purpose: the builder's mistake must not hide itself (promise P2,
architecture.md ruling 8). Compared are texts, letter by letter.
"""

from __future__ import annotations

from pydicom import Dataset

from agent.errors import SnapshotMismatch
from agent.model import FrameRecord, IdentitySnapshot
from agent.objects.request import requested_steps
from agent.sop_classes import KEY_OBJECT

Identity = dict[str, object]

_TOP = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyInstanceUID",
    "StudyID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "InstanceNumber",
)
_REQUEST = (
    "RequestedProcedureID",
    "ScheduledProcedureStepID",
    "AccessionNumber",
    "StudyInstanceUID",
    "RequestedProcedureDescription",
    "ScheduledProcedureStepDescription",
)
_OTHER = ("PatientID", "IssuerOfPatientID")
_REFERENCED = ("RequestedProcedureID", "AccessionNumber", "StudyInstanceUID", "RequestedProcedureDescription")


def identity_in(data_set: Dataset) -> Identity:
    """Return the identity that `data_set` states; an absent attribute is the empty text."""
    return {
        **{keyword: _text(data_set, keyword) for keyword in _TOP},
        "RequestAttributesSequence": _items(data_set, "RequestAttributesSequence", _REQUEST),
        "ReferencedRequestSequence": _items(data_set, "ReferencedRequestSequence", _REFERENCED),
        "OtherPatientIDsSequence": _items(data_set, "OtherPatientIDsSequence", _OTHER),
    }


def identity_wanted(snapshot: IdentitySnapshot, record: FrameRecord) -> Identity:
    """Return the identity that an object of `record` must state."""
    person = snapshot.patient
    document = record.sop_class_uid == KEY_OBJECT
    return {
        "PatientName": person.patient_name,
        "PatientID": person.patient_id,
        "IssuerOfPatientID": person.issuer_of_patient_id,
        "PatientBirthDate": person.patient_birth_date,
        "PatientSex": person.patient_sex,
        "AccessionNumber": snapshot.accession_number,
        "StudyInstanceUID": snapshot.study_instance_uid,
        "StudyID": snapshot.study_id,
        "SeriesInstanceUID": record.series_instance_uid,
        "SOPInstanceUID": record.sop_instance_uid,
        "InstanceNumber": str(record.instance_number),
        "RequestAttributesSequence": () if document else _steps_wanted(snapshot),
        "ReferencedRequestSequence": _requests_wanted(snapshot) if document else (),
        "OtherPatientIDsSequence": tuple(person.other_patient_ids),
    }


def compare(data_set: Dataset, snapshot: IdentitySnapshot, record: FrameRecord) -> None:
    """Raise `SnapshotMismatch` naming the attributes in which `data_set` differs from the snapshot."""
    stated, wanted = identity_in(data_set), identity_wanted(snapshot, record)
    different = [keyword for keyword in wanted if stated[keyword] != wanted[keyword]]
    if record.snapshot_digest != snapshot.digest():
        different.append("snapshot")
    if different:
        raise SnapshotMismatch(keywords=" ".join(different))


def _steps_wanted(snapshot: IdentitySnapshot) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            step.requested_procedure_id,
            step.scheduled_procedure_step_id,
            step.accession_number,
            step.study_instance_uid,
            step.requested_procedure_description,
            step.scheduled_procedure_step_description,
        )
        for step in requested_steps(snapshot)
    )


def _requests_wanted(snapshot: IdentitySnapshot) -> tuple[tuple[str, ...], ...]:
    """A document names what was requested, whether or not a step of it was scheduled."""
    return tuple(
        (
            step.requested_procedure_id,
            step.accession_number,
            step.study_instance_uid or snapshot.study_instance_uid,
            step.requested_procedure_description,
        )
        for step in snapshot.steps
        if step.requested_procedure_id
    )


def _items(data_set: Dataset, keyword: str, members: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_text(item, member) for member in members) for item in data_set.get(keyword) or ())


def _text(data_set: Dataset, keyword: str) -> str:
    value = data_set.get(keyword)
    return "" if value is None else str(value)
