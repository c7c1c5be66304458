"""Patient and Patient Study modules (PS3.3 C.7.1.1, C.7.2.2): only what the snapshot froze."""

from __future__ import annotations

from agent.model import IdentitySnapshot
from agent.objects.attributes import Attributes, agreed, issuer_items, optional


def patient(snapshot: IdentitySnapshot) -> Attributes:
    """Return the Patient module; name, ID, birth date and sex are of type 2, empty where unknown."""
    person = snapshot.patient
    return {
        "PatientName": person.patient_name,
        "PatientID": person.patient_id,
        "PatientBirthDate": person.patient_birth_date,
        "PatientSex": person.patient_sex,
        **optional(
            IssuerOfPatientID=person.issuer_of_patient_id,
            OtherPatientIDsSequence=[
                {"PatientID": number, "TypeOfPatientID": "TEXT", **optional(IssuerOfPatientID=issuer)}
                for number, issuer in person.other_patient_ids
            ],
            PatientComments=person.patient_comments,
        ),
    }


def patient_study(snapshot: IdentitySnapshot) -> Attributes:
    """Return the Patient Study module: the patient as at this visit, all of type 3."""
    person = snapshot.patient
    admission_id = agreed(snapshot.steps, lambda step: step.admission_id)
    issuer = agreed(snapshot.steps, lambda step: step.issuer_of_admission_id)
    return optional(
        PatientAge=person.patient_age,
        PatientSize=person.patient_size,
        PatientWeight=person.patient_weight,
        PregnancyStatus=int(person.pregnancy_status) if person.pregnancy_status.isdecimal() else None,
        MedicalAlerts=person.medical_alerts,
        Allergies=person.allergies,
        AdmissionID=admission_id,
        IssuerOfAdmissionIDSequence=issuer_items(issuer or "") if admission_id else [],
    )
