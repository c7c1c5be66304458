"""General Series module (PS3.3 C.7.3.1), with the performed step where MPPS is in use."""

from __future__ import annotations

from agent.model import Equipment, FrameRecord, IdentitySnapshot, SeriesRecord
from agent.objects.attributes import Attributes, agreed, code_items, optional, referenced_items
from agent.objects.request import request_attributes

MODALITY_PERFORMED_PROCEDURE_STEP = "1.2.840.10008.3.1.2.3.3"


def series(snapshot: IdentitySnapshot, equipment: Equipment, record: FrameRecord, facts: SeriesRecord) -> Attributes:
    """Return the General Series module; `SeriesNumber` is always there (type 1 in a DICOMDIR)."""
    return {
        "SeriesInstanceUID": record.series_instance_uid,
        "SeriesNumber": facts.series_number,
        "Modality": equipment.modality,
        **optional(
            SeriesDate=facts.series_date,
            SeriesTime=facts.series_time,
            SeriesDescription=equipment.series_description,
            ProtocolName=equipment.protocol_name,
            BodyPartExamined=equipment.body_part_examined,
            OperatorsName=facts.operators_name,
            PerformingPhysicianName=agreed(snapshot.steps, lambda step: step.scheduled_performing_physician_name),
        ),
        **request_attributes(snapshot),
        **_performed(facts),
    }


def _performed(facts: SeriesRecord) -> Attributes:
    step = facts.performed_procedure_step_uid
    return optional(
        ReferencedPerformedProcedureStepSequence=referenced_items(
            [(MODALITY_PERFORMED_PROCEDURE_STEP, step)] if step else []
        ),
        PerformedProcedureStepID=facts.performed_procedure_step_id,
        PerformedProcedureStepStartDate=facts.performed_procedure_step_start_date,
        PerformedProcedureStepStartTime=facts.performed_procedure_step_start_time,
        PerformedProcedureStepDescription=facts.performed_procedure_step_description,
        PerformedProtocolCodeSequence=code_items(facts.performed_protocol_codes),
    )
