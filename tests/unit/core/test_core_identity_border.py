"""The lines of B6 that the database itself holds: no picture without a study, no damaged identity, nothing changed."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from agent import errors
from agent.model import ExamKind, IdentitySnapshot, Patient
from agent.store import Store
from tests.unit.core.test_core_store import EQUIPMENT, STAMP, frame, open_exam, snapshot


def of(**values: str) -> IdentitySnapshot:
    patient = Patient(**{"patient_name": "Ґалаґан^Їванна", "patient_id": "UA-1", **values})
    return IdentitySnapshot(kind=ExamKind.UNSCHEDULED, patient=patient, study_instance_uid="2.25.1", study_id="1")


def opened(store: Store, of_whom: IdentitySnapshot) -> None:
    store.exams.open("e1", "us1", of_whom, EQUIPMENT, "2.25.9", 0, STAMP)


@pytest.mark.parametrize("mark", ["?", "\ufffd"])
@pytest.mark.parametrize("name", ["patient_name", "patient_id", "issuer_of_patient_id", "patient_birth_date"])
def test_b6_7_a_mark_of_a_failed_character_set_is_no_identity(store: Store, name: str, mark: str) -> None:
    with pytest.raises(errors.IdentityBlocked):
        opened(store, of(**{name: f"A{mark}B"}))
    assert store.exams.recent() == []


def test_b6_7_nor_in_an_accession_number(store: Store) -> None:
    with pytest.raises(errors.IdentityBlocked):
        opened(store, replace(of(), accession_number="ACC?1"))


@pytest.mark.parametrize("empty", ["", "  "])
def test_b6_7_an_exam_without_a_patient_id_cannot_be_opened(store: Store, empty: str) -> None:
    with pytest.raises(errors.IdentityBlocked):
        opened(store, of(patient_id=empty))


def test_b6_7_one_that_is_held_without_a_patient_id_is_never_released(store: Store) -> None:
    nameless = of(patient_id="")
    record = replace(frame(1), snapshot_digest=nameless.digest())
    told = {"reason": "found", "series_number": 1, "opened_at": STAMP.at}
    assert store.exams.bring_back(record, nameless, EQUIPMENT, told, STAMP)
    with pytest.raises(errors.IdentityBlocked):
        store.exams.apply("e1", "release", STAMP)
    assert store.exams.apply("e1", "discard", STAMP, reason="nobody knows").state == "discarded"


def test_b6_1_no_exam_without_a_study_and_no_picture_without_an_exam(store: Store, path: Path) -> None:
    with pytest.raises(errors.StorageError):
        opened(store, replace(of(), study_instance_uid=""))
    opened(store, of())
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA foreign_keys = ON")
        for exam_id in (None, "no such exam"):
            with pytest.raises(sqlite3.IntegrityError):
                other.execute(
                    "INSERT INTO frame (frame_id, exam_id, state, sop_instance_uid, series_instance_uid,"
                    " instance_number, trigger_id, payload_sha256, file_size, record, captured_at)"
                    " VALUES ('f', ?, 'held', '2.25.3', '2.25.9', 1, 't', '', 0, '{}', '')",
                    (exam_id,),
                )
    other.close()


def test_b6_1_a_picture_is_of_the_series_of_its_exam(store: Store) -> None:
    open_exam(store)
    with pytest.raises(errors.StorageError):
        store.frames.commit(frame(1, series="2.25.4711"), 4, STAMP)
    assert store.frames.of_exam("e1") == []


def test_b6_2_a_snapshot_never_changes(store: Store, path: Path) -> None:
    open_exam(store)
    store.frames.commit(frame(1), 4, STAMP)
    with sqlite3.connect(path) as other:
        for column in ("snapshot", "snapshot_sha256", "patient_key", "study_instance_uid", "series_instance_uid"):
            with pytest.raises(sqlite3.IntegrityError, match="frozen"):
                other.execute(f"UPDATE exam SET {column} = 'x'")
    other.close()
    assert store.exams.get("e1").snapshot_sha256 == snapshot().digest()


def test_b6_4_two_patients_are_never_in_one_study(store: Store) -> None:
    open_exam(store)
    with pytest.raises(errors.IdentityBlocked):
        open_exam(store, "e2", source="us2", patient_id="UA-2")


def test_an_object_is_never_dated_again(store: Store, path: Path) -> None:
    open_exam(store)
    store.frames.commit(frame(1), 4, STAMP)
    name = frame(1).frame_id
    store.dates.date({name: "2026-11-24T10:00:00+02:00"}, "instant", STAMP, held_by="T-01")
    assert store.frames.get(name).record.acquired_at == "2026-11-24T10:00:00+02:00"
    with sqlite3.connect(path) as other:
        other.execute("INSERT INTO sop_instance VALUES (?, '1', '2.25.101', '1', 1, '', '')", (name,))
    other.close()
    with pytest.raises(errors.StorageError):
        store.dates.date({name: "2026-11-25T10:00:00+02:00"}, "instant", STAMP, held_by="T-01")
    assert store.frames.get(name).record.acquired_at == "2026-11-24T10:00:00+02:00"
