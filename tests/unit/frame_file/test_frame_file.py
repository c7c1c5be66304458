"""A frame file explains itself exactly, or is refused as damaged (promises P1, P2)."""

import dataclasses
import hashlib
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import SnapshotMismatch, SpoolDamaged
from agent.frame_file import FrameHeader, decode_header, encode_header
from agent.model import Equipment, ExamKind, FrameRecord, IdentitySnapshot, Patient

SNAPSHOT = IdentitySnapshot(
    kind=ExamKind.UNSCHEDULED,
    patient=Patient(patient_name="О’Коннор-Їжакевич^Ґеорґій", patient_id="Ї-1ʼ"),
    study_instance_uid="2.25.1",
    study_id="1",
)
BOX = Equipment(source="s", modality="ES", conversion_type="DV")
RECORD = FrameRecord(
    frame_id="f",
    exam_id="e",
    snapshot_digest=SNAPSHOT.digest(),
    sop_instance_uid="2.25.2",
    series_instance_uid="2.25.3",
    instance_number=1,
    rows=1,
    columns=2,
    samples_per_pixel=3,
    bits_allocated=8,
    bits_stored=8,
    photometric_interpretation="RGB",
    transfer_syntax_uid="1.2.840.10008.1.2.1",
    payload_size=6,
    payload_sha256="00",
)
EXTRA = {"series": {"number": 3}, "причина": ["Ґ", None, 1.5]}
HEADER = encode_header(RECORD, SNAPSHOT, BOX, EXTRA)


def test_form():
    assert len(HEADER) == 4096
    first, rest = HEADER.split(b"\n", 1)
    assert first.startswith(b"MODALITY-AGENT-FRAME 1 00004096 ")
    assert rest.endswith(b" \n")
    plain = json.loads(rest)
    assert list(plain) == ["equipment", "extra", "record", "snapshot"]
    assert plain["snapshot"]["patient"]["patient_name"] == "О’Коннор-Їжакевич^Ґеорґій"
    assert "О’Коннор-Їжакевич^Ґеорґій".encode() in rest


def test_comes_back_and_leaves_the_reader_at_the_payload():
    file = io.BytesIO(HEADER + b"pixels")
    header = decode_header(file.read)
    assert header == FrameHeader(record=RECORD, snapshot=SNAPSHOT, equipment=BOX, extra=EXTRA, payload_offset=4096)
    assert file.read() == b"pixels"


def test_a_slow_reader_is_enough():
    file = io.BytesIO(HEADER)
    assert decode_header(lambda size: file.read(min(size, 7))).record == RECORD


def test_long_headers_grow_by_blocks():
    header = encode_header(RECORD, SNAPSHOT, BOX, {"note": "Ї" * 5000})
    assert len(header) == 4096 * 3
    assert decode_header(io.BytesIO(header).read).extra == {"note": "Ї" * 5000}


def test_another_patient_is_not_written():
    other = dataclasses.replace(SNAPSHOT, patient=Patient(patient_name="Інший", patient_id="2"))
    with pytest.raises(SnapshotMismatch):
        encode_header(RECORD, other, BOX, {})


@pytest.mark.parametrize("extra", [{"a": float("nan")}, {"a": "x" * (5 << 20)}, {"a": "\ud800"}])
def test_what_json_cannot_hold_is_not_written(extra):
    with pytest.raises(ValueError):
        encode_header(RECORD, SNAPSHOT, BOX, extra)


@given(at=st.integers(0, 4095), change=st.integers(1, 255))
def test_any_changed_byte_is_noticed(at, change):
    damaged = bytearray(HEADER)
    damaged[at] ^= change
    with pytest.raises(SpoolDamaged):
        decode_header(io.BytesIO(bytes(damaged)).read)


@given(st.integers(0, 4095))
def test_any_missing_end_is_noticed(length):
    with pytest.raises(SpoolDamaged):
        decode_header(io.BytesIO(HEADER[:length]).read)


@given(st.binary(max_size=200), st.booleans())
def test_foreign_bytes_are_only_damaged(content, begins_well):
    with pytest.raises(SpoolDamaged):
        decode_header(io.BytesIO((b"MODALITY-AGENT-FRAME 1 " if begins_well else b"") + content).read)


def sealed(plain, **changes):
    """A header with a right checksum and wrong content: written by another hand."""
    body = json.dumps({**plain, **changes}).encode().ljust(8191 - 97) + b"\n"
    return b"MODALITY-AGENT-FRAME 1 00008192 " + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


PLAIN = json.loads(HEADER.split(b"\n", 1)[1])
OTHER = {**PLAIN["snapshot"], "patient": {**PLAIN["snapshot"]["patient"], "patient_name": "Інший"}}


def test_sealed_is_right():
    assert decode_header(io.BytesIO(sealed(PLAIN)).read).record == RECORD


@pytest.mark.parametrize(
    "changes",
    [
        {"snapshot": OTHER},
        {"more": 1},
        {"extra": []},
        {"record": {}},
        {"record": {**PLAIN["record"], "rows": "1"}},
        {"equipment": None},
    ],
)
def test_wrong_content_is_refused(changes):
    with pytest.raises(SpoolDamaged) as caught:
        decode_header(io.BytesIO(sealed(PLAIN, **changes)).read)
    assert "Інший" not in str(caught.value)
