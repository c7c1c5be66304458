"""Key Object Selection documents: conforming by dciodvfy and highdicom, naming exactly what they were told to."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import highdicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread

from agent.errors import ObjectCorrupt, ObjectInvalid, SnapshotMismatch
from agent.frame_file import encode_header
from agent.key_object import CID_7011, OF_INTEREST, QUALITY, SAFETY, TITLES, WRONG_WORKLIST_ENTRY, KeyObject, Reference
from agent.model import FrameRecord, IdentitySnapshot
from agent.objects import building
from agent.objects.family import BY_NAME, FAMILIES
from agent.sop_classes import KEY_OBJECT
from tests.unit.objects.exam_pictures import BOX, DCIODVFY, FACTS, NATIVE, SNAPSHOTS, never, run

PICTURES = "2.25.500000000000000000000000000000000001"
OTHER = "2.25.500000000000000000000000000000000002"
MPPS = "1.2.840.10008.3.1.2.3.3"


def references(*names: str, series: str = PICTURES) -> tuple[Reference, ...]:
    return tuple(
        Reference(sop_class_uid=BY_NAME[name].sop_class_uid, sop_instance_uid=f"2.25.7{number}",
                  series_instance_uid=series if BY_NAME[name].key_object is False else OTHER)
        for number, name in enumerate(names)
    )  # fmt: skip


def told(title: str = OF_INTEREST, **changes: object) -> KeyObject:
    value = KeyObject(
        title=title,
        references=references("vl-endoscopic", "secondary-capture", "encapsulated-pdf"),
        content_at="2026-11-23T08:10:00.5+00:00",
        reason="111210" if title == QUALITY else "",
        words="Неправильний запис робочого списку" if title != OF_INTEREST else "",
        series_number=7,
    )
    return dataclasses.replace(value, **changes)  # type: ignore[arg-type]


def a_record(snapshot: IdentitySnapshot) -> FrameRecord:
    return FrameRecord(
        frame_id="0d6f6a0e-0000-4000-8000-000000000009", exam_id="exam", snapshot_digest=snapshot.digest(),
        sop_instance_uid="2.25.900000000000000000000000000000000001",
        series_instance_uid="2.25.900000000000000000000000000000000002", instance_number=1, rows=0, columns=0,
        samples_per_pixel=0, bits_allocated=0, bits_stored=0, photometric_interpretation="",
        transfer_syntax_uid=NATIVE, payload_size=0, payload_sha256=hashlib.sha256(b"").hexdigest(),
        acquired_at="2026-11-23T08:10:00.5+00:00", sop_class_uid=KEY_OBJECT,
    )  # fmt: skip


def build(folder: Path, snapshot: IdentitySnapshot, what: KeyObject, facts=FACTS, verify_as: KeyObject | None = None):
    frame, target = folder / "k.frm", folder / "k.dcm"
    frame.write_bytes(encode_header(a_record(snapshot), snapshot, BOX, {}))
    with frame.open("rb") as f, target.open("wb") as t:
        building.build(f.fileno(), t.fileno(), facts, never, told=what)
    with frame.open("rb") as f, target.open("rb") as t:
        built = building.verify(f.fileno(), t.fileno(), never, told=verify_as or what)
    return target, built


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("who", SNAPSHOTS)
def test_documents_conform(who: str, title: str, tmp_path: Path) -> None:
    file, built = build(tmp_path, SNAPSHOTS[who], told(title))
    said = run(DCIODVFY, file, check=False)
    assert "Error" not in said, said
    assert "KeyObjectSelectionDocument" in said
    document = highdicom.ko.KeyObjectSelectionDocument.from_dataset(dcmread(file))
    assert [(str(r[2])) for r in (document.resolve_reference(x.sop_instance_uid) for x in told().references)] == [
        r.sop_instance_uid for r in told().references
    ]
    ds = dcmread(file)
    assert (ds.Modality, ds.SOPClassUID, built.sop_class_uid) == ("KO", KEY_OBJECT, KEY_OBJECT)
    assert ds.ConceptNameCodeSequence[0].CodeMeaning == TITLES[title]
    assert ds.PatientName == SNAPSHOTS[who].patient.patient_name
    assert ds.StudyInstanceUID == SNAPSHOTS[who].study_instance_uid
    assert built.size == file.stat().st_size
    assert built.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", [f.name for f in FAMILIES.values()])
def test_objects_of_every_family_can_be_named(name: str, tmp_path: Path) -> None:
    what = told(WRONG_WORKLIST_ENTRY, references=references(name))
    file, _ = build(tmp_path, SNAPSHOTS["scheduled"], what)
    assert "Error" not in run(DCIODVFY, file, check=False)
    (row,) = [r for r in dcmread(file).ContentSequence if "ReferencedSOPSequence" in r]
    assert row.ValueType == ("COMPOSITE" if name in ("encapsulated-pdf", "key-object-selection") else "IMAGE")


def test_the_step_and_the_reason_of_quality_are_named(tmp_path: Path) -> None:
    facts = dataclasses.replace(FACTS, performed_procedure_step_uid="2.25.42")
    file, _ = build(tmp_path, SNAPSHOTS["scheduled"], told(QUALITY), facts)
    assert "Error" not in run(DCIODVFY, file, check=False)
    ds = dcmread(file)
    (step,) = ds.ReferencedPerformedProcedureStepSequence
    assert (step.ReferencedSOPClassUID, step.ReferencedSOPInstanceUID) == (MPPS, "2.25.42")
    first = ds.ContentSequence[0]
    assert first.ConceptNameCodeSequence[0].CodeValue == "113011"
    assert first.ConceptCodeSequence[0].CodeMeaning == CID_7011["111210"]


@pytest.mark.parametrize(
    "wrong",
    [
        told(references=()),
        told(QUALITY, reason=""),
        told(QUALITY, reason="110514"),
        told(SAFETY, reason="111210"),
        told("113039"),
        told(references=references("secondary-capture") * 2),
        told(references=(dataclasses.replace(references("secondary-capture")[0],
                                             sop_instance_uid="2.25.900000000000000000000000000000000001"),)),
        told(SAFETY, words="a\x07b"),
    ],
)  # fmt: skip
def test_what_may_not_be_said_is_not_built(wrong: KeyObject, tmp_path: Path) -> None:
    with pytest.raises(ObjectInvalid):
        build(tmp_path, SNAPSHOTS["scheduled"], wrong)


@pytest.mark.parametrize(
    "other",
    [
        told(SAFETY),
        told(WRONG_WORKLIST_ENTRY, words="x"),
        told(WRONG_WORKLIST_ENTRY, references=references("vl-endoscopic", "secondary-capture")),
        told(WRONG_WORKLIST_ENTRY, references=tuple(dataclasses.replace(r, series_instance_uid=OTHER)
                                                    for r in told().references)),
    ],
)  # fmt: skip
def test_a_document_that_names_something_else_is_not_believed(other: KeyObject, tmp_path: Path) -> None:
    with pytest.raises(ObjectCorrupt):
        build(tmp_path, SNAPSHOTS["scheduled"], told(WRONG_WORKLIST_ENTRY), verify_as=other)


def test_a_document_of_another_patient_is_not_believed(tmp_path: Path) -> None:
    file, _ = build(tmp_path, SNAPSHOTS["scheduled"], told())
    frame = tmp_path / "other.frm"
    frame.write_bytes(encode_header(a_record(SNAPSHOTS["unscheduled"]), SNAPSHOTS["unscheduled"], BOX, {}))
    with frame.open("rb") as f, file.open("rb") as t, pytest.raises(SnapshotMismatch):
        building.verify(f.fileno(), t.fileno(), never, told=told())


def test_a_picture_is_told_no_key_object_and_a_document_needs_one(tmp_path: Path) -> None:
    frame = tmp_path / "k.frm"
    frame.write_bytes(encode_header(a_record(SNAPSHOTS["scheduled"]), SNAPSHOTS["scheduled"], BOX, {}))
    with frame.open("rb") as f, (tmp_path / "k.dcm").open("wb") as t, pytest.raises(ObjectInvalid):
        building.build(f.fileno(), t.fileno(), FACTS, never)


SOME = st.lists(
    st.tuples(st.sampled_from(sorted(FAMILIES)), st.integers(1, 2**100), st.integers(1, 4)),
    min_size=1, max_size=30, unique_by=lambda one: one[1],
)  # fmt: skip
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=60)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some=SOME, title=st.sampled_from(sorted(TITLES)), words=TEXT)
def test_whatever_is_named_is_named_exactly_once(tmp_path: Path, some, title: str, words: str) -> None:
    named = tuple(Reference(sop_class_uid=c, sop_instance_uid=f"2.25.{i}", series_instance_uid=f"1.2.{s}")
                  for c, i, s in some)  # fmt: skip
    file, _ = build(tmp_path, SNAPSHOTS["scheduled"], told(title, references=named, words=words))
    (study,) = dcmread(file).CurrentRequestedProcedureEvidenceSequence
    series = [s.SeriesInstanceUID for s in study.ReferencedSeriesSequence]
    assert len(series) == len(set(series))
    evidence = [(s.SeriesInstanceUID, i.ReferencedSOPClassUID, i.ReferencedSOPInstanceUID)
                for s in study.ReferencedSeriesSequence for i in s.ReferencedSOPSequence]  # fmt: skip
    assert sorted(evidence) == sorted((r.series_instance_uid, r.sop_class_uid, r.sop_instance_uid) for r in named)
