"""The build child as the core starts it: real process, real channel, real descriptors."""

import dataclasses
import hashlib
import os
import socket
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from exam_pictures import FACTS, PICTURES, STUDY, UNSCHEDULED, Picture, native, put, scheduled
from PIL import Image

from agent.errors import from_wire
from agent.plain import to_plain
from drivers.wire import CHANNEL, Channel, sealed_size
from tests.pki import make

ROOT = Path(__file__).resolve().parents[3]


class Child:
    def __init__(self):
        ours, theirs = socket.socketpair()
        environment = {
            CHANNEL: str(theirs.fileno()),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "MODALITY_AGENT_PARENT": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "agent.objects"],
            env=environment,
            pass_fds=[theirs.fileno()],
            cwd="/",
        )
        theirs.close()
        self.channel = Channel(ours)
        self.answer("ready", 30)

    def answer(self, key, timeout_s=30):
        while arrived := self.channel.receive(timeout_s):
            message, fds = arrived
            if key in message:
                return message, fds
        raise AssertionError("no answer")

    def ask(self, do, files=(), **values):
        fds = [os.open(path, flags, 0o600) for path, flags in files]
        self.channel.send({"id": 1, "do": do, **values}, fds)
        for fd in fds:
            os.close(fd)
        return self.answer("id")

    def peak_kb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])

    def close(self):
        self.channel.close()
        try:
            assert self.process.wait(5) == 0
        finally:
            self.process.kill()


@pytest.fixture
def child():
    running = Child()
    yield running
    running.close()


NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def test_build_and_verify(child, tmp_path):
    written = put(tmp_path, scheduled(), PICTURES["jpeg colour"])
    built, _ = child.ask("build", [(written.frame, os.O_RDONLY), (written.object, NEW)], series=to_plain(FACTS))
    verified, _ = child.ask("verify", [(written.frame, os.O_RDONLY), (written.object, os.O_RDONLY)])
    content = written.object.read_bytes()
    assert built["done"] == {"sha256": hashlib.sha256(content).hexdigest()}
    assert verified["done"]["built"] == {
        "frame_id": "0d6f6a0e-0000-4000-8000-000000000001",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.7",
        "sop_instance_uid": "2.25.400000000000000000000000000000000001",
        "transfer_syntax_uid": "1.2.840.10008.1.2.4.50",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "warnings": [],
    }
    assert STUDY.encode() in content


def test_errors_cross_with_code_and_without_patient(child, tmp_path):
    patient = dataclasses.replace(UNSCHEDULED.patient, patient_name="Таємн?ця")
    written = put(tmp_path, dataclasses.replace(UNSCHEDULED, patient=patient), PICTURES["colour"])
    files = [(written.frame, os.O_RDONLY), (written.object, NEW)]
    answer, _ = child.ask("build", files, series=to_plain(FACTS))
    error = from_wire(answer["failed"])
    assert error.code == "O-02"
    assert error.facts["keyword"] == "PatientName"
    assert "Таємн" not in str(answer)


@pytest.mark.parametrize(
    ("do", "files", "values", "code"),
    [
        ("build", ["frame", "object"], {}, "S-08"),
        ("build", ["frame"], {"series": to_plain(FACTS)}, "S-08"),
        ("build", ["frame", "object"], {"series": {**to_plain(FACTS), "series_number": "1"}}, "S-08"),
        ("build", ["object", "object"], {"series": to_plain(FACTS)}, "D-04"),
        ("verify", [], {}, "S-08"),
        ("verify", ["frame", "object"], {}, "O-04"),
        ("thumbnail", ["object"], {"max_width": 9}, "D-04"),
        ("thumbnail", ["frame"], {}, "S-08"),
        ("certificate", ["frame"], {}, "K-01"),
        ("certificate", [], {"path": "/nowhere/at/all"}, "S-08"),
        ("dance", [], {}, "S-08"),
    ],
)
def test_refused(child, tmp_path, do, files, values, code):
    written = put(tmp_path, UNSCHEDULED, PICTURES["colour"])
    written.object.write_bytes(b"")
    paths = {"frame": written.frame, "object": written.object}
    answer, _ = child.ask(do, [(paths[name], os.O_RDWR) for name in files], **values)
    assert answer["failed"]["code"] == code


def test_a_full_disk_is_told(child, tmp_path):
    written = put(tmp_path, UNSCHEDULED, PICTURES["colour"])
    files = [(written.frame, os.O_RDONLY), (Path("/dev/full"), os.O_WRONLY)]
    answer, _ = child.ask("build", files, series=to_plain(FACTS))
    assert answer["failed"]["code"] == "D-10"
    assert answer["failed"]["facts"] == {"errno": 28}


@pytest.mark.parametrize(
    ("picture", "size"),
    [
        (PICTURES["colour"], (32, 24)),
        (PICTURES["jpeg colour"], (32, 24)),
        (PICTURES["jpeg grey"], (32, 24)),
        (PICTURES["grey 12 of 16"], (32, 24)),
        (Picture(native(48, 64, 3).payload, native(48, 64, 3).changes | {"pixel_aspect_ratio": (1, 2)}), (32, 12)),
        (Picture(native(48, 64, 3).payload, native(48, 64, 3).changes | {"pixel_aspect_ratio": (2, 1)}), (32, 48)),
    ],
)
def test_thumbnail(child, tmp_path, picture, size):
    written = put(tmp_path, UNSCHEDULED, picture)
    answer, (fd,) = child.ask("thumbnail", [(written.frame, os.O_RDONLY)], max_width=32)
    content = os.pread(fd, sealed_size(fd), 0)
    os.close(fd)
    assert answer["done"] == {"size": len(content)}
    small = Image.open(BytesIO(content))
    assert small.size == size
    pixels = np.asarray(small.convert("RGB"), dtype=int)
    assert pixels[:, 0, 0].max() < 40  # the left edge is dark in red or grey, the right one bright
    assert pixels[0, -1, 0] > 200


def test_certificate(child, tmp_path):
    pki = make(tmp_path)
    certificate = next(path for path in sorted(tmp_path.rglob("*.crt")))
    text = subprocess.run(
        ["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"],
        capture_output=True,
        check=True,
    ).stdout.decode()
    by_fd, _ = child.ask("certificate", [(certificate, os.O_RDONLY)])
    by_path, _ = child.ask("certificate", path=str(certificate))
    assert by_fd["done"] == by_path["done"]
    assert by_fd["done"]["sha256"] == text.split("=")[1].strip().replace(":", "").lower()
    assert by_fd["done"]["not_before"] < by_fd["done"]["not_after"]
    assert by_fd["done"]["not_after"].endswith("+00:00")
    assert {"subject", "issuer"} < set(by_fd["done"])
    assert pki


def test_a_still_of_six_megabytes_needs_little_memory(child, tmp_path):
    written = put(tmp_path, UNSCHEDULED, native(1080, 1920, 3))
    assert len(written.payload) > 6_000_000
    before = child.peak_kb()
    child.ask("build", [(written.frame, os.O_RDONLY), (written.object, NEW)], series=to_plain(FACTS))
    answer, _ = child.ask("verify", [(written.frame, os.O_RDONLY), (written.object, os.O_RDONLY)])
    assert answer["done"]["built"]["size"] > 6_000_000
    print(f"peak resident: {before} kB before, {child.peak_kb()} kB after")
    assert child.peak_kb() - before < 5_000
    assert child.peak_kb() < 100_000
