"""A lost or damaged database comes back from the files of the pictures: everything held, nothing lost, nothing sent."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import DatabaseDamaged, IdentityBlocked
from agent.frame_file import encode_header
from agent.lifecycle import ExamState, FrameState
from agent.model import IdentitySnapshot
from agent.rebuild import REBUILT, Rebuild, set_aside
from agent.recovery import BootScan
from agent.spool import Spool
from agent.store import Store
from agent.store.migrations import main, migrate
from agent.store.schema import STEPS
from tests.unit.core.test_core_store import EQUIPMENT, STAMP, frame, snapshot

PAYLOAD = b"abcd"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[tuple[Store, Spool]]:
    migrate(str(tmp_path / "db"))
    store = Store(tmp_path / "db")
    yield store, Spool(tmp_path / "spool")
    store.close()


def write(spool: Spool, number: int, who: IdentitySnapshot, exam_id: str = "e1", series: str = "2.25.9") -> str:
    digest = hashlib.sha256(PAYLOAD).hexdigest()
    record = replace(frame(number, exam_id, series), payload_sha256=digest, snapshot_digest=who.digest())
    extra = {"series_number": 3, "opened_at": "2026-11-24T09:00:00+02:00", "run_id": "r"}
    fd = os.memfd_create("payload")
    os.write(fd, PAYLOAD)
    try:
        spool.write_frame(record.frame_id, encode_header(record, who, EQUIPMENT, extra), fd, len(PAYLOAD))
    finally:
        os.close(fd)
    return record.frame_id


def test_exams_and_pictures_come_back_held(box: tuple[Store, Spool]) -> None:
    store, spool = box
    write(spool, 1, snapshot())
    write(spool, 2, snapshot())
    write(spool, 3, snapshot("UA-2", "2.25.2"), "e2", "2.25.77")
    report = Rebuild(store, spool, STAMP).run()
    assert (report.exams, report.frames, report.set_aside) == (2, 3, 0)
    exam = store.exams.get("e1")
    assert (exam.state, exam.reason, exam.series_number) == (ExamState.HELD, REBUILT, 3)
    assert exam.snapshot == snapshot()
    assert [f.state for f in store.frames.of_exam("e1")] == [FrameState.HELD] * 2
    assert store.frames.to_build(1e12, 60) == []
    assert [a["code"] for a in store.records.alarms()] == ["D-05"]
    assert Rebuild(store, spool, STAMP).run().exams == 0, "a crash repeats it"
    assert BootScan(store, spool, STAMP).run().adopted == []
    store.exams.apply("e1", "release", STAMP)
    assert store.frames.to_build(1e12, 60) == [], "each picture is looked at as well"
    store.frames.apply(frame(1).frame_id, "accept", STAMP)
    assert store.frames.to_build(1e12, 60) == [frame(1).frame_id]


def test_two_patients_in_one_study_are_not_believed(box: tuple[Store, Spool]) -> None:
    store, spool = box
    write(spool, 1, snapshot())
    lie = write(spool, 2, snapshot("UA-2"), "e2", "2.25.77")
    report = Rebuild(store, spool, STAMP).run()
    assert (report.frames, report.set_aside) == (1, 1)
    assert [f.name for f in spool.aside.iterdir()] == [f"{lie}.frm"]


def test_damage_is_set_aside(box: tuple[Store, Spool]) -> None:
    store, spool = box
    name = write(spool, 1, snapshot())
    path = spool.frames / f"{name}.frm"
    path.write_bytes(path.read_bytes().replace(b"UA-1", b"UA-2"))
    assert Rebuild(store, spool, STAMP).run().set_aside == 1


def test_numbers_of_temporary_patients_go_on(box: tuple[Store, Spool]) -> None:
    store, spool = box
    write(spool, 1, replace(snapshot("TMP-US1-20261124100000-17"), study_id="MA17"))
    Rebuild(store, spool, STAMP).run()
    assert (store.records.next_number("emergency"), store.records.next_number("study")) == (18, 18)


def test_damage_of_the_database_is_known_as_such(tmp_path: Path) -> None:
    path = tmp_path / "db"
    path.write_bytes(b"this is no database" * 1000)
    assert main(str(path)) == 4
    migrate(str(tmp_path / "whole"))
    whole = bytearray((tmp_path / "whole").read_bytes())
    whole[4096:12288] = bytes(8192)
    path.write_bytes(whole)
    with pytest.raises(DatabaseDamaged):
        Store(path).close()
    kept = set_aside(path, "run-1")
    assert kept.read_bytes() == bytes(whole)
    assert not path.exists()


def test_a_database_of_the_first_schema_is_carried_over(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with sqlite3.connect(path) as old:
        for statement in STEPS[0]:
            old.execute(statement)
        old.execute("CREATE TABLE _sqlite_migrations (migration_set TEXT, name TEXT, applied_at TEXT)")
        old.execute("INSERT INTO _sqlite_migrations VALUES ('modality-agent', 'step_001', '2026-11-23')")
        old.execute("PRAGMA user_version = 1")
        old.execute(
            "INSERT INTO exam VALUES ('e1','us1','released','','unscheduled','',?,?,?,'k','2.25.1','2.25.9',1,"
            "'2026-11-23T10:00:00+02:00',0,'r','',NULL)",
            (snapshot().canonical(), snapshot().digest(), "{}"),
        )
        old.execute("DROP TRIGGER frame_needs_an_open_exam")
        old.execute("INSERT INTO frame VALUES ('f1','e1','built','','2.25.5','2.25.9',1,'t','x',4,'{}','2026')")
        old.execute("INSERT INTO sop_instance VALUES ('f1','1.2','2.25.5','1.2.840.10008.1.2.1',9,'h','2026')")
        old.execute(
            "INSERT INTO job VALUES (7,'store','pacs','e1','f1','pending',5.0,2,1,'','0xC000','w','2026','')"
        )
        old.execute("INSERT INTO attempt VALUES (1,7,'2026','r','response','retry','0xC000','w','destination','',0)")
    old.close()
    assert migrate(str(path)) == 1
    store = Store(path)
    (job,) = store.jobs.claim("pacs", 5, 1800, STAMP)
    assert (job.job_id, job.frame_id, job.attempts, job.instance_tries, job.size) == (7, "f1", 3, 1, 9)
    assert len(store.jobs.attempts(7)) == 1
    store.close()


def test_identity_blocks_what_another_patient_owns(box: tuple[Store, Spool]) -> None:
    store, _ = box
    record = frame(1)
    told = {"opened_at": "x", "series_number": 1, "reason": REBUILT}
    assert store.exams.bring_back(record, snapshot(), EQUIPMENT, told, STAMP)
    other = replace(record, exam_id="e2", series_instance_uid="2.25.77")
    with pytest.raises(IdentityBlocked):
        store.exams.bring_back(other, snapshot("UA-2"), EQUIPMENT, told, STAMP)
