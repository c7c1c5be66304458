"""From a worklist entry or a person's words to an identity snapshot. Pure: UIDs and numbers are passed in.

dicom.md 3.4: scheduled steps keep the order's Study Instance UID and accession number; unscheduled and
emergency exams get their own UID and an empty accession number. Nothing is invented.
"""

from __future__ import annotations

from datetime import datetime

from agent.errors import IdentityBlocked
from agent.model import ExamKind, IdentitySnapshot, Patient, ScheduledProcedureStep


def scheduled(
    step: ScheduledProcedureStep, *, uid: str, number: int, confirmed_by: str, confirmation: str
) -> IdentitySnapshot:
    """Return the snapshot of one worklist entry; `uid` is used only where the order brought none.

    Raises `IdentityBlocked` when the entry carries a flag that forbids its use (ruling 7).
    """
    if step.blocked:
        raise IdentityBlocked(f"This worklist entry cannot be used: {', '.join(step.blocked)}.")
    return IdentitySnapshot(
        kind=ExamKind.SCHEDULED,
        patient=step.patient,
        study_instance_uid=step.study_instance_uid or uid,
        study_id=_study_id(step.requested_procedure_id, number),
        accession_number=step.accession_number,
        steps=(step,),
        confirmed_by=confirmed_by,
        confirmation=confirmation,
    )


def unscheduled(patient: Patient, *, uid: str, number: int, confirmed_by: str) -> IdentitySnapshot:
    """Return the snapshot of a patient whom a person typed (`typed_patient` checked it)."""
    return IdentitySnapshot(
        kind=ExamKind.UNSCHEDULED,
        patient=patient,
        study_instance_uid=uid,
        study_id=_study_id("", number),
        confirmed_by=confirmed_by,
        confirmation="typed",
    )


def emergency(*, box: str, issuer: str, at: datetime, uid: str, number: int, confirmed_by: str) -> IdentitySnapshot:
    """Return a loud temporary identity, unique across power losses by its persisted `number` (dicom.md 3.4)."""
    patient = Patient(
        patient_name=f"НЕВІДОМИЙ^{number}",
        patient_id=f"TMP-{box}-{at:%Y%m%d%H%M%S}-{number}"[:64],
        issuer_of_patient_id=issuer,
        patient_comments="temporary",
    )
    return IdentitySnapshot(
        kind=ExamKind.EMERGENCY,
        patient=patient,
        study_instance_uid=uid,
        study_id=_study_id("", number),
        confirmed_by=confirmed_by,
        confirmation="emergency",
    )


def test(*, box: str, uid: str, number: int, confirmed_by: str) -> IdentitySnapshot:
    """Return the identity of a test picture: nobody's, in words that no archive could take for a patient's."""
    patient = Patient(
        patient_name="ZZTEST^NOT A PATIENT",
        patient_id=f"TEST-{box}-{number}"[:64],
        issuer_of_patient_id="MODALITY-AGENT-TEST",
        patient_comments="test picture",
    )
    return IdentitySnapshot(
        kind=ExamKind.TEST,
        patient=patient,
        study_instance_uid=uid,
        study_id=_study_id("", number),
        confirmed_by=confirmed_by,
        confirmation="test",
    )


def _study_id(requested_procedure_id: str, number: int) -> str:
    return requested_procedure_id if 0 < len(requested_procedure_id) <= 16 else f"MA{number}"
