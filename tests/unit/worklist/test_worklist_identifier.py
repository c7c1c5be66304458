"""The query identifier: what is asked, in which character set, and what is refused before it is sent."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from agent.dimse.identifier import query_identifier
from agent.errors import BadRequest, QueryNotEncodable
from agent.model import WorklistQuery


def encoded(identifier: Dataset) -> bytes:
    buffer = DicomBytesIO(BytesIO().getvalue())
    buffer.is_implicit_VR, buffer.is_little_endian = True, True
    write_dataset(buffer, identifier)
    return buffer.getvalue()


def test_an_ascii_query_declares_no_character_set() -> None:
    identifier = query_identifier(WorklistQuery(patient_id="UA-1", modality="ES"))
    assert "SpecificCharacterSet" not in identifier
    assert identifier.PatientID == "UA-1"
    assert len(identifier.ScheduledProcedureStepSequence) == 1
    assert identifier.ScheduledProcedureStepSequence[0].Modality == "ES"


def test_a_ukrainian_query_declares_utf_8_and_is_written_in_it() -> None:
    identifier = query_identifier(WorklistQuery(patient_name="Ґалаґан^О’*"))
    assert identifier.SpecificCharacterSet == "ISO_IR 192"
    assert "Ґалаґан^О’*".encode() in encoded(identifier)


@pytest.mark.parametrize("name", ["Ґудзь*", "О’Коннор", "Прокопʼєв", "Ґ"])
def test_what_iso_8859_5_lacks_is_refused_not_replaced(name: str) -> None:
    with pytest.raises(QueryNotEncodable):
        query_identifier(WorklistQuery(patient_name=name, specific_character_set="ISO_IR 144"))


def test_what_iso_8859_5_has_is_written_in_it() -> None:
    identifier = query_identifier(WorklistQuery(patient_name="Шевч*", specific_character_set="ISO_IR 144"))
    assert b"\xc8\xd5\xd2\xe7*" in encoded(identifier)


@pytest.mark.parametrize(
    ("first", "last", "sent"),
    [
        ("20261123", "20261125", "20261123-20261125"),
        ("20261124", "20261124", "20261124"),
        ("20261124", "", "20261124-"),
        ("", "20261124", "-20261124"),
        ("", "", ""),
    ],
)
def test_date_windows(first: str, last: str, sent: str) -> None:
    identifier = query_identifier(WorklistQuery(date_from=first, date_to=last))
    assert (identifier.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStartDate or "") == sent


@pytest.mark.parametrize(
    "query",
    [
        {"patient_id": "UA*"},
        {"accession_number": "?"},
        {"modality": "E*"},
        {"patient_name": "a\\b"},
        {"date_from": "1.1.26"},
    ],
)
def test_values_that_are_none_are_refused(query: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        query_identifier(WorklistQuery(**query))  # type: ignore[arg-type]


RETURN_KEYS = [
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientWeight",
    "StudyInstanceUID",
    "AccessionNumber",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
    "RequestedProcedureCodeSequence",
    "ReferencedStudySequence",
    "RequestedProcedurePriority",
    "PatientTransportArrangements",
    "RequestingPhysician",
    "ReferringPhysicianName",
    "AdmissionID",
    "CurrentPatientLocation",
    "ReferencedPatientSequence",
    "PatientState",
    "PregnancyStatus",
    "MedicalAlerts",
    "Allergies",
    "SpecialNeeds",
    "ConfidentialityConstraintOnPatientDataDescription",
    "IssuerOfPatientID",
    "OtherPatientIDsSequence",
    "InstitutionName",
    "IssuerOfAccessionNumberSequence",
    "IssuerOfAdmissionIDSequence",
    "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest",
]
STEP_KEYS = [
    "ScheduledStationAETitle",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "Modality",
    "ScheduledPerformingPhysicianName",
    "ScheduledProcedureStepDescription",
    "ScheduledProtocolCodeSequence",
    "ScheduledProcedureStepID",
    "ScheduledStationName",
    "ScheduledProcedureStepLocation",
    "ScheduledProcedureStepStatus",
]


def test_every_return_key_is_asked_for_without_a_value() -> None:
    identifier = query_identifier(WorklistQuery())
    assert [k for k in RETURN_KEYS if k not in identifier] == []
    step = identifier.ScheduledProcedureStepSequence[0]
    assert [k for k in STEP_KEYS if k not in step] == []
    assert all(not e.value for e in identifier.iterall() if e.VR != "SQ")


def test_trimmed_keys_are_not_asked_for_but_required_ones_stay() -> None:
    query = WorklistQuery(trim=("PatientComments", "RequestedProcedureCodeSequence", "PatientName"))
    identifier = query_identifier(query)
    assert "PatientComments" not in identifier
    assert "RequestedProcedureCodeSequence" not in identifier
    assert "PatientName" in identifier


def test_the_second_try_asks_for_the_required_keys_and_still_matches() -> None:
    identifier = query_identifier(WorklistQuery(patient_name="К*", accession_number="A"), required_only=True)
    assert "PatientComments" not in identifier
    assert (str(identifier.PatientName), identifier.AccessionNumber) == ("К*", "A")
