"""General Study module (PS3.3 C.7.2.1): the order where there is one, empty where there is none.

In a group case (dicom.md 3.4) a value stands at the top only if every step agrees on it; each step's own
value is in the Request Attributes Sequence.
"""

from __future__ import annotations

from agent.errors import ObjectInvalid
from agent.model import ExamKind, IdentitySnapshot, ScheduledProcedureStep, SeriesRecord
from agent.objects.attributes import (
    Attributes,
    agreed,
    code_items,
    issuer_items,
    optional,
    referenced_items,
)


def study(snapshot: IdentitySnapshot, series: SeriesRecord) -> Attributes:
    """Return the General Study module.

    Raises `ObjectInvalid` when an exam without an order carries an Accession Number: it is never invented.
    """
    if snapshot.kind is not ExamKind.SCHEDULED and (snapshot.accession_number or snapshot.steps):
        raise ObjectInvalid("AccessionNumber: an exam without an order has none.", keyword="AccessionNumber")
    steps = snapshot.steps
    return {
        "StudyInstanceUID": snapshot.study_instance_uid,
        "StudyDate": series.study_date,
        "StudyTime": series.study_time,
        "StudyID": snapshot.study_id,
        "AccessionNumber": snapshot.accession_number,
        "ReferringPhysicianName": agreed(steps, lambda step: step.referring_physician_name) or "",
        **optional(
            StudyDescription=agreed(steps, _description),
            RequestingService=agreed(steps, lambda step: step.requesting_service),
            IssuerOfAccessionNumberSequence=_issuer_of_accession_number(snapshot),
            ProcedureCodeSequence=code_items(agreed(steps, lambda s: s.requested_procedure_codes) or ()),
            ReferencedStudySequence=referenced_items(agreed(steps, lambda s: s.referenced_studies) or ()),
        ),
    }


def _description(step: ScheduledProcedureStep) -> str:
    codes = step.requested_procedure_codes
    return step.requested_procedure_description or (codes[0].meaning if codes else "")


def _issuer_of_accession_number(snapshot: IdentitySnapshot) -> list[Attributes]:
    issuer = agreed(snapshot.steps, lambda step: step.issuer_of_accession_number)
    return issuer_items(issuer or "") if snapshot.accession_number else []
