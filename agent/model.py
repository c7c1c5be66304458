"""Frozen values that travel through the house, named as the standard names them.

Text is UTF-8 in NFC; dates are DICOM DA (`YYYYMMDD`), times DICOM TM, UIDs DICOM UI; an unknown value is the
empty string. Nothing here reads a clock, a disk or a network.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import ClassVar

from agent.node import PeerAddress, StoreItem, TlsMaterial, peer_from_plain, store_item_from_plain

__all__ = [
    "BLOCKING", "BuiltObject", "ClockTrust", "Code", "Equipment", "ExamKind", "Flag", "FrameRecord", "IdentitySnapshot",
    "Patient", "PeerAddress", "Repair", "Route", "ScheduledProcedureStep", "SeriesRecord", "StoreItem", "TlsMaterial",
    "WorklistAnswer", "WorklistQuery", "peer_from_plain", "store_item_from_plain",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A coded concept (PS3.3 8.8): all three of value, scheme and meaning, or it is not made at all."""

    value: str
    scheme: str
    meaning: str
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Who the pictures belong to (PS3.3 C.7.1.1, PS3.4 table K.6-1)."""

    patient_name: str
    patient_id: str
    issuer_of_patient_id: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    other_patient_ids: tuple[tuple[str, str], ...] = ()
    """(PatientID, IssuerOfPatientID) pairs."""
    patient_age: str = ""
    patient_size: str = ""
    patient_weight: str = ""
    pregnancy_status: str = ""
    medical_alerts: str = ""
    allergies: str = ""
    special_needs: str = ""
    patient_comments: str = ""


class Flag(StrEnum):
    """What a person must know about a worklist entry before using it; `BLOCKING` ones forbid the choice."""

    NO_PATIENT_ID = "no patient id"
    NAME_MISSING = "name missing"
    NAME_DAMAGED = "name damaged"
    NAME_SUSPICIOUS = "check spelling"
    PATIENT_ID_TOO_LONG = "patient id too long"
    SHARED_STUDY = "study of another patient"
    ACCESSION_DROPPED = "accession number unusable"
    STUDY_UID_REPLACED = "study uid unusable"
    REPAIRED = "repaired"
    CHARSET_ASSUMED = "character set assumed"
    SEVERAL_STEPS = "several steps in one entry"


BLOCKING = frozenset(
    {Flag.NO_PATIENT_ID, Flag.NAME_MISSING, Flag.NAME_DAMAGED, Flag.PATIENT_ID_TOO_LONG, Flag.SHARED_STUDY}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One value that was not used as it arrived. `raw` is shown on the box, never logged."""

    keyword: str
    raw: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledProcedureStep:
    """One worklist entry after repair (PS3.4 Annex K). `key` names it for as long as it is listed."""

    key: str
    patient: Patient
    study_instance_uid: str = ""
    study_date: str = ""
    study_time: str = ""
    referenced_studies: tuple[tuple[str, str], ...] = ()
    """(ReferencedSOPClassUID, ReferencedSOPInstanceUID) pairs."""
    accession_number: str = ""
    issuer_of_accession_number: str = ""
    requested_procedure_id: str = ""
    requested_procedure_description: str = ""
    requested_procedure_codes: tuple[Code, ...] = ()
    reason_for_the_requested_procedure: str = ""
    requested_procedure_priority: str = ""
    scheduled_procedure_step_id: str = ""
    scheduled_procedure_step_description: str = ""
    scheduled_protocol_codes: tuple[Code, ...] = ()
    scheduled_procedure_step_start_date: str = ""
    scheduled_procedure_step_start_time: str = ""
    scheduled_procedure_step_status: str = ""
    scheduled_station_ae_title: str = ""
    scheduled_station_name: str = ""
    scheduled_procedure_step_location: str = ""
    modality: str = ""
    scheduled_performing_physician_name: str = ""
    referring_physician_name: str = ""
    requesting_physician: str = ""
    requesting_service: str = ""
    placer_order_number: str = ""
    filler_order_number: str = ""
    admission_id: str = ""
    issuer_of_admission_id: str = ""
    current_patient_location: str = ""
    institution_name: str = ""
    flags: tuple[Flag, ...] = ()
    repairs: tuple[Repair, ...] = ()

    @property
    def blocked(self) -> tuple[Flag, ...]:
        """The flags that forbid choosing this entry (empty: it may be chosen)."""
        return tuple(f for f in self.flags if f in BLOCKING)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistQuery:
    """What is asked of one worklist server (PS3.4 K.4) and how its answers are to be read. Empty: not asked."""

    date_from: str = ""
    date_to: str = ""
    """First and last Scheduled Procedure Step Start Date (DA) that is wanted; either may be open."""
    modality: str = ""
    station_ae_title: str = ""
    patient_name: str = ""
    """May hold the wildcards `*` and `?`; no other key may."""
    patient_id: str = ""
    accession_number: str = ""
    requested_procedure_id: str = ""
    expected_modalities: tuple[str, ...] = ()
    """Filtered on our side only, for servers that are asked without a modality."""
    max_items: int = 200
    today: str = ""
    """The caller's date (DA): a later date of birth is not believed."""
    specific_character_set: str = "ISO_IR 192"
    """Written into a query with non-ASCII text."""
    assume_charset: str = ""
    """How this server's text is read when it declares nothing: `cp1251`, `koi8-u` or `utf-8`."""
    assume_for: tuple[str, ...] = ()
    """Declared character sets that are known to be wrong at this server: `assume_charset` is used instead."""
    trim: tuple[str, ...] = ()
    """Keywords of return keys that this server does not bear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistAnswer:
    """What one query brought. `received` counts every answer, also the unreadable ones."""

    steps: tuple[ScheduledProcedureStep, ...]
    received: int
    unreadable: tuple[str, ...] = ()
    """One reason (without patient data) for each answer that could not be read."""
    truncated: bool = False
    filtered_out: int = 0
    """Answers that did not match our own filter although the server sent them."""


class ExamKind(StrEnum):
    """How the patient of an exam became known."""

    SCHEDULED = "scheduled"
    UNSCHEDULED = "unscheduled"
    EMERGENCY = "emergency"
    TEST = "test"
    """Nobody: a test picture of an engineer, which goes to destinations for tests alone (B6.9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySnapshot:
    """Patient and order of one exam, frozen when it was confirmed; immutable in the database (promise P2).

    `accession_number` is empty unless every step agrees on it (dicom.md 3.4: group case). `steps` is empty
    for unscheduled and emergency exams.
    """

    kind: ExamKind
    patient: Patient
    study_instance_uid: str
    study_id: str
    accession_number: str = ""
    steps: tuple[ScheduledProcedureStep, ...] = ()
    confirmed_by: str = ""
    confirmation: str = ""
    """How identity was confirmed: `click`, `reenter`, `scan`, `emergency`."""

    def canonical(self) -> str:
        """Return the one JSON text of this snapshot; its SHA-256 is the snapshot's proof."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """Return the SHA-256 of `canonical()` in hexadecimal."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What captured the pictures and where, frozen with the series (PS3.3 C.7.5.1, C.8.6.1)."""

    source: str
    modality: str
    conversion_type: str
    series_description: str = ""
    protocol_name: str = ""
    body_part_examined: str = ""
    anatomic_region: Code | None = None
    image_laterality: str = ""
    burned_in_annotation: bool = True
    manufacturer: str = "modality-agent"
    manufacturer_model_name: str = "modality-agent"
    device_serial_number: str = ""
    software_versions: str = ""
    device_uid: str = ""
    station_name: str = ""
    institution_name: str = ""
    institution_address: str = ""
    institutional_department_name: str = ""
    device_manufacturer: str = ""
    """The legacy device itself, for Contributing Equipment; empty: not known, item left out."""
    device_model_name: str = ""
    device_serial: str = ""
    timezone: str = "Europe/Kyiv"
    sop_class_uid: str = "1.2.840.10008.5.1.4.1.1.7"
    """Which object a single still becomes."""

    LATER: ClassVar[frozenset[str]] = frozenset({"sop_class_uid"})


class ClockTrust(StrEnum):
    """Who says that the wall clock is right (ruling 6)."""

    UNTRUSTED = "untrusted"
    SYNCHRONISED = "synchronised"
    CONFIRMED = "confirmed"
    HOST = "host"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRecord:
    """One durable still: geometry, encoding, time and proof. The payload's pixels are final (ruling 12)."""

    frame_id: str
    """Our own UUID: the name of the files, never taken from the wire."""
    exam_id: str
    snapshot_digest: str
    sop_instance_uid: str
    series_instance_uid: str
    instance_number: int
    rows: int
    columns: int
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    photometric_interpretation: str
    transfer_syntax_uid: str
    payload_size: int
    payload_sha256: str
    lossy: tuple[tuple[str, float], ...] = ()
    """(LossyImageCompressionMethod, ratio) for every lossy stage, in order; empty: never lossy."""
    pixel_aspect_ratio: tuple[int, int] | None = None
    """(vertical, horizontal); None: square."""
    image_format: str = ""
    """`PAL`, `NTSC`, `HDMI 1280x720p50 YUYV` …: what the source said it delivered."""
    processing: str = ""
    """What was done before the durable frame (`deinterlaced: bob; cropped: 704x560+8+8`)."""
    frame_number: int = 0
    """The source's own count of this frame."""
    acquired_at: str = ""
    """ISO 8601 wall clock with UTC offset at the instant of the frame."""
    boottime_ns: int = 0
    clock_trust: ClockTrust = ClockTrust.UNTRUSTED
    trigger_id: str = ""
    sop_class_uid: str = "1.2.840.10008.5.1.4.1.1.7"
    """Which object it becomes; Secondary Capture Image Storage unless said otherwise."""
    number_of_frames: int = 1
    frame_sizes: tuple[int, ...] = ()
    """Bytes of each JPEG frame in the payload, in order; empty: native pixels, one JPEG, a video or a document."""
    frame_time_ms: float = 0.0
    """Milliseconds from one frame to the next (Frame Time); 0: not a moving picture, or not regular."""
    frame_times_ms: tuple[float, ...] = ()
    """Frame Time Vector of an irregular clip: the first is 0, then the time since the frame before."""
    page_numbers: tuple[int, ...] = ()
    """Page Number Vector of scanned sheets."""
    scanned_spacing_mm: tuple[float, float] | None = None
    """Nominal Scanned Pixel Spacing: between rows, between columns, on the medium."""
    rotation_degrees: float = 0.0
    """Rotation of Scanned Film, -45 to 45."""
    document_title: str = ""
    payload_file: str = ""
    """Empty: the payload stands behind the header; `clip`: in a file of its own (ruling 13)."""

    LATER: ClassVar[frozenset[str]] = frozenset({
        "sop_class_uid", "number_of_frames", "frame_sizes", "frame_time_ms", "frame_times_ms", "page_numbers",
        "scanned_spacing_mm", "rotation_degrees", "document_title", "payload_file",
    })  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRecord:
    """What all objects of one series share beyond patient and equipment; fixed before the first is built.

    Study date and time are those of the order where the study had begun, else of its first acquisition;
    identical in every object of the study. The performed values equal those of the MPPS, or are empty.
    """

    study_date: str
    study_time: str
    series_number: int
    series_date: str
    series_time: str
    instance_creator_uid: str
    operators_name: str = ""
    performed_procedure_step_uid: str = ""
    """SOP Instance UID of the Modality Performed Procedure Step; empty: MPPS is not in use."""
    performed_procedure_step_id: str = ""
    performed_procedure_step_start_date: str = ""
    performed_procedure_step_start_time: str = ""
    performed_procedure_step_description: str = ""
    performed_protocol_codes: tuple[Code, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """Where objects are queued for. `required`: an exam is delivered only when it answered; `commits`: it is asked
    for Storage Commitment; `standby` takes over whole studies while it does not answer."""

    destination: str
    required: bool = True
    commits: bool = False
    standby: Route | None = None
    prefers: str = ""
    """Transfer syntax that native pixels are sent in where it takes it; empty: as built."""
    test: bool = False
    """True: for test pictures alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltObject:
    """What the built object is, recorded before it may be queued."""

    frame_id: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    size: int
    sha256: str
    warnings: tuple[str, ...] = field(default=())
