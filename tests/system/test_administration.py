"""What an engineer does at the box, with real peers: connections that fail, test pictures, certificates."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent import errors, pki
from agent.supervisor import EXIT_AGAIN
from tests import pki as test_pki
from tests.peers.dcmtk import storescp
from tests.peers.orthanc import orthanc
from tests.peers.process import free_port, program, running
from tests.system.world import Box, Sandbox, box_in, toml_for, wait_for

Destination = dict[str, Any]


def destination(name: str, port: int, p: test_pki.Pki, **more: Any) -> str:
    told = {
        "name": name,
        "host": "localhost",
        "port": port,
        "called_ae_title": "STORESCP",
        "ca_file": str(p.ca),
        "certificate_file": str(p.agent_cert),
        "key_file": str(p.agent_key),
        "connect_timeout_s": 3,
        "association_timeout_s": 5,
        "response_timeout_s": 5,
        **more,
    }
    return "\n[[destination]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in told.items())


@pytest.mark.timeout(180)
def test_each_failing_phase_of_a_connection_is_named_with_what_to_do(sandbox: Sandbox, tmp_path: Path) -> None:
    """DCMTK's own storescp, with the right and with wrong certificates, plain, absent and strict."""
    p = test_pki.make(tmp_path / "pki")
    plain, expired, strict = free_port(), free_port(), free_port()
    scp = [program("storescp"), "-q", "-od", str(tmp_path), "-aet", "STORESCP"]
    bad = ["+tls", str(p.expired_key), str(p.expired_cert), "+cf", str(p.ca), "-ic"]
    needs = ["+tls", str(p.pacs_key), str(p.pacs_cert), "+cf", str(p.rogue_ca), "-rc"]
    with (
        storescp(tmp_path / "good", p) as good,
        running([*scp, str(plain)], tmp_path / "plain.log", plain),
        running([*scp, *bad, str(expired)], tmp_path / "expired.log", expired),
        running([*scp, *needs, str(strict)], tmp_path / "strict.log", strict),
    ):
        rows = {
            "good": destination("good", good, p),
            "no-name": destination("no-name", good, p, host="no-such-host.invalid"),
            "nothing": destination("nothing", free_port(), p),
            "plain": destination("plain", plain, p),
            "unknown-ca": destination("unknown-ca", good, p, ca_file=str(p.rogue_ca)),
            "wrong-name": destination("wrong-name", good, p, verify="name:elsewhere.invalid"),
            "expired": destination("expired", expired, p),
            "unknown-us": destination("unknown-us", strict, p),
            "tls-there": destination("tls-there", good, p, tls=False, allow_plaintext=True),
        }
        expected = {
            "good": ("", ""),
            "no-name": ("name", "name"),
            "nothing": ("tcp", "nothing listens"),
            "plain": ("tls", "TLS"),
            "unknown-ca": ("tls", "authority"),
            "wrong-name": ("tls", "name"),
            "expired": ("tls", "expired"),
            "unknown-us": ("tls", "certificate"),
            "tls-there": ("tls", "TLS"),
        }
        with box_in(tmp_path / "box", toml_for(sandbox) + "".join(rows.values())) as box:
            assert set(rows) | {"worklist", "procedure-steps", "sandbox-pacs"} == set(box.get("/connections"))
            for name, (phase, word) in expected.items():
                view = box.post(f"/connections/{name}/test")
                failed = [step["name"] for step in view["phases"] if step["state"] == "failed"]
                assert failed == ([phase] if phase else []), (name, view)
                assert view["ok"] is not bool(phase), name
                assert word.lower() in view["words"].lower(), (name, view["words"])
                assert bool(view["advice"]) is bool(phase), name
                states = [step["state"] for step in view["phases"]]
                assert states == sorted(states, key=["passed", "failed", "not reached"].index), name
            assert box.post("/connections/worklist/test")["ok"]
            assert box.post("/connections/procedure-steps/test")["ok"]
            with pytest.raises(errors.NotFound):
                box.post("/connections/nobody/test")


