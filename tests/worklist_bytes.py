"""Worklist identifiers as bytes, written by hand (PS3.5 7.1.3, Implicit VR Little Endian): no library between
the test and the wire, so that wrong and damaged ones can be written as easily as right ones.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

TAGS = {
    "SpecificCharacterSet": 0x00080005,
    "AccessionNumber": 0x00080050,
    "Modality": 0x00080060,
    "CodeValue": 0x00080100,
    "CodingSchemeDesignator": 0x00080102,
    "CodeMeaning": 0x00080104,
    "PatientName": 0x00100010,
    "PatientID": 0x00100020,
    "PatientBirthDate": 0x00100030,
    "PatientSex": 0x00100040,
    "PregnancyStatus": 0x001021C0,
    "StudyInstanceUID": 0x0020000D,
    "RequestedProcedureDescription": 0x00321060,
    "RequestedProcedureCodeSequence": 0x00321064,
    "ScheduledStationAETitle": 0x00400001,
    "ScheduledProcedureStepStartDate": 0x00400002,
    "ScheduledProcedureStepStartTime": 0x00400003,
    "ScheduledProcedureStepDescription": 0x00400007,
    "ScheduledProcedureStepID": 0x00400009,
    "ScheduledProcedureStepSequence": 0x00400100,
    "RequestedProcedureID": 0x00401001,
}

STEP = {
    "Modality": b"ES",
    "ScheduledStationAETitle": b"AGENT",
    "ScheduledProcedureStepStartDate": b"20261123",
    "ScheduledProcedureStepStartTime": b"100000",
    "ScheduledProcedureStepID": b"SPS-001",
}
ENTRY = {
    "SpecificCharacterSet": b"ISO_IR 192",
    "AccessionNumber": b"ACC-001",
    "PatientName": "Шевченко^Тарас".encode(),
    "PatientID": b"UA-00017",
    "PatientBirthDate": b"19640309",
    "PatientSex": b"M",
    "StudyInstanceUID": b"2.25.1001",
    "RequestedProcedureID": b"RP-001",
}


def element(keyword: str, value: bytes) -> bytes:
    tag = TAGS[keyword]
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value


def dataset(values: Mapping[str, bytes]) -> bytes:
    return b"".join(element(k, values[k]) for k in sorted(values, key=TAGS.__getitem__))


def sequence(*items: Mapping[str, bytes]) -> bytes:
    """Return the value of a sequence with items of defined length."""
    encoded = [dataset(item) for item in items]
    return b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(e)) + e for e in encoded)


def entry(*steps: Mapping[str, bytes], **values: bytes | None) -> bytes:
    """Return one identifier: `ENTRY` with one `STEP`, changed by `values` (None: left out)."""
    merged = {**ENTRY, "ScheduledProcedureStepSequence": sequence(*(steps or (STEP,))), **values}
    return dataset({k: v for k, v in merged.items() if v is not None})
