"""A disk that fails, fills up or turns read-only: no false tick, nothing acknowledged is lost, the queue drains."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent import errors
from agent.cli.client import NotRunning
from tests.system.world import Box, Sandbox, box_in, toml_for, wait_for


@contextmanager
def injected(box: Box, rule: str, log: Path) -> Iterator[None]:
    """Make system calls of the running core fail as `rule` says, by strace."""
    assert box.process is not None
    line = ["strace", "-f", "-qq", "-p", str(box.process.pid), "-e", "trace=all", "-o", str(log)]
    line += ["-e", f"inject={rule}"]
    tracer = subprocess.Popen(line, stderr=subprocess.DEVNULL)
    try:
        wait_for("strace is attached", lambda: log.exists() and log.stat().st_size > 0, 10)
        yield
    finally:
        tracer.terminate()
        tracer.wait(timeout=10)


FAILING = {
    "fsync": "fsync:error=EIO",
    "WAL fsync": "fdatasync:error=EIO",
    "rename": "rename:error=EIO",
    "write": "sendfile:error=EIO",
    "read-only": "sendfile,rename,pwrite64,unlink,ftruncate:error=EROFS",
}


NO_TICK = (errors.StorageError, NotRunning, errors.ChildDied, errors.ChildBroken)
"""The capture meets the disk itself, or the service that ends because another write met it first."""


@pytest.mark.parametrize("rule", FAILING.values(), ids=FAILING)
def test_a_disk_that_fails_gives_no_tick_and_ends_the_service(sandbox: Sandbox, tmp_path: Path, rule: str) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox, undo_window_s=60)) as box:
        assert box.process is not None
        exam = box.open_exam("Ґалаґан")
        kept = box.capture("before")
        with injected(box, rule, tmp_path / "trace"), pytest.raises(NO_TICK):
            box.capture("while it fails")
        assert box.process.wait(timeout=20) == 70, "the service does not trust that disk any more"
        box.stop()
        box.start()
        frames = box.get(f"/exams/{exam['exam_id']}")["frames"]
        states = {f["frame_id"]: f["state"] for f in frames}
        assert states.pop(kept["frame_id"]) == "captured"
        assert set(states.values()) <= {"held"}, "what came to nothing is at most held for a person"
        box.post(f"/exams/{exam['exam_id']}/resume")
        box.capture("after")


@pytest.mark.parametrize("rule", ["pwrite64:error=ENOSPC", "sendfile:error=ENOSPC"])
def test_no_space_refuses_in_words_and_goes_on(sandbox: Sandbox, tmp_path: Path, rule: str) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox, undo_window_s=60)) as box:
        exam = box.open_exam("Ґалаґан")
        box.capture("before")
        with injected(box, rule, tmp_path / "trace"), pytest.raises(errors.DiskFull):
            box.capture("while it is full")
        box.capture("after")
        assert box.get(f"/exams/{exam['exam_id']}")["captured"] == 2
        box.post(f"/exams/{exam['exam_id']}/finish")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 140 MB (needs root, as CI has)."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=140m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def box_on(folder: Path, sandbox: Sandbox, tmp_path: Path) -> Box:
    toml = toml_for(sandbox).replace('data_dir = "data"', f'data_dir = "{folder}/data"')
    box = Box(tmp_path / "box", toml + "\n[delivery]\nminimum_free_mb = 50\nfirst_retry_s = 0.5\nlongest_retry_s = 1\n")
    box.data = folder / "data"
    return box


def test_a_disk_without_one_free_byte_still_drains_the_queue(
    sandbox: Sandbox, tmp_path: Path, small_disk: Path
) -> None:
    box = box_on(small_disk, sandbox, tmp_path)
    box.start()
    try:
        sandbox.faults(refuse_association="1-1-1")
        exam = box.open_exam("Ґалаґан")
        for number in range(5):
            box.capture(f"press-{number}")
        box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("queued", lambda: len(box.jobs()) == 5)
        fill(small_disk / "filler")
        sandbox.faults()
        wait_for("sent", box.all_sent, 30)
        assert len({r.sop_instance_uid for r in sandbox.received()}) == 5
    finally:
        sandbox.faults()
        box.stop()


def fill(path: Path) -> None:
    with pytest.raises(OSError, match="No space"), path.open("wb", buffering=0) as filler:  # noqa: PT012
        while True:
            filler.write(bytes(4096))


@pytest.mark.parametrize("damage", ["deleted", "overwritten", "no database"])
def test_a_lost_database_is_rebuilt_and_nothing_is_sent_by_itself(
    sandbox: Sandbox, tmp_path: Path, damage: str
) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox, undo_window_s=60)) as box:
        exam = box.open_exam("Ґалаґан")
        uids = {box.capture(f"{n}")["sop_instance_uid"] for n in range(2)}
        box.stop()
        path = box.data / "agent.sqlite3"
        with sqlite3.connect(path) as closing:
            closing.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        closing.close()
        if damage == "deleted":
            path.unlink()
        else:
            data = bytearray(path.read_bytes())
            data[4096:40960] = b"\xff" * 36864
            path.write_bytes(data if damage == "overwritten" else b"nonsense" * 9000)
        box.start()
        found = box.get(f"/exams/{exam['exam_id']}")
        assert (found["state"], found["patient"]) == ("held", exam["patient"])
        assert {f["sop_instance_uid"]: f["state"] for f in found["frames"]} == dict.fromkeys(uids, "held")
        assert "D-05" in [a["code"] for a in box.get("/status")["alarms"]]
        assert damage == "deleted" or list(box.data.glob("agent.sqlite3.damaged-*"))
        assert box.jobs() == []
        box.post(f"/exams/{exam['exam_id']}/release")
        for frame in found["frames"]:
            box.post(f"/frames/{frame['frame_id']}/accept")
        wait_for("sent once a person said so", box.all_sent, 30)
        assert uids <= {r.sop_instance_uid for r in sandbox.received()}
        assert re.search(r"rebuilt", box.text())
