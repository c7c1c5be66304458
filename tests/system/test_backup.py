"""A backup of the running service, the box lost or gone on, and the way back: nothing lost, nothing sent by itself."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from agent import errors
from tests.system.test_health import command
from tests.system.world import PAUSE, Box, Sandbox, box_in, toml_for, wait_for

QUIET_S = 3.0


def lose(box: Box, *, spool: bool) -> None:
    """What a dead card leaves: nothing, or the pictures alone."""
    for file in box.data.iterdir():
        if file.name.startswith("agent.sqlite3"):
            file.unlink()
    if spool:
        shutil.rmtree(box.data)


def test_a_dead_box_comes_back_on_another_card_and_sends_nothing_by_itself(sandbox: Sandbox, tmp_path: Path) -> None:
    kept = tmp_path / "backup"
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        box.open_exam()
        box.capture("sent")
        exam = box.get("/sources")[0]["exam_id"]
        box.post(f"/exams/{exam}/finish")
        wait_for("delivery", box.all_sent)
        sandbox.faults(refuse_association=True)
        (unsent,) = box.emergency(1)
        wait_for("in the queue", lambda: box.job(unsent))
        box.post("/exams/emergency", {"source": "us1"})
        open_one = box.capture("open")["sop_instance_uid"]
        person = box.technician()
        said = command(box, "backup", str(kept))
        assert said.returncode == 0, said.stderr
        running = command(box, "restore", str(kept))
        assert (running.returncode, "is running" in running.stderr) == (75, True)
        box.capture("after the backup")
    received = {r.sop_instance_uid for r in sandbox.received()}
    lose(box, spool=True)
    sandbox.faults()
    said = command(box, "restore", str(kept))
    assert said.returncode == 0, said.stderr
    assert "1 exams, 1 pictures" in said.stdout
    box.start()
    try:
        PAUSE.wait(QUIET_S)
        assert {r.sop_instance_uid for r in sandbox.received()} == received, "nothing by itself"
        job = box.job(unsent)
        assert job is not None
        assert (job["state"], job["code"]) == ("held", "D-08")
        alarms = {a["code"] for a in box.get("/status")["alarms"]}
        assert "D-08" in alarms
        assert "D-04" not in alarms, "every picture of the backup is there"
        stolen = box.page()
        stolen.cookies = person.cookies
        with pytest.raises(errors.NotLoggedIn):
            stolen.api("GET", "/exams")
        assert command(box, "audit", "verify").returncode == 0
        held = next(e for e in box.get("/exams") if e["state"] == "held")
        assert [f["sop_instance_uid"] for f in box.get(f"/exams/{held['exam_id']}")["frames"]] == [open_one]
        box.post(f"/jobs/{job['job_id']}/retry")
        wait_for("a person sends it", lambda: unsent in {r.sop_instance_uid for r in sandbox.received()})
        again = box.post("/exams/emergency", {"source": "us1"})
        assert again["patient"]["patient_id"] not in {e["patient"]["patient_id"] for e in box.get("/exams")[1:]}
    finally:
        box.stop()


def test_what_came_after_the_backup_and_is_still_on_the_disk_is_held_and_not_lost(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        box.emergency(1)
        wait_for("delivery", box.all_sent)
        assert command(box, "backup", str(tmp_path / "backup"), "--without-pictures").returncode == 0
        (later,) = box.emergency(1)
        wait_for("delivery", box.all_sent)
        assert box.stop() == 0
        received = len(sandbox.received())
        refused = command(box, "restore", str(tmp_path / "backup"))
        assert (refused.returncode, "--replace" in refused.stderr) == (1, True)
        said = command(box, "restore", str(tmp_path / "backup"), "--replace")
        assert said.returncode == 0, said.stderr
        assert "held as well: 1 pictures" in said.stdout
        assert list(box.data.glob("agent.sqlite3.damaged-*")), "the old one is kept"
        box.start()
        PAUSE.wait(QUIET_S)
        frames = [f for e in box.get("/exams") for f in box.get(f"/exams/{e['exam_id']}")["frames"]]
        assert {f["sop_instance_uid"]: f["state"] for f in frames}[later] == "held"
        assert len(sandbox.received()) == received
        assert "D-04" not in {a["code"] for a in box.get("/status")["alarms"]}


def test_a_backup_that_is_not_whole_is_refused_and_nothing_is_changed(sandbox: Sandbox, tmp_path: Path) -> None:
    kept = tmp_path / "backup"
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        box.emergency(1)
        wait_for("delivery", box.all_sent)
        assert command(box, "backup", str(kept)).returncode == 0
        assert command(box, "backup", str(kept)).returncode == 1, "a folder of its own"
    lose(box, spool=False)
    manifest = json.loads((kept / "manifest.json").read_text())
    picture = next(name for name in manifest["files"] if name.endswith(".frm"))
    evil = partial(rewrite, kept, manifest, {"../../evil": [0, "0"]})
    changed = partial((kept / picture).write_bytes, b"x")
    for spoil in (changed, (kept / picture).unlink, (kept / "manifest.json").unlink, evil):
        spoil()
        said = command(box, "restore", str(kept))
        assert said.returncode == 1, said.stdout
        assert "D-09" in said.stderr
        assert not (box.data / "agent.sqlite3").exists()


def rewrite(kept: Path, manifest: dict[str, object], more: dict[str, object]) -> None:
    files = manifest["files"]
    assert isinstance(files, dict)
    (kept / "manifest.json").write_text(json.dumps({**manifest, "files": {**files, **more}}))


def test_a_backup_of_a_newer_version_is_refused_in_words(sandbox: Sandbox, tmp_path: Path) -> None:
    kept = tmp_path / "backup"
    with box_in(tmp_path / "box", toml_for(sandbox)) as box, closing(
        sqlite3.connect(box.data / "agent.sqlite3")
    ) as database:
        database.execute("PRAGMA user_version = 999")
        database.execute("PRAGMA application_id = 999")
        assert command(box, "backup", str(kept)).returncode == 0
        database.execute("PRAGMA user_version = 8")
        database.execute("PRAGMA application_id = 8")
    lose(box, spool=False)
    said = command(box, "restore", str(kept))
    assert said.returncode == 1
    assert "newer" in said.stderr.lower()
