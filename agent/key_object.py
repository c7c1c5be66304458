"""Key Object Selection documents as values (PS3.3 A.35.4, PS3.16 TID 2010): what they say about which objects.

Two purposes: the pictures *Of Interest* of an exam, and a note that rejects pictures which an archive has already
(IHE Imaging Object Change Management, RAD TF-1 21). The codes are those of PS3.16 CID 7010, 7011 and 9300.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.model import Code
from agent.step import UNSPECIFIED, WRONG_ENTRY


class Purpose(StrEnum):
    """Why a document is made."""

    OF_INTEREST = "of interest"
    """Which pictures a person marked before release."""
    REMOVAL = "removal"
    """Which pictures an archive is asked to take out of use."""


OF_INTEREST, QUALITY, SAFETY, WRONG_WORKLIST_ENTRY = "113000", "113001", "113037", "113038"

TITLES: Mapping[str, str] = {
    OF_INTEREST: "Of Interest",
    QUALITY: "Rejected for Quality Reasons",
    SAFETY: "Rejected for Patient Safety Reasons",
    WRONG_WORKLIST_ENTRY: "Incorrect Modality Worklist Entry",
}
"""PS3.16 CID 7010, scheme DCM: what this box says."""

CID_7011: Mapping[str, str] = {
    "111207": "Image artifact(s)",
    "111208": "Grid artifact(s)",
    "111209": "Positioning",
    "111210": "Motion blur",
    "111211": "Under exposed",
    "111212": "Over exposed",
    "111213": "No image",
    "111214": "Detector artifact(s)",
    "111215": "Artifact(s) other than grid or detector artifact",
    "111216": "Mechanical failure",
    "111217": "Electrical failure",
    "111218": "Software failure",
    "111219": "Inappropriate image processing",
    "111220": "Other failure",
    "111221": "Unknown failure",
    "113026": "Double exposure",
}
"""PS3.16 CID 7011, scheme DCM: why the quality is not good enough."""

STEP_REASON: Mapping[str, str] = {
    WRONG_WORKLIST_ENTRY: WRONG_ENTRY,
    SAFETY: WRONG_ENTRY,
    QUALITY: UNSPECIFIED,
}
"""Why a procedure step that is still in progress is discontinued (PS3.16 CID 9300) when its whole exam is rejected."""
LONGEST_WORDS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One object that a document names; all of a document are of one study."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyObject:
    """What one document says. `content_at` is ISO 8601 with an offset: when its content was settled."""

    title: str
    """A key of `TITLES`."""
    references: tuple[Reference, ...]
    content_at: str
    reason: str = ""
    """A key of `CID_7011`; only and always with *Rejected for Quality Reasons*."""
    words: str = ""
    """Key Object Description; empty: left out."""
    series_number: int = 1

    @property
    def title_code(self) -> Code:
        return Code(value=self.title, scheme="DCM", meaning=TITLES[self.title])

    @property
    def reason_code(self) -> Code | None:
        return Code(value=self.reason, scheme="DCM", meaning=CID_7011[self.reason]) if self.reason else None
