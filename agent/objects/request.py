"""Request Attributes Sequence (PS3.3 table 10-9): one item for each scheduled step, complete or absent.

Requested Procedure ID and Scheduled Procedure Step ID are of type 1C in each item. An item without them would
be invalid and a sequence without one of the steps would lie, so one incomplete step leaves the sequence out.
"""

from __future__ import annotations

from agent.model import IdentitySnapshot, ScheduledProcedureStep
from agent.objects.attributes import Attributes, code_items, issuer_items, optional, referenced_items


def requested_steps(snapshot: IdentitySnapshot) -> tuple[ScheduledProcedureStep, ...]:
    """Return the steps that the sequence names: all of them or none."""
    complete = all(step.requested_procedure_id and step.scheduled_procedure_step_id for step in snapshot.steps)
    return snapshot.steps if complete else ()


def request_attributes(snapshot: IdentitySnapshot) -> Attributes:
    """Return the sequence (PS3.3 C.7.3.1, dicom.md 3.7), or nothing for an exam without a complete order."""
    return optional(RequestAttributesSequence=[_item(step) for step in requested_steps(snapshot)])


def _item(step: ScheduledProcedureStep) -> Attributes:
    return {
        "RequestedProcedureID": step.requested_procedure_id,
        "ScheduledProcedureStepID": step.scheduled_procedure_step_id,
        **optional(
            AccessionNumber=step.accession_number,
            IssuerOfAccessionNumberSequence=(
                issuer_items(step.issuer_of_accession_number) if step.accession_number else []
            ),
            StudyInstanceUID=step.study_instance_uid,
            ReferencedStudySequence=referenced_items(step.referenced_studies),
            RequestedProcedureDescription=step.requested_procedure_description,
            RequestedProcedureCodeSequence=code_items(step.requested_procedure_codes),
            ScheduledProcedureStepDescription=step.scheduled_procedure_step_description,
            ScheduledProtocolCodeSequence=code_items(step.scheduled_protocol_codes),
            ReasonForTheRequestedProcedure=step.reason_for_the_requested_procedure,
        ),
    }
