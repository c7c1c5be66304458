"""The acceptance report against the real service, RIS and PACS: where its picture goes, what it says, what is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent import acceptance
from tests import pki
from tests.integration.test_archives import destination
from tests.integration.test_archives import toml as archive_toml
from tests.peers.dcmtk import storescp
from tests.peers.orthanc import orthanc
from tests.system.fake_time import FakeTime
from tests.system.test_health import command
from tests.system.test_selftest import LENIENT, with_test_destination
from tests.system.world import Box, Sandbox, box_in, toml_for, wait_for

POLICY = "\n[acceptance]\npicture_s = 20\nclock_s = 0\n"


def test_the_first_one_runs_once_and_is_shown_printed_and_kept(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", with_test_destination(toml_for(sandbox)) + LENIENT + POLICY) as box:
        wait_for("the worklist", lambda: box.get("/worklist")["fetched_at"])
        due = box.config.with_name("acceptance-due")
        due.write_text("due")
        done = command(box, "acceptance", "--first", "--json", "--html", str(tmp_path / "report.html"))
        assert done.returncode == 0, done.stdout + done.stderr
        told = json.loads(done.stdout)
        (received,) = sandbox.received()
        assert [uid for check in told["checks"] for uid in check["objects"]] == [received.sop_instance_uid]
        assert received.patient_name.startswith("ZZTEST")
        assert not due.exists()
        results = {check["what"]: check["result"] for check in told["checks"]}
        assert (results["clock"], results["picture"]) == ("passed", "passed")
        assert len(told["certificates"]) >= 2
        (kept,) = box.get("/acceptance")
        assert box.get(f"/acceptance/{kept['name']}")["device_uid"] == (box.data / "device-uid").read_text().strip()
        page = box.administrator().get("/admin/acceptance")
        assert (page.status, received.sop_instance_uid in page.text) == (200, True)
        printed = box.administrator().get(f"/admin/acceptance/{kept['name']}/page")
        assert "attachment" in printed.headers["Content-Disposition"]
        assert received.sop_instance_uid in (tmp_path / "report.html").read_text(encoding="utf-8")
        command(box, "acceptance", "--first")
        assert len(sandbox.received()) == 1, "the first one runs once"
        copied = command(box, "acceptance", "--copy", str(tmp_path / "copy.html"))
        assert (copied.returncode, (tmp_path / "copy.html").exists()) == (0, True)


def test_a_box_without_a_destination_for_tests_sends_nothing_anywhere(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox) + POLICY) as box:
        box.config.with_name("acceptance-due").write_text("due")
        assert command(box, "acceptance", "--first").returncode == 0
        assert command(box, "acceptance").returncode == 1
        assert sandbox.received() == []
        assert len(acceptance.names(box.data / "acceptance")) == 1


def test_what_fails_is_said_and_blocks_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", with_test_destination(toml_for(sandbox)) + POLICY.replace("20", "5")) as box:
        sandbox.faults(refuse="PACS")
        assert command(box, "acceptance", "--first").returncode == 0
        (kept,) = box.get("/acceptance")
        assert kept["passed"] is False
        exam = box.post("/exams/emergency", {"source": "us1"})
        assert box.capture("after")["number"] == 1
        box.post(f"/exams/{exam['exam_id']}/finish")


def test_a_clock_that_nobody_vouches_for_fails_and_nothing_dated_leaves(sandbox: Sandbox, tmp_path: Path) -> None:
    time = FakeTime(tmp_path / "time")
    time.unsynchronised(yes=True)
    told = with_test_destination(toml_for(sandbox)).replace('clock = "host"', 'clock = "system"')
    box = Box(tmp_path / "box", told + POLICY.replace("20", "5"))
    box.start(code=time.code)
    try:
        done = command(box, "acceptance", "--json")
        assert done.returncode == 1, done.stdout + done.stderr
        results = {check["what"]: check["result"] for check in json.loads(done.stdout)["checks"]}
        assert (results["clock"], results["picture"]) == ("failed", "failed")
        assert sandbox.received() == []
    finally:
        box.stop()


@pytest.mark.peers
def test_the_picture_of_nobody_goes_to_the_orthanc_for_tests_alone(tmp_path: Path) -> None:
    p = pki.make(tmp_path / "pki")
    with orthanc(tmp_path / "orthanc", p, "AGENT") as pacs, storescp(tmp_path / "scp", p) as port:
        both = destination("archive", "STORESCP", port) + destination("tests", "ORTHANC", pacs.port, "test = true")
        with box_in(tmp_path / "box", archive_toml(p, both, more=LENIENT + POLICY)) as box:
            done = command(box, "acceptance", "--json")
            (picture,) = (c for c in json.loads(done.stdout)["checks"] if c["what"] == "picture")
            assert picture["result"] == "passed", done.stdout
            (there,) = pacs.find(PatientID="*")
            assert [there["SOPInstanceUID"]] == picture["objects"]
            patient = {"patient_name": "Бондар^Ія", "patient_id": "UA-9"}
            exam = box.post("/exams/unscheduled", {"source": "us1", "patient": patient})
            real = box.capture("one")["sop_instance_uid"]
            box.post(f"/exams/{exam['exam_id']}/finish")
            wait_for("a patient's picture is sent", lambda: len(box.jobs()) == 2 and box.all_sent())
            assert len(pacs.find(PatientID="*")) == 1, "no patient goes to the archive for tests"
        (received,) = (tmp_path / "scp" / "received").iterdir()
        assert real in received.name
