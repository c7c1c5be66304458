"""Every way an archive can fail gives its own outcome and sentence; nothing lost, nothing sent under another UID.

One exam, one picture, one box; a destination for each failure. Expectations are written out here, from the
standard's tables (PS3.4 B.2-1, PS3.8 9-21) and the design, never taken from the agent.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import SecondaryCaptureImageStorage, Verification

from tests import pki
from tests.system.world import PAUSE, Sandbox, box_in, toml_for, wait_for

# name: (state of the job, code, a word of the sentence)
EXPECTED = {
    "absent": ("waiting", "refused", "nothing listens"),
    "wrong-ae": ("waiting", "1-1-7", "AE title"),
    "wrong-name": ("waiting", "verify:62", "name"),
    "expired": ("waiting", "verify:10", "expired"),
    "unknown-ca": ("waiting", "verify:20", "authority"),
    "plain": ("waiting", "", "TLS"),
    "abort": ("waiting", "", "abort"),
    "a700": ("waiting", "0xA700", "resources"),
    "a900": ("waiting", "0xA900", ""),
    "c000": ("waiting", "0xC000", ""),
    "b000": ("sent", "0xB000", ""),
    "silent": ("waiting", "", ""),
}
STATUSES = {"a700": 0xA700, "a900": 0xA900, "c000": 0xC000, "b000": 0xB000}


@contextmanager
def archive(handler: Any, context: ssl.SSLContext | None, title: str = "PACS") -> Iterator[int]:
    """Serve one Storage SCP on a free port."""
    ae = AE(ae_title=title)
    ae.require_called_aet = True
    for sop_class in (SecondaryCaptureImageStorage, Verification):
        ae.add_supported_context(sop_class)
    handlers = [(evt.EVT_C_STORE, handler)]
    server = ae.start_server(("127.0.0.1", 0), block=False, ssl_context=context, evt_handlers=handlers)
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def _tls(certificate: Path, key: Path, ca: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _destination(name: str, port: int, p: pki.Pki) -> str:
    return f"""
[[destination]]
name = "{name}"
host = "localhost"
port = {port}
called_ae_title = "PACS"
ca_file = "{p.ca}"
certificate_file = "{p.agent_cert}"
key_file = "{p.agent_key}"
connect_timeout_s = 3
association_timeout_s = 3
response_timeout_s = 2
progress_timeout_s = 3
"""


# The archives here are cut off on purpose: pynetdicom's threads complain about their own sockets.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.timeout(150)
def test_each_failure_has_its_own_words(sandbox: Sandbox, tmp_path: Path) -> None:
    p = pki.make(tmp_path / "pki")
    released = threading.Event()
    stored: list[str] = []

    def answer(status: int) -> Any:
        def handler(event: Any) -> int:
            stored.append(str(event.request.AffectedSOPInstanceUID))
            return status

        return handler

    def abort(event: Any) -> int:
        event.assoc.dul.socket.socket.sendall(b"\x07\x00\x00\x00\x00\x04\x00\x00\x00\x00")  # A-ABORT, PS3.8 9.3.8
        event.assoc.dul.socket.close()
        return 0

    def silent(_event: Any) -> int:
        released.wait(30)
        return 0

    good = _tls(p.pacs_cert, p.pacs_key, p.ca)
    with ExitStack() as stack, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = {name: stack.enter_context(archive(answer(status), good)) for name, status in STATUSES.items()}
        ports["absent"] = closed.getsockname()[1]
        ports["wrong-ae"] = stack.enter_context(archive(answer(0), good, title="SOMEBODY"))
        wrong = _tls(p.wrong_name_cert, p.wrong_name_key, p.ca)
        ports["wrong-name"] = stack.enter_context(archive(answer(0), wrong))
        ports["expired"] = stack.enter_context(archive(answer(0), _tls(p.expired_cert, p.expired_key, p.ca)))
        ports["unknown-ca"] = stack.enter_context(archive(answer(0), _tls(p.rogue_cert, p.rogue_key, p.ca)))
        ports["plain"] = stack.enter_context(archive(answer(0), None))
        ports["abort"] = stack.enter_context(archive(abort, good))
        ports["silent"] = stack.enter_context(archive(silent, good))
        toml = toml_for(sandbox) + "".join(_destination(name, port, p) for name, port in ports.items())
        with box_in(tmp_path / "box", toml) as box:
            exam = box.open_exam("Ґалаґан")
            frame = box.capture("one")
            box.post(f"/exams/{exam['exam_id']}/finish")

            def tried() -> dict[str, Any] | None:
                jobs = {job["destination"]: job for job in box.jobs()}
                done = len(jobs) == len(ports) + 1 and all(jobs[n]["code"] for n in ports)
                return jobs if done else None

            jobs = wait_for("every destination was tried", tried, 60)
            PAUSE.wait(0.2)
            released.set()
            seen = {name: (jobs[name]["state"], jobs[name]["code"], jobs[name]["words"]) for name in ports}
            print(json.dumps(seen, indent=1, ensure_ascii=False))
            for name, (state, code, word) in EXPECTED.items():
                assert seen[name][0] in (state, "sending"), (name, seen[name])
                assert code in seen[name][1] or seen[name][1].startswith(code), (name, seen[name])
                assert word.casefold() in seen[name][2].casefold(), (name, seen[name])
                assert "Ґалаґан" not in seen[name][2]
            sentences = {name: words for name, (_, _, words) in seen.items() if name != "b000"}
            assert len(set(sentences.values())) == len(sentences), "two failures share a sentence"
            assert jobs["sandbox-pacs"]["state"] in ("sent", "confirmed")
    assert {one.sop_instance_uid for one in sandbox.received()} == {frame["sop_instance_uid"]}
    assert set(stored) == {frame["sop_instance_uid"]}
