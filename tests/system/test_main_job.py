"""The main job through the real service: worklist, exam, capture, object, queue, TLS, PACS."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent import errors
from tests.system.world import Sandbox, box_in, toml_for, wait_for

FORBIDDEN = {"numpy", "cv2", "pydicom", "pynetdicom", "sqlite_utils", "cryptography"}
NAMES = ("Ґалаґан", "О’Коннор-Їжакевич", "Shevchenko^Taras=Шевченко")


def test_names_pictures_and_secrets_survive_the_whole_way(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        captured = {}
        for surname in NAMES:
            exam = box.open_exam(surname)
            frame = box.capture(f"press-{surname}")
            assert box.capture(f"press-{surname}") == frame  # one press, one image
            captured[frame["sop_instance_uid"]] = (exam["patient"], frame["payload_sha256"])
            box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("everything is sent", lambda: len(box.jobs()) == len(NAMES) and box.all_sent())
        received = sandbox.received()
        assert len(received) == len(NAMES)
        for one in received:
            patient, sha256 = captured[one.sop_instance_uid]
            assert (one.patient_id, one.patient_name) == (patient["patient_id"], patient["name"])
            assert one.pixels_sha256 == sha256
            checked = subprocess.run(
                [Path(sys.executable).parent / "dciodvfy", "-new", one.path], capture_output=True, check=False
            )
            assert b"Error" not in checked.stdout + checked.stderr
        wait_for("responsibility taken", lambda: {e["state"] for e in box.get("/exams")} == {"committed"})
        assert all(e["sent"] == e["confirmed"] == 1 for e in box.get("/exams"))
        loaded = set(box.get("/process")["modules"])
        assert not loaded & FORBIDDEN
        log = box.text()
    for canary in ("Ґалаґан", "UA-00001", "ACC-0001", "Шевченко"):
        assert canary not in log


def test_a_picture_without_a_patient_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox, undo_window_s=60)) as box:
        with pytest.raises(errors.NoOpenExam):
            box.capture("one")
        exam = box.open_exam("Ґалаґан")
        with pytest.raises(errors.AnotherExamOpen):
            box.open_exam("Щербак")
        box.capture("one")
        with pytest.raises(errors.OutOfDate):
            box.post("/sources/us1/capture", {"trigger_id": "two", "exam_id": "an older page's exam"})
        finished = box.post(f"/exams/{exam['exam_id']}/finish")
        assert finished["state"] == "finishing"
        with pytest.raises(errors.NoOpenExam):
            box.capture("three")
        assert box.post(f"/exams/{exam['exam_id']}/undo")["state"] == "open"
        box.capture("four")
        assert box.get(f"/exams/{exam['exam_id']}")["captured"] == 2
        assert sandbox.received() == []


def test_faults_of_the_source_are_told_and_keep_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    expected = {
        "no_signal": errors.NoSignal,
        "frozen": errors.PictureNotLive,
        "colour_bars": errors.PictureNotLive,
        "stalled": errors.NoFrameInTime,
        "short": errors.FrameRefused,
    }
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        exam = box.open_exam("Ґалаґан")
        for fault, error in expected.items():
            box.post("/sources/us1/fault", {"fault": fault})
            wait_for(fault, lambda e=error, f=fault: _refused(box, f, e), 20)
            box.post("/sources/us1/fault", {"fault": "none"})
            box.wait_ready()
        box.post("/sources/us1/fault", {"fault": "crash"})
        wait_for("the crashed source is back", lambda: _captures(box), 30)
        assert box.get(f"/exams/{exam['exam_id']}")["captured"] == 1


def _refused(box: object, fault: str, error: type[Exception]) -> bool:
    try:
        box.capture(f"refused-{fault}")  # type: ignore[attr-defined]
    except error:
        return True
    except errors.AgentError:
        return False
    raise AssertionError(f"a picture was kept although the source has {fault}")


def _captures(box: object) -> bool:
    try:
        return bool(box.capture("after the crash"))  # type: ignore[attr-defined]
    except errors.AgentError:
        return False


def test_a_restart_asks_before_it_goes_on(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        exam = box.open_exam("Ґалаґан")
        box.capture("one")
        box.kill()
        box.start()
        with pytest.raises(errors.StillThisPatient):
            box.capture("two")
        box.post(f"/exams/{exam['exam_id']}/resume")
        assert box.capture("two")["number"] == 2


def test_a_second_service_is_refused_and_a_stop_is_quick(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        second = subprocess.run(
            [sys.executable, "-P", "-m", "agent.cli", "--config", str(box.config), "run"],
            capture_output=True,
            check=False,
            timeout=30,
        )
        assert second.returncode == 75
        assert b"D-02" in second.stderr
        assert box.stop() == 0


def test_an_emergency_exam_waits_for_a_person(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        exam = box.post("/exams/emergency", {"source": "us1"})
        assert exam["patient"]["patient_id"].startswith("TMP-")
        box.capture("one")
        held = box.post(f"/exams/{exam['exam_id']}/finish")
        assert (held["state"], held["reason"]) == ("held", "temporary identity")
        box.post(f"/exams/{exam['exam_id']}/release")
        wait_for("sent", box.all_sent)
        assert sandbox.received()[0].patient_id == exam["patient"]["patient_id"]


def test_the_page_is_served_over_https_to_its_own_host_and_people_only(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        box.open_exam("О’Коннор")
        nobody = box.page()
        assert nobody.get("/").headers["Location"] == "/login?next=/"
        assert "КОННОР" not in nobody.get("/login").text
        page = box.technician().get("/")
        assert page.status == 200
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        assert "О’КОННОР-ЇЖАКЕВИЧ Мар’яна" in page.text
        assert "style=" not in page.text
        assert "<script>" not in page.text
        assert nobody.ask("GET", "/login", Host="attacker.example").status == 400
        assert nobody.ask("POST", "/emergency", b"", Origin="https://attacker.example").status == 403
