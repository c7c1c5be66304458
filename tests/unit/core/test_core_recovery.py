"""The boot scan: files without rows, rows without files, files that lie."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.frame_file import encode_header
from agent.lifecycle import FrameState
from agent.recovery import FOUND, BootScan
from agent.spool import Spool
from agent.store import Store
from agent.store.migrations import migrate
from tests.unit.core.test_core_store import EQUIPMENT, STAMP, frame, open_exam, snapshot

PAYLOAD = b"abcd"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[tuple[Store, Spool]]:
    migrate(str(tmp_path / "db"))
    store = Store(tmp_path / "db")
    open_exam(store)
    yield store, Spool(tmp_path / "spool")
    store.close()


def write(spool: Spool, number: int, exam_id: str = "e1") -> int:
    record = replace(frame(number, exam_id), payload_sha256=hashlib.sha256(PAYLOAD).hexdigest())
    fd = os.memfd_create("payload")
    os.write(fd, PAYLOAD)
    try:
        return spool.write_frame(record.frame_id, encode_header(record, snapshot(), EQUIPMENT, {}), fd, len(PAYLOAD))
    finally:
        os.close(fd)


def test_a_file_without_a_row_is_adopted_and_held(box: tuple[Store, Spool]) -> None:
    store, spool = box
    write(spool, 1)
    report = BootScan(store, spool, STAMP).run()
    (found,) = store.frames.of_exam("e1")
    assert (found.state, found.reason) == (FrameState.HELD, FOUND)
    assert report.adopted == [frame(1).frame_id]
    assert BootScan(store, spool, STAMP).run().adopted == []


def test_a_file_of_an_unknown_exam_or_with_damage_is_set_aside(box: tuple[Store, Spool]) -> None:
    store, spool = box
    write(spool, 1, "nobody")
    write(spool, 2)
    path = spool.frames / f"{frame(2).frame_id}.frm"
    path.write_bytes(path.read_bytes()[:-1])
    report = BootScan(store, spool, STAMP).run()
    assert sorted(report.set_aside) == [frame(1).frame_id, frame(2).frame_id]
    assert len(list(spool.aside.iterdir())) == 2
    assert store.frames.of_exam("e1") == []
    assert len(store.records.alarms()) == 2


def test_a_row_without_its_file_raises_an_alarm(box: tuple[Store, Spool]) -> None:
    store, spool = box
    store.frames.commit(frame(1), write(spool, 1), STAMP)
    store.frames.commit(frame(2), write(spool, 2), STAMP)
    (spool.frames / f"{frame(1).frame_id}.frm").unlink()
    report = BootScan(store, spool, STAMP).run()
    assert report.missing == [frame(1).frame_id]
    assert [f.state for f in store.frames.of_exam("e1")] == [FrameState.HELD, FrameState.CAPTURED]
    assert store.records.alarms()[0]["code"] == "D-04"


def test_unfinished_files_go_away(box: tuple[Store, Spool]) -> None:
    store, spool = box
    (spool.incoming / f"{frame(1).frame_id}.part").write_bytes(b"half")
    assert BootScan(store, spool, STAMP).run().unfinished_removed == 1
    assert list(spool.incoming.iterdir()) == []
