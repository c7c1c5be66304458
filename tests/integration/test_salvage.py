"""A box that died: its pictures taken out of its folder by the documented command, and stored at Orthanc once each."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from agent.clearing import SALVAGING
from tests import pki
from tests.integration.test_archives import destination, toml
from tests.peers.orthanc import Orthanc, orthanc
from tests.peers.process import program
from tests.system.test_health import command
from tests.system.world import PAUSE, Box, box_in, wait_for

NAME = "НЕВІДОМИЙ"
PATIENT = "Марчук^Ганна"


def salvage(folder: Path, to: Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-P", "-m", "agent.cli", "salvage", str(folder), str(to)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)


def report(to: Path) -> dict[str, Any]:
    return dict(json.loads((to / "report.json").read_text()))


def unscheduled(box: Box) -> str:
    patient = {"patient_name": PATIENT, "patient_id": "77", "patient_birth_date": "19610203", "patient_sex": "F"}
    return str(box.post("/exams/unscheduled", {"source": "us1", "patient": patient})["exam_id"])


LIMIT_S = 120.0
"""For one object to be stored beside other tests."""


def dead(folder: Path, p: pki.Pki, port: int) -> tuple[Box, dict[str, list[str]]]:
    """A box killed with pictures that were sent, half sent, being finished and open, a clip among them; their UIDs."""
    box = Box(folder, "")
    try:
        return box, filled(box, p, port)
    finally:
        box.kill()


def filled(box: Box, p: pki.Pki, port: int) -> dict[str, list[str]]:
    places = destination("pacs", "ORTHANC", port)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        box.config.write_text(toml(p, places))
        box.start()
        uids = {"sent": box.emergency(1)}
        wait_for("sent", box.all_sent, LIMIT_S)
        assert box.stop() == 0
        second = destination("second", "SECOND", nobody.getsockname()[1])
        box.config.write_text(toml(p, places + second))
        box.start()
        exam = unscheduled(box)
        uids["unsent"] = [box.capture(f"u{n}")["sop_instance_uid"] for n in range(2)]
        box.post(f"/exams/{exam}/finish")
        wait_for("half sent", lambda: box.sent() == 3, LIMIT_S)
        exam = unscheduled(box)
        box.post("/sources/us1/clip/start", {"trigger_id": "clip"})
        PAUSE.wait(0.5)
        uids["held"] = [box.post("/sources/us1/clip/stop")["sop_instance_uid"]]
        uids["held"].append(box.capture("open")["sop_instance_uid"])
        gone = box.capture("deleted")
        box.post(f"/frames/{gone['frame_id']}/delete")
        uids["deleted"] = [gone["sop_instance_uid"]]
    return uids


def names(folder: Path) -> dict[str, bytes]:
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def store_all(server: Orthanc, p: pki.Pki, files: list[Path]) -> None:
    """Store every file by C-STORE over mutual TLS, with somebody else's program."""
    for file in files:
        syntax = ["-xy"] if dcmread(file).file_meta.TransferSyntaxUID.is_compressed else []
        line = [program("storescu"), "-v", *syntax, "-aet", "AGENT", "-aec", "ORTHANC", "+tls", str(p.agent_key),
                str(p.agent_cert), "+cf", str(p.ca), "127.0.0.1", str(server.port), str(file)]  # fmt: skip
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr[-2000:]


def assert_once(server: Orthanc, files: list[Path], uids: list[str]) -> None:
    """Every UID is there once, with the patient and the bytes of its file's pixels."""
    kept = server.find()
    assert sorted(row["SOPInstanceUID"] for row in kept) == sorted(uids)
    by_uid = {row["SOPInstanceUID"]: row for row in kept}
    for file in files:
        ds = dcmread(file)
        row = by_uid[ds.SOPInstanceUID]
        assert row["PatientID"] == ds.PatientID
        there = dcmread_bytes(server.raw(f"/instances/{row['ID']}/file"))
        assert there.PixelData == ds.PixelData
        assert there.SeriesInstanceUID == ds.SeriesInstanceUID


def dcmread_bytes(content: bytes) -> Any:
    return dcmread(BytesIO(content))


