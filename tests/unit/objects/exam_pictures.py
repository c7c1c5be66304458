"""Exams of every kind and frames of every kind, as values; what is expected stands in the tests themselves."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simplejpeg

from agent.frame_file import encode_header
from agent.model import (
    Code,
    Equipment,
    ExamKind,
    FrameRecord,
    IdentitySnapshot,
    Patient,
    ScheduledProcedureStep,
    SeriesRecord,
)
from agent.objects import building

NATIVE = "1.2.840.10008.1.2.1"
JPEG = "1.2.840.10008.1.2.4.50"
STUDY = "1.2.826.0.1.3680043.9.7777.1.2026.1"
GENERATED_STUDY = "2.25.100000000000000000000000000000000001"

PATIENT = Patient(
    patient_name="Шевченко^Тарас^Григорович",
    patient_id="UA-00017",
    issuer_of_patient_id="HOSP1",
    patient_birth_date="19640309",
    patient_sex="M",
    other_patient_ids=(("77-Ґ", "ЛІКАРНЯ"), ("9", "")),
    patient_age="062Y",
    patient_size="1.82",
    patient_weight="82",
    pregnancy_status="4",
    medical_alerts="алергія на латекс",
    allergies="латекс",
    patient_comments="чекає на лікаря",
)
FACTS = SeriesRecord(
    study_date="20261123",
    study_time="095500",
    series_number=1,
    series_date="20261123",
    series_time="100000.123456",
    instance_creator_uid="2.25.200000000000000000000000000000000001",
)
BOX = Equipment(
    source="endoscope",
    modality="ES",
    conversion_type="DV",
    series_description="Езофагогастродуоденоскопія",
    protocol_name="ФГДС",
    anatomic_region=Code(value="69695003", scheme="SCT", meaning="Stomach"),
    burned_in_annotation=False,
    device_serial_number="MA-0001",
    software_versions="0.1.0",
    device_uid="2.25.300000000000000000000000000000000001",
    station_name="ENDO1",
    institution_name="Міська лікарня № 1",
    institution_address="вул. Їжакевича, 5",
    institutional_department_name="Ендоскопія",
    device_manufacturer="Old Scopes",
    device_model_name="EVIS-100",
    device_serial="7",
)


def a_step(number: int, **changes: object) -> ScheduledProcedureStep:
    step = ScheduledProcedureStep(
        key=f"key-{number}",
        patient=PATIENT,
        study_instance_uid=STUDY,
        accession_number="ACC-2026-001",
        issuer_of_accession_number="RIS",
        requested_procedure_id="RP-001",
        requested_procedure_description="Езофагогастродуоденоскопія",
        requested_procedure_codes=(Code(value="76009000", scheme="SCT", meaning="Езофагогастродуоденоскопія"),),
        reason_for_the_requested_procedure="Біль?",
        scheduled_procedure_step_id=f"SPS-00{number}",
        scheduled_procedure_step_description="ФГДС діагностична",
        scheduled_protocol_codes=(Code(value="P1", scheme="99LOCAL", meaning="ФГДС", version="2"),),
        referenced_studies=(("1.2.840.10008.3.1.2.3.1", STUDY),),
        modality="ES",
        scheduled_performing_physician_name="Коваль^Олена^Іванівна",
        referring_physician_name="Петренко^Ґалина^Їванівна",
        requesting_service="Терапія",
        admission_id="A-5",
        issuer_of_admission_id="HOSP1",
    )
    return dataclasses.replace(step, **changes)


def scheduled(*steps: ScheduledProcedureStep, **changes: object) -> IdentitySnapshot:
    snapshot = IdentitySnapshot(
        kind=ExamKind.SCHEDULED,
        patient=PATIENT,
        study_instance_uid=STUDY,
        study_id="RP-001",
        accession_number="ACC-2026-001",
        steps=steps or (a_step(1),),
        confirmed_by="olena",
        confirmation="reenter",
    )
    return dataclasses.replace(snapshot, **changes)


UNSCHEDULED = IdentitySnapshot(
    kind=ExamKind.UNSCHEDULED,
    patient=Patient(patient_name="О’Коннор-Їжакевич^Ґеорґій", patient_id="M-7"),
    study_instance_uid=GENERATED_STUDY,
    study_id="5",
)
EMERGENCY = IdentitySnapshot(
    kind=ExamKind.EMERGENCY,
    patient=Patient(
        patient_name="НЕВІДОМИЙ^1",
        patient_id="TMP-ENDO1-20261123100000-1",
        issuer_of_patient_id="MODALITY-AGENT",
        patient_comments="temporary",
    ),
    study_instance_uid=GENERATED_STUDY,
    study_id="6",
)
GROUP = scheduled(
    a_step(1),
    a_step(
        2,
        study_instance_uid=STUDY + ".2",
        accession_number="ACC-2026-002",
        requested_procedure_id="RP-002",
        requested_procedure_description="Колоноскопія",
        referring_physician_name="",
    ),
    study_instance_uid=GENERATED_STUDY,
    accession_number="",
    study_id="11",
)
SNAPSHOTS = {
    "scheduled": scheduled(),
    "several steps": scheduled(a_step(1), a_step(2)),
    "group case": GROUP,
    "incomplete order": scheduled(a_step(1, scheduled_procedure_step_id="")),
    "unscheduled": UNSCHEDULED,
    "emergency": EMERGENCY,
}


@dataclass(frozen=True)
class Picture:
    payload: bytes
    changes: dict[str, object]


def pattern(rows: int, columns: int, samples: int, kind: str = "u1") -> np.ndarray:
    across = np.arange(columns)[None, :] * (4095 if kind == "u2" else 255) // columns
    down = np.arange(rows)[:, None] * 255 // rows
    planes = [across + 0 * down, (across + down) // 2, 0 * across + down][:samples]
    return np.ascontiguousarray(np.stack(planes, axis=2).astype(kind))


def native(rows: int, columns: int, samples: int, bits: int = 8) -> Picture:
    pixels = pattern(rows, columns, samples, "u1" if bits == 8 else "u2")
    return Picture(
        pixels.astype(pixels.dtype.newbyteorder("<")).tobytes(),
        {
            "rows": rows,
            "columns": columns,
            "samples_per_pixel": samples,
            "bits_allocated": 8 if bits == 8 else 16,
            "bits_stored": bits,
            "photometric_interpretation": "RGB" if samples == 3 else "MONOCHROME2",
            "transfer_syntax_uid": NATIVE,
        },
    )


def jpeg(rows: int, columns: int, samples: int, *, odd: bool = False) -> Picture:
    space = "RGB" if samples == 3 else "GRAY"
    for quality in range(90, 40, -1):
        stream = simplejpeg.encode_jpeg(pattern(rows, columns, samples), quality, space, "422")
        if len(stream) % 2 == odd:
            break
    return Picture(
        stream,
        {
            "rows": rows,
            "columns": columns,
            "samples_per_pixel": samples,
            "photometric_interpretation": "YBR_FULL_422" if samples == 3 else "MONOCHROME2",
            "transfer_syntax_uid": JPEG,
            "lossy": (("ISO_10918_1", rows * columns * samples / len(stream)),),
        },
    )


PICTURES = {
    "colour": native(48, 64, 3),
    "colour odd": native(35, 33, 3),
    "colour aspect": Picture(native(48, 64, 3).payload, native(48, 64, 3).changes | {"pixel_aspect_ratio": (11, 12)}),
    "colour from MJPEG": Picture(
        native(48, 64, 3).payload, native(48, 64, 3).changes | {"lossy": (("ISO_10918_1", 8.1),)}
    ),
    "grey 8": native(48, 64, 1),
    "grey 12 of 16": native(48, 64, 1, 12),
    "grey 16": native(48, 64, 1, 16),
    "jpeg colour": jpeg(48, 64, 3),
    "jpeg colour odd": jpeg(48, 64, 3, odd=True),
    "jpeg grey": jpeg(48, 64, 1),
    "jpeg aspect": Picture(jpeg(48, 64, 3).payload, jpeg(48, 64, 3).changes | {"pixel_aspect_ratio": (54, 59)}),
    "two lossy stages": Picture(
        jpeg(48, 64, 3).payload, jpeg(48, 64, 3).changes | {"lossy": (("ISO_14496_10", 20.0), ("ISO_10918_1", 7.5))}
    ),
}


def a_record(picture: Picture, snapshot: IdentitySnapshot, **changes: object) -> FrameRecord:
    record = FrameRecord(
        frame_id="0d6f6a0e-0000-4000-8000-000000000001",
        exam_id="exam",
        snapshot_digest=snapshot.digest(),
        sop_instance_uid="2.25.400000000000000000000000000000000001",
        series_instance_uid="2.25.500000000000000000000000000000000001",
        instance_number=3,
        rows=0,
        columns=0,
        samples_per_pixel=3,
        bits_allocated=8,
        bits_stored=8,
        photometric_interpretation="RGB",
        transfer_syntax_uid=NATIVE,
        payload_size=len(picture.payload),
        payload_sha256=hashlib.sha256(picture.payload).hexdigest(),
        image_format="PAL",
        acquired_at="2026-11-23T08:00:00.123456+00:00",
    )
    return dataclasses.replace(record, **{**picture.changes, **changes})


def never() -> None:
    """No heart beats in a test."""


@dataclass(frozen=True)
class Written:
    """A frame file and, once built, its object file."""

    frame: Path
    object: Path
    snapshot: IdentitySnapshot
    record: FrameRecord
    payload: bytes
    box: Equipment

    def build(self, facts: SeriesRecord = FACTS) -> Written:
        with self.frame.open("rb") as frame, self.object.open("wb") as target:
            building.build(frame.fileno(), target.fileno(), facts, never)
        return self

    def verify(self):
        with self.frame.open("rb") as frame, self.object.open("rb") as written:
            return building.verify(frame.fileno(), written.fileno(), never)


def put(folder: Path, snapshot: IdentitySnapshot, picture: Picture, box: Equipment = BOX, **changes: object) -> Written:
    record = a_record(picture, snapshot, **changes)
    frame = folder / "a.frm"
    frame.write_bytes(encode_header(record, snapshot, box, {}) + picture.payload)
    return Written(frame, folder / "a.dcm", snapshot, record, picture.payload, box)


def run(*command: object, check: bool = True) -> str:
    """Run a peer's tool; its exit code must be 0, its text is returned."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        check=False,
        timeout=60,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    text = (done.stdout + done.stderr).decode()
    assert not check or done.returncode == 0, text
    return text


DCIODVFY = Path(sys.executable).with_name("dciodvfy")
