"""How soon a box is usable after a crash when it holds much: `python -m tests.system.crash_test` (promise P6).

A real box is made to hold thousands of spooled, unsent objects and a database of a million rows; it is killed while an
exam is open, the files are pushed out of the page cache, and it is started again. Usable means: it answers, and a
picture is durable. The last line says how long that took.
"""

from __future__ import annotations

import argparse
import os
import socket
import sqlite3
import sys
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from agent.cli.client import NotRunning
from agent.errors import AgentError
from tests.system.world import PAUSE, Box, toml_for_peer, wait_for

LIMIT_S = 60.0
OF_AN_EXAM = 20
UNFINISHED, LEASED = 100, 50
"""Files that a crash left half written, and jobs that were running."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Seconds from the start of the process."""

    objects: int
    rows: int
    database_mb: float
    ready_s: float
    captured_s: float


def held(folder: Path, objects: int, rows: int) -> Box:
    """Make a box below `folder` that holds so much, stopped as by a crash."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        box = Box(folder, toml_for_peer(nobody.getsockname()[1], first_retry_s=3600, longest_retry_s=3600))
        box.start()
        (uid,) = box.emergency(1)
        wait_for("in the queue", lambda: box.job(uid))
        assert box.stop() == 0
        _multiply(box, objects, rows)
        box.start(ready=False)
        wait_for("it serves", lambda: _answers(box), 4 * LIMIT_S)
        box.post("/exams/emergency", {"source": "us1"})
        with suppress(AgentError):
            box.capture("the last before the crash")
        box.kill()
    return box


def _answers(box: Box) -> bool:
    with suppress(NotRunning, AgentError):
        return bool(box.get("/status"))
    return False


def _multiply(box: Box, objects: int, rows: int) -> None:
    spool = box.data / "spool"
    (frame,) = (spool / "frames").glob("*.frm")
    (made,) = (spool / "objects").glob("*.dcm")
    with closing(sqlite3.connect(box.data / "agent.sqlite3", isolation_level=None)) as database:
        database.execute("BEGIN")
        for number in range(objects - 1):
            _picture(database, frame.stem, number)
            name = _uuid(number)
            os.link(frame, spool / "frames" / f"{name}.frm")
            os.link(made, spool / "objects" / f"{name}.dcm")
        have = 3 * objects
        attempts = max(0, rows - have) // 5
        database.execute(_ATTEMPTS, (attempts,))
        database.execute(_EVENTS, (max(0, rows - have - attempts),))
        leased = f"SELECT job_id FROM job LIMIT {LEASED}"
        database.execute(f"UPDATE job SET state = 'running', run_id = 'older' WHERE job_id IN ({leased})")
        database.execute("COMMIT")
    for number in range(UNFINISHED):
        (spool / "incoming" / f"{_uuid(objects + number)}.part").write_bytes(b"half")


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]


def _copy(database: sqlite3.Connection, table: str, where: str, changed: dict[str, str]) -> None:
    columns = [c for c in _columns(database, table) if c != "job_id"]
    values = ", ".join(changed.get(c, c) for c in columns)
    database.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE {where}")


def _picture(database: sqlite3.Connection, frame_id: str, number: int) -> None:
    """Add one picture as the first one is, in an exam of twenty."""
    exam, name = f"'exam-{number // OF_AN_EXAM}'", f"'{_uuid(number)}'"
    uid, series = f"'2.25.1{number:09d}'", f"'2.25.2{number // OF_AN_EXAM:09d}'"
    first = f"frame_id = '{frame_id}'"
    if number % OF_AN_EXAM == 0:
        of_first = f"exam_id = (SELECT exam_id FROM frame WHERE {first})"
        _copy(database, "exam", of_first, {"exam_id": exam, "series_instance_uid": series})
    record = (
        f"json_set(record, '$.frame_id', {name}, '$.exam_id', {exam}, '$.sop_instance_uid', {uid},"
        f" '$.series_instance_uid', {series}, '$.trigger_id', {name}, '$.instance_number', {number % OF_AN_EXAM + 1})"
    )
    own = {"frame_id": name, "exam_id": exam, "sop_instance_uid": uid, "subject": name}
    _copy(database, "frame", first, {
        **own, "series_instance_uid": series, "trigger_id": name, "record": record,
        "instance_number": str(number % OF_AN_EXAM + 1),
    })  # fmt: skip
    _copy(database, "sop_instance", first, own)
    _copy(database, "job", first, own)


_ATTEMPTS = """INSERT INTO attempt (job_id, at, run_id, phase, action, code, words, blame)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    SELECT 1 + i % (SELECT count(*) FROM job), '2026-11-24T10:00:00.000+02:00', 'older', 'tcp', 'retry later',
        'refused', 'The archive''s computer answers, but nothing listens on that port.', 'destination' FROM n"""
_EVENTS = """INSERT INTO event (at, run_id, machine, subject, event, before, after, code, who)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    SELECT '2026-11-24T10:00:00.000+02:00', 'older', 'job', i / 20, 'claim', 'pending', 'running', '', '' FROM n"""


def forget(folder: Path) -> None:
    """Push every file below `folder` out of the page cache, as after a power cut."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            fd = os.open(path, os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def measure(folder: Path, objects: int, rows: int) -> Figures:
    """Kill a box that holds so much and return how soon it is usable again."""
    box = held(folder, objects, rows)
    forget(box.folder)
    size = sum(path.stat().st_size for path in box.data.glob("agent.sqlite3*"))
    began = monotonic()
    box.start(ready=False)
    try:
        wait_for("it answers", lambda: _answers(box), 4 * LIMIT_S)
        ready = monotonic() - began
        wait_for("a picture", lambda: _captured(box), 4 * LIMIT_S)
        captured = monotonic() - began
        scan = box.text().rsplit("boot scan", 1)[1]
        assert "after_crash=1" in scan
        assert box.get("/status")["unsent"] >= objects
        assert "missing=0" in scan, "nothing that was acknowledged is gone"
    finally:
        box.stop()
    return Figures(objects=objects, rows=rows, database_mb=size / 1e6, ready_s=ready, captured_s=captured)


def _captured(box: Box) -> bool:
    with suppress(AgentError, NotRunning):
        view = next(s for s in box.get("/sources"))
        if view["exam_id"]:
            box.post(f"/exams/{view['exam_id']}/resume")
        else:
            box.post("/exams/emergency", {"source": "us1"})
        return bool(box.capture("after the crash"))
    PAUSE.wait(0.1)
    return False


def main(objects: int = 10_000, rows: int = 1_000_000) -> int:
    """Measure once, print the figures and return 0 when it was soon enough."""
    with tempfile.TemporaryDirectory() as folder:
        told = measure(Path(folder) / "box", objects, rows)
    print(
        f"crash start: {told.objects} spooled objects, {told.rows} rows ({told.database_mb:.0f} MB): "
        f"ready {told.ready_s:.1f} s, first picture durable {told.captured_s:.1f} s (limit {LIMIT_S:.0f} s)"
    )
    return 0 if told.captured_s <= LIMIT_S else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    sys.exit(main(given.objects, given.rows))
