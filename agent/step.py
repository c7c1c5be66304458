"""What is told of a Modality Performed Procedure Step (PS3.4 Annex F): frozen, plain values for the peer child."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.model import Code, Equipment, IdentitySnapshot

UNSPECIFIED, WRONG_ENTRY = "110513", "110514"

CID_9300: Mapping[str, str] = {
    "110500": "Doctor canceled procedure",
    "110501": "Equipment failure",
    "110502": "Incorrect procedure ordered",
    "110503": "Patient allergic to media/contrast",
    "110504": "Patient died",
    "110505": "Patient refused to continue procedure",
    "110506": "Patient taken for treatment or surgery",
    "110507": "Patient did not arrive",
    "110508": "Patient pregnant",
    "110509": "Change of procedure for correct charging",
    "110510": "Duplicate order",
    "110511": "Nursing unit cancel",
    "110512": "Incorrect side ordered",
    "110513": "Discontinued for unspecified reason",
    "110514": "Incorrect worklist entry selected",
    "110515": "Patient condition prevented continuing",
    "110516": "Equipment change",
}
"""PS3.16 CID 9300, scheme DCM: why a procedure was discontinued."""


class StepStatus(StrEnum):
    """Final values of (0040,0252)."""

    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureStep:
    """What the N-CREATE tells: IN PROGRESS, for whom and since when (DA, TM)."""

    step_uid: str
    step_id: str
    snapshot: IdentitySnapshot
    equipment: Equipment
    station_ae_title: str
    started_date: str
    started_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformedSeries:
    """One item of (0040,0340). `images`: (SOP Class UID, SOP Instance UID)."""

    series_instance_uid: str
    protocol_name: str = ""
    description: str = ""
    operators_name: str = ""
    performing_physician_name: str = ""
    retrieve_ae_title: str = ""
    images: tuple[tuple[str, str], ...] = ()
    non_images: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnd:
    """What the final N-SET tells; at least one series, even without an image."""

    step_uid: str
    status: StepStatus
    ended_date: str
    ended_time: str
    series: tuple[PerformedSeries, ...]
    discontinuation: Code | None = None


def discontinuation(value: str) -> Code:
    """Return the coded reason; an unknown or empty code is `UNSPECIFIED`."""
    known = value if value in CID_9300 else UNSPECIFIED
    return Code(value=known, scheme="DCM", meaning=CID_9300[known])
