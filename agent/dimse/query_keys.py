"""The return keys of a Modality Worklist query as data, so that one server's dislikes are one line of its
configuration (PS3.4 table K.6-1, keywords of PS3.6).

`NAME` below is a key, `NAME/INNER` a key inside the one item of that sequence. `required` are the keys every
server must know (type R, and 1 as a return value): the second try after a refusal asks for these only.
"""

from __future__ import annotations

from collections.abc import Collection

STEP = "ScheduledProcedureStepSequence"

_REQUIRED_STEP = (
    "ScheduledStationAETitle",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "Modality",
    "ScheduledPerformingPhysicianName",
    "ScheduledProcedureStepDescription",
    "ScheduledProcedureStepID",
)
_OPTIONAL_STEP = (
    "ScheduledStationName",
    "ScheduledProcedureStepLocation",
    "PreMedication",
    "RequestedContrastAgent",
    "ScheduledProcedureStepStatus",
    "CommentsOnTheScheduledProcedureStep",
)
_CODE = ("CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning")
_REFERENCE = ("ReferencedSOPClassUID", "ReferencedSOPInstanceUID")
_ISSUER = ("LocalNamespaceEntityID", "UniversalEntityID", "UniversalEntityIDType")

_REQUIRED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
    "AccessionNumber",
)
_OPTIONAL = (
    "ScheduledSpecimenSequence",
    "BarcodeValue",
    "ReferringPhysicianName",
    "StudyDate",
    "StudyTime",
    "ReasonForTheRequestedProcedure",
    "RequestedProcedureComments",
    "NamesOfIntendedRecipientsOfResults",
    "RequestedProcedurePriority",
    "PatientTransportArrangements",
    "RequestingPhysician",
    "RequestingService",
    "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest",
    "AdmissionID",
    "CurrentPatientLocation",
    "InstitutionName",
    "ServiceEpisodeID",
    "IssuerOfPatientID",
    "OtherPatientNames",
    "PatientComments",
    "EthnicGroup",
    "PatientWeight",
    "ConfidentialityConstraintOnPatientDataDescription",
    "PatientState",
    "PregnancyStatus",
    "MedicalAlerts",
    "Allergies",
    "SpecialNeeds",
    "PatientSize",
    "PatientAge",
)

REQUIRED_KEYS: tuple[str, ...] = (*(f"{STEP}/{k}" for k in _REQUIRED_STEP), *_REQUIRED)
ALL_KEYS: tuple[str, ...] = (
    *REQUIRED_KEYS,
    *(f"{STEP}/{k}" for k in _OPTIONAL_STEP),
    *(f"{STEP}/ScheduledProtocolCodeSequence/{k}" for k in _CODE),
    *_OPTIONAL,
    *(f"RequestedProcedureCodeSequence/{k}" for k in _CODE),
    *(f"ReferencedStudySequence/{k}" for k in _REFERENCE),
    *(f"ReferencedPatientSequence/{k}" for k in _REFERENCE),
    *(f"IssuerOfAccessionNumberSequence/{k}" for k in _ISSUER),
    *(f"IssuerOfAdmissionIDSequence/{k}" for k in _ISSUER),
    *(f"OtherPatientIDsSequence/{k}" for k in ("PatientID", "IssuerOfPatientID", "TypeOfPatientID")),
)


def return_keys(trim: Collection[str] = ()) -> tuple[str, ...]:
    """Return every key without those that `trim` names, by keyword; naming a sequence takes it whole.

    The step sequence itself and the required keys stay: without them an answer is of no use.
    """
    dropped = set(trim) - {STEP}
    return tuple(k for k in ALL_KEYS if k in REQUIRED_KEYS or not dropped.intersection(k.split("/")))
