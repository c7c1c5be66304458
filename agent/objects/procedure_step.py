"""What a Modality Performed Procedure Step says of itself (PS3.4 table F.7.2-1): pure, values in, data set out.

Everything that the end may set was there at the beginning, empty where it was not known: what was not created must
not be set. What is of type 2 is there, empty or not.
"""

from __future__ import annotations

from pydicom import Dataset

from agent.model import IdentitySnapshot, ScheduledProcedureStep
from agent.objects.attributes import Attributes, agreed, code_items, optional, referenced_items
from agent.objects.data_set import data_set
from agent.step import PerformedSeries, ProcedureStep, StepEnd

_UTF_8 = "ISO_IR 192"
_NO_PROTOCOL = "UNSPECIFIED"
"""Protocol Name is of type 1 in a performed series; a site that gives none gets this."""


def begun(step: ProcedureStep) -> Dataset:
    """Return the N-CREATE data set: IN PROGRESS, for whom, since when; raises `ObjectInvalid`."""
    snapshot, box = step.snapshot, step.equipment
    person = snapshot.patient
    procedure = agreed(snapshot.steps, lambda s: s.requested_procedure_codes) or ()
    return data_set({
        "SpecificCharacterSet": _UTF_8,
        "ScheduledStepAttributesSequence": [_scheduled(snapshot, s) for s in snapshot.steps or (None,)],
        "PatientName": person.patient_name,
        "PatientID": person.patient_id,
        **optional(IssuerOfPatientID=person.issuer_of_patient_id),
        "PatientBirthDate": person.patient_birth_date,
        "PatientSex": person.patient_sex,
        "ReferencedPatientSequence": [],
        "PerformedProcedureStepID": step.step_id,
        "PerformedStationAETitle": step.station_ae_title,
        "PerformedStationName": box.station_name,
        "PerformedLocation": "",
        "PerformedProcedureStepStartDate": step.started_date,
        "PerformedProcedureStepStartTime": step.started_time,
        "PerformedProcedureStepStatus": "IN PROGRESS",
        "PerformedProcedureStepDescription": box.series_description,
        "PerformedProcedureTypeDescription": "",
        "ProcedureCodeSequence": code_items(procedure),
        "PerformedProcedureStepEndDate": "",
        "PerformedProcedureStepEndTime": "",
        "PerformedProcedureStepDiscontinuationReasonCodeSequence": [],
        "Modality": box.modality,
        "StudyID": snapshot.study_id,
        "PerformedProtocolCodeSequence": [],
        "PerformedSeriesSequence": [],
    })  # fmt: skip


def _scheduled(snapshot: IdentitySnapshot, step: ScheduledProcedureStep | None) -> Attributes:
    """Return one item; an exam without an order has one with its own study and nothing else."""
    if step is None:
        return {**_NOTHING_SCHEDULED, "StudyInstanceUID": snapshot.study_instance_uid}
    return {
        "StudyInstanceUID": snapshot.study_instance_uid,
        "ReferencedStudySequence": referenced_items(step.referenced_studies),
        "AccessionNumber": step.accession_number,
        "RequestedProcedureID": step.requested_procedure_id,
        "RequestedProcedureDescription": step.requested_procedure_description,
        "ScheduledProcedureStepID": step.scheduled_procedure_step_id,
        "ScheduledProcedureStepDescription": step.scheduled_procedure_step_description,
        "ScheduledProtocolCodeSequence": code_items(step.scheduled_protocol_codes),
        **optional(
            RequestedProcedureCodeSequence=code_items(step.requested_procedure_codes),
            PlacerOrderNumberImagingServiceRequest=step.placer_order_number,
            FillerOrderNumberImagingServiceRequest=step.filler_order_number,
        ),
    }


_NOTHING_SCHEDULED: Attributes = {
    "ReferencedStudySequence": [],
    "AccessionNumber": "",
    "RequestedProcedureID": "",
    "RequestedProcedureDescription": "",
    "ScheduledProcedureStepID": "",
    "ScheduledProcedureStepDescription": "",
    "ScheduledProtocolCodeSequence": [],
}


def ended(end: StepEnd) -> Dataset:
    """Return the final N-SET data set: how it ended, when, and every series with what is in it."""
    return data_set({
        "SpecificCharacterSet": _UTF_8,
        "PerformedProcedureStepStatus": end.status.value,
        "PerformedProcedureStepEndDate": end.ended_date,
        "PerformedProcedureStepEndTime": end.ended_time,
        **optional(
            PerformedProcedureStepDiscontinuationReasonCodeSequence=code_items(
                (end.discontinuation,) if end.discontinuation else ()
            )
        ),
        "PerformedSeriesSequence": [_series(series) for series in end.series],
    })  # fmt: skip


def _series(series: PerformedSeries) -> Attributes:
    return {
        "SeriesInstanceUID": series.series_instance_uid,
        "ProtocolName": series.protocol_name or _NO_PROTOCOL,
        "PerformingPhysicianName": series.performing_physician_name,
        "OperatorsName": series.operators_name,
        "SeriesDescription": series.description,
        "RetrieveAETitle": series.retrieve_ae_title,
        "ReferencedImageSequence": referenced_items(series.images),
        "ReferencedNonImageCompositeSOPInstanceSequence": referenced_items(series.non_images),
    }
