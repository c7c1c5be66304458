"""What the database forbids by itself: frames without an open exam, changed identities, two patients in a study."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent import errors
from agent.errors import Blame
from agent.model import BuiltObject, Equipment, ExamKind, FrameRecord, IdentitySnapshot, Patient, Route
from agent.outcome import Action, Outcome, Phase
from agent.store import Stamp, Store
from agent.store.copying import versions_of
from agent.store.groups import CHOSEN, COUNTS
from agent.store.jobs import CLAIM, NEXT_DUE, RESCUE, UNSENT_BY_DESTINATION
from agent.store.migrations import migrate, readable
from agent.store.schema import READABLE_FROM, SCHEMA_VERSION

STAMP = Stamp(at="2026-11-24T10:00:00+02:00", unix=1000.0, run_id="run-1")
EQUIPMENT = Equipment(source="us1", modality="US", conversion_type="DV")


def snapshot(patient_id: str = "UA-1", study: str = "2.25.1") -> IdentitySnapshot:
    patient = Patient(patient_name="Ґалаґан^Їванна", patient_id=patient_id)
    return IdentitySnapshot(kind=ExamKind.UNSCHEDULED, patient=patient, study_instance_uid=study, study_id="1")


def frame(number: int, exam_id: str = "e1", series: str = "2.25.9") -> FrameRecord:
    return FrameRecord(
        frame_id=f"00000000-0000-4000-8000-{number:012d}",
        exam_id=exam_id,
        snapshot_digest=snapshot().digest(),
        sop_instance_uid=f"2.25.10{number}",
        series_instance_uid=series,
        instance_number=number,
        rows=2,
        columns=2,
        samples_per_pixel=1,
        bits_allocated=8,
        bits_stored=8,
        photometric_interpretation="MONOCHROME2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        payload_size=4,
        payload_sha256="0" * 64,
        trigger_id=f"press-{number}",
    )


def open_exam(store: Store, exam_id: str = "e1", source: str = "us1", **of: str) -> None:
    store.exams.open(exam_id, source, snapshot(**of), EQUIPMENT, f"2.25.{9 if exam_id == 'e1' else 77}", 0, STAMP)


def built(store: Store, number: int, routes: tuple[Route, ...] = (Route("pacs"),), exam_id: str = "e1") -> None:
    record = frame(number, exam_id, "2.25.9" if exam_id == "e1" else "2.25.77")
    store.frames.commit(record, 4, STAMP)
    made = BuiltObject(
        frame_id=record.frame_id,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.7",
        sop_instance_uid=record.sop_instance_uid,
        transfer_syntax_uid=record.transfer_syntax_uid,
        size=10,
        sha256="1" * 64,
    )
    store.frames.built(made, routes, STAMP)


def test_a_frame_needs_the_exam_that_is_open_in_the_same_transaction(store: Store) -> None:
    open_exam(store)
    store.frames.commit(frame(1), 4, STAMP)
    store.exams.finish("e1", 1060.0, STAMP)
    with pytest.raises(errors.ExamClosed):
        store.frames.commit(frame(2), 4, STAMP)
    assert [f.record.instance_number for f in store.frames.of_exam("e1")] == [1]


def test_an_identity_never_changes(store: Store, path: Path) -> None:
    open_exam(store)
    store.frames.commit(frame(1), 4, STAMP)
    with sqlite3.connect(path) as other:
        for change in ("UPDATE exam SET snapshot = '{}'", "UPDATE exam SET patient_key = 'x'"):
            with pytest.raises(sqlite3.IntegrityError, match="frozen"):
                other.execute(change)
        with pytest.raises(sqlite3.IntegrityError, match="frozen"):
            other.execute("UPDATE frame SET exam_id = 'other'")
    other.close()


def test_one_study_has_one_patient_and_one_source_one_open_exam(store: Store) -> None:
    open_exam(store)
    with pytest.raises(errors.AnotherExamOpen):
        open_exam(store, "e2", study="2.25.2")
    with pytest.raises(errors.IdentityBlocked):
        open_exam(store, "e2", source="us2", patient_id="UA-2")


def test_one_press_one_image_one_uid(store: Store) -> None:
    open_exam(store)
    store.frames.commit(frame(1), 4, STAMP)
    for twin in (replace(frame(2), trigger_id="press-1"), replace(frame(2), sop_instance_uid="2.25.101")):
        with pytest.raises(errors.StorageError):
            store.frames.commit(twin, 4, STAMP)


def test_a_lease_of_an_older_run_returns_and_sent_needs_a_status(store: Store) -> None:
    open_exam(store)
    built(store, 1)
    (job,) = store.jobs.claim("pacs", 10, 1800, STAMP)
    assert store.jobs.claim("pacs", 10, 1800, STAMP) == []
    failed = Outcome(phase=Phase.TCP, action=Action.RETRY_LATER, code="refused", words="w", blame=Blame.DESTINATION)
    with pytest.raises(ValueError, match="status"):
        store.jobs.settle(job, "sent", failed, 0.0, STAMP)
    assert store.jobs.release_leases(STAMP) == 0
    assert store.jobs.release_leases(replace(STAMP, run_id="run-2")) == 1
    (again,) = store.jobs.claim("pacs", 10, 1800, replace(STAMP, run_id="run-2"))
    assert again.attempts == 2


def test_a_clock_that_jumped_back_strands_no_job(store: Store) -> None:
    open_exam(store)
    built(store, 1)
    earlier = replace(STAMP, unix=STAMP.unix - 10 * 365 * 86400)
    assert len(store.jobs.claim("pacs", 10, 1800, earlier)) == 1


def test_the_claim_only_searches(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        values = {"run_id": "r", "destination": "d", "now": 1.0, "limit": 5, "retried": 0, "horizon": 9.0, "name": "d"}
        plans = {
            name: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", values)]
            for name, query in {"claim": CLAIM, "rescue": RESCUE, "next due": NEXT_DUE}.items()
        }
    connection.close()
    for name, plan in plans.items():
        assert [step for step in plan if "SEARCH job" in step], name
        assert not [step for step in plan if "SCAN job" in step or "TEMP B-TREE" in step], plan


def test_the_queue_is_counted_from_indexes(path: Path) -> None:
    """Every page shows how much waits: ten thousand rows must not be read one by one for it."""
    with sqlite3.connect(path) as connection:
        marked = {name: query.format(marks="?") for name, query in {"chosen": CHOSEN, "counts": COUNTS}.items()}
        plans = {
            name: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", ("x",) * query.count("?"))]
            for name, query in {**marked, "unsent": UNSENT_BY_DESTINATION}.items()
        }
    connection.close()
    assert {name: plan[0].split(" INDEX ")[-1].split(" ")[0] for name, plan in plans.items()} == {
        "chosen": "job_group", "counts": "job_group", "unsent": "job_unsent",
    }  # fmt: skip


def test_a_queue_in_which_nothing_ever_was_has_no_groups(store: Store) -> None:
    assert store.groups.newest(50) == []
    assert store.groups.of("nothing of it was queued") is None


def test_who_looks_into_the_database_and_goes_takes_nothing_away(path: Path, store: Store) -> None:
    """A descriptor of the file that is closed in our process drops the writer's lock; then the WAL is removed."""
    look = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(*c.execute(sys.argv[2]).fetchone()); c.close()"

    def events() -> int:
        argv = [sys.executable, "-c", look, str(path), "SELECT count(*) FROM event"]
        return int(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)

    before = events()
    for number in (1, 2, 3):
        store.records.note("test", "subject", "seen", "", str(number), STAMP)
        assert events() == before + number


def test_a_newer_schema_is_not_touched(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("PRAGMA application_id = 98")
    connection.close()
    with pytest.raises(errors.SchemaTooNew):
        Store(path)
    assert migrate(str(path)) == 99
    assert not readable(str(path))


def test_a_newer_schema_that_says_it_may_be_read_is_used_and_left_as_it_is(path: Path) -> None:
    """An update that fell back: the old software works on with what the new one made of the database."""
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE exam ADD COLUMN from_the_future TEXT NOT NULL DEFAULT ''")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        connection.execute(f"PRAGMA application_id = {SCHEMA_VERSION}")
    connection.close()
    assert migrate(str(path)) == SCHEMA_VERSION + 1
    assert readable(str(path))
    store = Store(path)
    store.close()
    assert versions_of(path) == (SCHEMA_VERSION + 1, SCHEMA_VERSION)


def test_a_database_says_from_which_schema_on_it_is_read(path: Path) -> None:
    assert versions_of(path) == (SCHEMA_VERSION, READABLE_FROM[SCHEMA_VERSION])