def test_the_worklist_is_tried_out_in_numbers(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        shown = len(box.post("/worklist/refresh")["entries"])
        view = box.post("/worklist/test")
        assert (view["ok"], view["shown"], view["received"]) == (True, shown, box.get("/worklist")["received"])
        assert len(view["unreadable"]) == len(box.get("/worklist")["unreadable"])
        text = json.dumps(view, ensure_ascii=False)
        for entry in box.get("/worklist")["entries"]:
            assert entry["patient"]["patient_id"] not in text
            assert entry["patient"]["name"].partition("^")[0] not in text


# --- test pictures ------------------------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_a_test_picture_goes_the_whole_way_and_to_the_archive_for_tests_alone(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    p = test_pki.make(tmp_path / "pki")
    with orthanc(tmp_path / "orthanc", p, "AGENT") as pacs:
        told = destination("bench", pacs.port, p, called_ae_title="ORTHANC", calling_ae_title="AGENT", test=True)
        with box_in(tmp_path / "box", toml_for(sandbox) + told) as box:
            view = box.post("/test-pictures", {"source": "us1"})
            wait_for("it arrived", lambda: box.get(f"/test-pictures/{view['exam_id']}")["done"], 60)
            done = box.get(f"/test-pictures/{view['exam_id']}")
            assert done["ok"], done
            assert [step["name"] for step in done["steps"]] == ["captured", "built", "sent to bench"]
            (kept,) = pacs.find(PatientName="ZZTEST*")
            assert kept["PatientID"].startswith("TEST-")
            exam = box.open_exam("Ґалаґан")
            box.capture("a patient's")
            box.post(f"/exams/{exam['exam_id']}/finish")
            wait_for("sent", lambda: len(box.jobs()) == 2 and box.all_sent(), 60)
            job = next(j for j in box.jobs() if j["exam_id"] == exam["exam_id"])
            with pytest.raises(errors.WrongState):
                box.post(f"/jobs/{job['job_id']}/redirect", {"destination": "bench", "reason": "by mistake"})
            test_job = next(j for j in box.jobs() if j["exam_id"] == view["exam_id"])
            with pytest.raises(errors.WrongState):
                box.post(f"/jobs/{test_job['job_id']}/redirect", {"destination": "sandbox-pacs", "reason": "mistake"})
            assert len(pacs.find()) == 1, "a patient's picture is at the archive for tests"
            steps = (Path(sandbox.description["received"]) / "index.jsonl").read_text()
            assert len(sandbox.received()) == 1
            assert "ZZTEST" not in steps
            with pytest.raises(errors.NotFound):
                box.get(f"/test-pictures/{exam['exam_id']}")
            told_of = sqlite3.connect(box.data / "agent.sqlite3")
            with closing(told_of):
                count = "SELECT count(*) FROM procedure_step WHERE exam_id = ?"
                assert told_of.execute(count, (view["exam_id"],)).fetchone()[0] == 0, "the RIS was told of a test"


def test_without_a_destination_for_tests_nothing_is_taken(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        with pytest.raises(errors.WrongState):
            box.post("/test-pictures", {"source": "us1"})
        assert box.get("/exams") == []


def test_a_test_picture_without_a_signal_is_given_up_and_leaves_the_source_free(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    p = test_pki.make(tmp_path / "pki")
    told = destination("bench", free_port(), p, test=True)
    with box_in(tmp_path / "box", toml_for(sandbox) + told) as box:
        exam = box.open_exam("Ґалаґан")
        with pytest.raises(errors.AnotherExamOpen):
            box.post("/test-pictures", {"source": "us1"})
        box.post(f"/exams/{exam['exam_id']}/finish")
        box.post("/sources/us1/fault", {"fault": "no_signal"})
        wait_for("no signal", lambda: box.get("/sources")[0]["signal"] != "present")
        with pytest.raises(errors.DeviceError):
            box.post("/test-pictures", {"source": "us1"})
        assert box.get("/sources")[0]["exam_id"] == ""


# --- sources, pedals ----------------------------------------------------------------------------------------


def test_a_source_begins_anew_when_asked(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        before = {pid for module, pid in box.children() if module == "drivers.host"}
        box.post("/sources/us1/fault", {"fault": "frozen"})
        box.post("/sources/us1/restart")
        wait_for("another child", lambda: {p for m, p in box.children() if m == "drivers.host"} - before, 20)
        box.wait_ready()
        box.open_exam("Ґалаґан")
        box.post("/sources/us1/clip/start", {"trigger_id": "clip"})
        with pytest.raises(errors.WrongState):
            box.post("/sources/us1/restart")
        box.post("/sources/us1/clip/stop")


@pytest.fixture
def reader() -> Iterator[tuple[int, str]]:
    """A serial line whose other end the test holds."""
    ours, theirs = os.openpty()
    try:
        yield ours, os.ttyname(theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_reader_is_tested_without_doing_anything(
    sandbox: Sandbox, tmp_path: Path, reader: tuple[int, str]
) -> None:
    fd, device = reader
    trigger = '\n[[trigger]]\nname = "reader"\ndriver = "serial_text"\nsource = "us1"\n'
    trigger += f'[trigger.options]\nport = "{device}"\n'
    with box_in(tmp_path / "box", toml_for(sandbox) + trigger) as box:
        wait_for("the reader works", lambda: box.get("/inputs")[0]["working"], 20)
        assert box.post("/inputs/reader/test", {"seconds": 30})["testing_s"] > 0

        def seen() -> list[str]:
            os.write(fd, b"ZZCANARY-0001\r\n")
            return list(box.get("/inputs")[0]["seen"])

        wait_for("it was seen", seen, 20)
        assert box.get("/inputs")[0]["seen"][0].startswith("scan: 13 characters")
        assert "ZZCANARY" not in json.dumps(box.get("/inputs"))
        assert box.get("/sources/us1/scan") is None
        exam = box.open_exam("Ґалаґан")
        wait_for("an exam takes its scans back", lambda: seen() and box.get("/sources/us1/scan"), 20)
        with pytest.raises(errors.WrongState):
            box.post("/inputs/reader/test", {"seconds": 5})
        box.post(f"/exams/{exam['exam_id']}/finish")


# --- certificates -------------------------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_a_certificate_is_requested_signed_installed_and_used(sandbox: Sandbox, tmp_path: Path) -> None:
    """The key stays here; the authority signs with openssl; the archive sees the new certificate."""
    p = test_pki.make(tmp_path / "pki")
    with storescp(tmp_path / "scp", p) as port:
        mine = destination("strict", port, p)
        kept = [line for line in mine.splitlines() if "_file" not in line or "ca_" in line]
        text = toml_for(sandbox) + "\n".join(kept) + "\n"
        with box_in(tmp_path / "box", text) as box:
            assert {c["trouble"] for c in box.get("/certificates")} == {""}
            assert all(c["days_left"] is not None and len(c["sha256"]) == 64 for c in box.get("/certificates"))
            assert not box.post("/connections/strict/test")["ok"], "the sandbox's certificate is not of that authority"
            names = {"purpose": "peers", "common_name": "us1.hospital.example", "dns": ["us1.hospital.example"]}
            request = box.post("/certificates/requests", names)["pem"]
            key = box.folder / "tls" / "peers.requested.key"
            assert key.stat().st_mode & 0o777 == 0o600
            signed = sign(request, tmp_path, p)
            with pytest.raises(errors.CertificateError):
                box.post("/certificates", {"purpose": "peers", "pem": p.pacs_cert.read_text()})
            with pytest.raises(errors.CertificateError):
                box.post("/certificates", {"purpose": "page", "pem": signed})
            view = box.post("/certificates", {"purpose": "peers", "pem": signed})
            assert {c["key"] for c in view["changes"]} == {"tls.certificate_file", "tls.key_file"}
            told = {"digest": view["digest"], "box_name": view["box_name"], "keep": True}
            box.post("/configuration/confirm", told)
            assert box.process is not None
            assert box.process.wait(timeout=30) == EXIT_AGAIN
            box.start()
            assert box.post("/connections/strict/test")["ok"], box.post("/connections/strict/test")
            loaded = set(box.get("/process")["modules"])
            assert not loaded & {"cryptography", "pydicom", "numpy", "cv2", "pynetdicom", "sqlite_utils"}
            bundle = zipfile.ZipFile(io.BytesIO(raw(box, "/api/support-bundle")))
            assert not [n for n in bundle.namelist() if b"PRIVATE KEY" in bundle.read(n)]


def sign(request: str, folder: Path, p: test_pki.Pki) -> str:
    """Sign as a hospital's authority would, with another program."""
    (folder / "in.csr").write_text(request)
    ca_key = p.ca.with_suffix(pki.KEY_SUFFIX)
    line = ["openssl", "x509", "-req", "-in", "in.csr", "-CA", str(p.ca), "-CAkey", str(ca_key), "-days", "20"]
    line += ["-CAcreateserial", "-copy_extensions", "copy", "-out", "out.crt"]
    subprocess.run(line, cwd=folder, check=True, capture_output=True, timeout=20)
    return (folder / "out.crt").read_text()


def raw(box: Box, path: str) -> bytes:
    """Return an answer that is not JSON, over the box's own socket."""
    line = ["curl", "-sSf", "--unix-socket", str(box.data / "control.sock"), f"http://localhost{path}"]
    return subprocess.run(line, check=True, capture_output=True, timeout=60).stdout