def test_everything_of_a_dead_box_reaches_the_archive_once(tmp_path: Path) -> None:
    p = pki.make(tmp_path / "pki")
    with orthanc(tmp_path / "orthanc", p, "AGENT", port=0) as server:
        box, uids = dead(tmp_path / "box", p, server.port)
        before = {name: content for name, content in names(box.data).items() if name != "lock"}
        to = tmp_path / "salvaged"
        said = salvage(box.data, to)
        assert said.returncode == 0, said.stderr + said.stdout
        assert "database: intact; pictures, clips and documents: 6" in said.stdout
        assert NAME not in said.stdout + said.stderr
        assert "Марчук" not in said.stdout + said.stderr
        assert {n: c for n, c in names(box.data).items() if n != "lock"} == before, "the dead box is only read"
        told = report(to)
        assert told["finished"]
        found = {item["sop_instance_uid"]: item for item in told["pictures"]}
        for folder in ("sent", "unsent", "held"):
            assert sorted(u for u, i in found.items() if i["folder"] == folder) == sorted(uids[folder]), folder
        assert {item["hash"] for item in found.values()} == {"ok"}
        assert found[uids["deleted"][0]]["why"] == "it is tombstoned"
        assert found[uids["unsent"][0]]["destinations"] == {"pacs": "sent", "second": "unsent"}
        assert stat.S_IMODE((to / "report.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((to / "report.txt").stat().st_mode) == 0o600
        files = [f for folder in ("sent", "unsent", "held") for f in sorted((to / folder).iterdir())]
        for file in files:
            ds, item = dcmread(file), found[dcmread(file).SOPInstanceUID]
            assert (ds.PatientID, str(ds.PatientName)) == (item["patient_id"], item["patient_name"])
            assert (to / item["file"]) == file
            assert "=" not in str(ds.PatientName)
        for uid in uids["sent"] + uids["unsent"]:  # built already: the same bytes
            item = found[uid]
            assert (to / item["file"]).read_bytes() == (box.data / f"spool/objects/{item['frame_id']}.dcm").read_bytes()
        store_all(server, p, files)
        assert_once(server, files, uids["sent"] + uids["unsent"] + uids["held"])
        again = salvage(box.data, to)
        assert (again.returncode, "D-11" in again.stderr) == (1, True), "never over anything"

        # The same folder on a spare box: held, and sent by a person it is the same object.
        spare = Box(tmp_path / "spare", toml(p, destination("pacs", "ORTHANC", server.port)))
        assert command(spare, "restore", str(to / "box")).returncode == 0
        spare.start()
        try:
            exam = next(e for e in spare.get("/exams") if e["state"] == "held" and e["captured"] == 2)
            for frame in spare.get(f"/exams/{exam['exam_id']}")["frames"]:
                if frame["state"] == "held":
                    spare.post(f"/frames/{frame['frame_id']}/accept")
            spare.post(f"/exams/{exam['exam_id']}/release")
            wait_for("sent again", lambda: set(uids["held"]) <= sent_by(spare), LIMIT_S)
            assert_once(server, files, uids["sent"] + uids["unsent"] + uids["held"])
        finally:
            spare.stop()


@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_without_its_database_every_picture_says_whose_it_is(tmp_path: Path, how: str) -> None:
    p = pki.make(tmp_path / "pki")
    with orthanc(tmp_path / "orthanc", p, "AGENT", port=0) as server:
        box, uids = dead(tmp_path / "box", p, server.port)
        for suffix in ("-wal", "-shm"):
            (box.data / f"agent.sqlite3{suffix}").unlink(missing_ok=True)
        database = box.data / "agent.sqlite3"
        if how == "damaged":
            database.write_bytes(database.read_bytes()[:4096] + b"\xff" * 16384)
        else:
            database.unlink()
        to = tmp_path / "salvaged"
        said = salvage(box.data, to)
        assert said.returncode == 0, said.stderr + said.stdout
        assert f"database: {how}" in said.stdout
        told = report(to)
        assert {i["folder"] for i in told["pictures"]} == {"unknown"}, [i["why"] for i in told["pictures"]]
        assert {i["hash"] for i in told["pictures"]} == {"ok"}
        assert {tuple(i["destinations"].values()) for i in told["pictures"]} == {("unknown",)}
        assert sorted(i["sop_instance_uid"] for i in told["pictures"]) == sorted(every(uids))
        files = sorted((to / "unknown").iterdir())
        names_found = {(dcmread(f).SOPInstanceUID, str(dcmread(f).PatientName)) for f in files}
        assert {name for uid, name in names_found if uid in uids["unsent"]} == {PATIENT}
        if how == "damaged":
            assert list((to / "aside").glob("agent.sqlite3.damaged-*")), "kept, for whoever can read more of it"
        store_all(server, p, files)
        assert_once(server, files, every(uids))


def test_what_is_damaged_is_named_and_never_made_up(tmp_path: Path) -> None:
    p = pki.make(tmp_path / "pki")
    with orthanc(tmp_path / "orthanc", p, "AGENT", port=0) as server:
        box, uids = dead(tmp_path / "box", p, server.port)
        frames = sorted(path.stem for path in (box.data / "spool/objects").iterdir())
        spoil(box.data / f"spool/objects/{frames[0]}.dcm")
        spoil(box.data / f"spool/frames/{frames[1]}.frm")
        (box.data / f"spool/objects/{frames[1]}.dcm").unlink()
        said = salvage(box.data, tmp_path / "to")
        assert said.returncode == 1, said.stdout
        found = {i["frame_id"]: i for i in report(tmp_path / "to")["pictures"]}
        assert (found[frames[0]]["hash"], found[frames[0]]["file"]) == ("ok", "")
        assert (found[frames[1]]["hash"], found[frames[1]]["file"]) == ("changed", "")
        assert "bytes changed or missing: 1" in said.stdout
        assert len([i for i in found.values() if i["file"]]) == 3
        assert uids
    inside = salvage(box.data, box.data / "salvaged")
    assert inside.returncode == 1
    assert not (box.data / SALVAGING).exists()


def test_a_salvage_that_did_not_end_keeps_the_source_from_being_erased(tmp_path: Path) -> None:
    p = pki.make(tmp_path / "pki")
    with box_in(tmp_path / "box", toml(p, destination("pacs", "ORTHANC", 1))) as box:
        box.emergency(1)
        refused = salvage(box.data, tmp_path / "to")
        assert (refused.returncode, "running" in refused.stderr) == (75, True)
    shutil.rmtree(tmp_path / "to", ignore_errors=True)
    with closing(sqlite3.connect(box.data / "agent.sqlite3")) as database:
        database.execute("PRAGMA user_version = 999")
        database.execute("PRAGMA application_id = 999")
    said = salvage(box.data, tmp_path / "to")
    assert (said.returncode, "D-03" in said.stderr) == (1, True)
    assert not report(tmp_path / "to")["finished"]
    erased = command(box, "erase", "--lose-unsent", "--box", "Test box", "--certificate", str(tmp_path / "c.json"))
    assert (erased.returncode, "D-13" in erased.stderr) == (1, True)


def every(uids: dict[str, list[str]]) -> list[str]:
    return [uid for group in uids.values() for uid in group]


def sent_by(box: Box) -> set[str]:
    return {job["sop_instance_uid"] for job in box.jobs() if job["state"] == "sent"}


def spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2000] ^= 0xFF
    path.write_bytes(content)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that is a second, read-only view of `tmp_path/box/data` (needs root, as CI has)."""
    data, view = tmp_path / "box" / "data", tmp_path / "card"
    for folder in (data, view):
        folder.mkdir(parents=True)
    subprocess.run(["mount", "--bind", str(data), str(view)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(view)], check=True)
    yield view
    subprocess.run(["umount", "-l", str(view)], check=True)


def test_a_card_in_a_reader_is_only_read(tmp_path: Path, read_only: Path) -> None:
    p = pki.make(tmp_path / "pki")
    box = Box(tmp_path / "box", toml(p, destination("pacs", "ORTHANC", 1)))
    box.start()
    try:
        (uid,) = box.emergency(1)
        wait_for("in the queue", lambda: box.job(uid))
    finally:
        box.kill()
    before = names(box.data)
    assert (box.data / "agent.sqlite3-wal").stat().st_size, "its newest rows are not in the file itself yet"
    said = salvage(read_only, tmp_path / "to")
    assert said.returncode == 0, said.stderr
    assert "database: intact" in said.stdout
    (item,) = report(tmp_path / "to")["pictures"]
    assert (item["sop_instance_uid"], item["folder"], item["destinations"]) == (uid, "unsent", {"pacs": "unsent"})
    assert names(box.data) == before
