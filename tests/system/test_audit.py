"""The audit trail of a running box: rsyslog with GnuTLS gets every row once, whole and in order, whatever dies."""

from __future__ import annotations

import base64
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from agent import errors
from agent.store.audit_rows import chained
from tests.peers.process import free_port
from tests.peers.syslog import Repository
from tests.pki import Pki, make
from tests.system.world import Box, Sandbox, box_in, toml_for, toml_for_peer, wait_for
from tests.unit.audit.test_audit_message import assert_valid

CANARY = "ZZCANARY"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make(tmp_path_factory.mktemp("pki"))


def toml(repository: Repository, **more: Any) -> str:
    """A box that delivers its trail to `repository`."""
    pki = repository.pki
    told = {
        "host": "localhost", "port": repository.port, "ca_file": str(pki.ca), "site": "HOSPITAL-1", "timeout_s": 5,
        "certificate_file": str(pki.agent_cert), "key_file": str(pki.agent_key), **more,
    }  # fmt: skip
    return toml_for_peer(1) + "[audit]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in told.items())


def numbers(messages: Sequence[str]) -> list[int]:
    return [int(_details(text)["number"]) for text in messages]


def _details(text: str) -> dict[str, str]:
    found = fromstring(text).iter("ParticipantObjectDetail")
    return {d.attrib["type"]: base64.b64decode(d.attrib["value"]).decode() for d in found}


def rows(box: Box) -> list[tuple[int, str, str]]:
    with closing(sqlite3.connect(f"file:{box.data / 'agent.sqlite3'}?mode=ro", uri=True)) as db:
        return list(db.execute("SELECT number, row, sha256 FROM audit ORDER BY number"))


def has_all(box: Box, repository: Repository) -> bool:
    return set(numbers(repository.messages())) >= {number for number, _, _ in rows(box)}


def alarms(box: Box) -> set[str]:
    return {alarm["code"] for alarm in box.get("/status")["alarms"]}


def canary_exam(box: Box) -> str:
    patient = {"patient_name": f"{CANARY}^Ґанна", "patient_id": "UA-7", "patient_birth_date": "19800101"}
    exam = box.post("/exams/unscheduled", {"source": "us1", "patient": patient})
    box.capture(f"canary-{exam['exam_id']}")
    box.post(f"/exams/{exam['exam_id']}/finish")
    return str(exam["exam_id"])


def verify(box: Box, *options: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-P", "-c", "from agent.cli import main; main()", "--config", str(box.config)]
    return subprocess.run([*line, "audit", "verify", *options], capture_output=True, text=True, check=False, timeout=60)


def test_every_row_arrives_once_whole_in_order_and_proves_the_chain(tmp_path: Path, pki: Pki) -> None:
    repository = Repository(folder=tmp_path / "rsyslog", port=free_port(), pki=pki)
    with repository.run(), box_in(tmp_path / "box", toml(repository)) as box:
        canary_exam(box)
        box.technician()
        with pytest.raises(errors.WrongLogin):
            box.page().api("POST", "/me/login", {"name": "Test technician", "password": "wrong password"})
        wait_for("the repository has everything", lambda: has_all(box, repository), 20)
        messages, kept = repository.messages(), rows(box)
        assert_valid(messages, tmp_path)
        assert numbers(messages) == [number for number, _, _ in kept]
        assert [_details(text)["sha256"] for text in messages] == [sha256 for _, _, sha256 in kept]
        previous = ""
        for _, text, sha256 in kept:
            previous = chained(previous, text)
            assert previous == sha256
        assert any(f"{CANARY}^Ґанна" in text for text in messages)
        codes = {e.attrib["csd-code"] for text in messages for e in fromstring(text)[0] if "csd-code" in e.attrib}
        assert codes >= {"110100", "110120", "110110", "110103", "110113", "110137", "110114", "110122"}
        lines = repository.received.read_text(encoding="utf-8").splitlines()
        assert all(' DICOM+RFC3881 [meta sequenceId="' in line for line in lines)
        assert CANARY not in box.text() + box.administrator().get("/metrics").text
        told = verify(box)
        assert (told.returncode, told.stdout.startswith("whole: rows 1 to ")) == (0, True), told.stderr
        assert alarms(box) == set()


def test_rows_wait_for_a_repository_that_is_away_and_none_is_lost(tmp_path: Path, pki: Pki) -> None:
    repository = Repository(folder=tmp_path / "rsyslog", port=free_port(), pki=pki)
    with box_in(tmp_path / "box", toml(repository)) as box:
        wait_for("the alarm", lambda: "A-21" in alarms(box), 20)
        canary_exam(box)
        box.kill()
        box.start()
        with repository.run() as first:
            wait_for("what waited has come", lambda: has_all(box, repository), 40)
            wait_for("the alarm is gone", lambda: "A-21" not in alarms(box), 20)
            first.kill()
            first.wait(timeout=10)
            canary_exam(box)
        with repository.run():
            wait_for("everything has come", lambda: has_all(box, repository), 40)
        seen = numbers(repository.messages())
        assert sorted(set(seen)) == list(range(1, max(seen) + 1))


@pytest.mark.parametrize(
    ("wrong", "more"),
    [
        ({"rogue": True}, {}),
        ({"peer": "somebody.else"}, {}),
        ({}, {"verify": "name:elsewhere"}),
    ],
    ids=["unknown authority", "our certificate is not wanted", "another name"],
)
def test_nothing_goes_to_whom_tls_does_not_prove(
    tmp_path: Path, pki: Pki, wrong: dict[str, Any], more: dict[str, str]
) -> None:
    repository = Repository(folder=tmp_path / "rsyslog", port=free_port(), pki=pki, **wrong)
    with repository.run(), box_in(tmp_path / "box", toml(repository, **more)) as box:
        wait_for("the alarm", lambda: "A-21" in alarms(box), 20)
        assert repository.messages() == []
        assert rows(box)
        assert box.post("/audit/verify")["delivered"] == 0


@pytest.mark.alone
def test_a_repository_that_says_nothing_holds_up_neither_work_nor_the_end(tmp_path: Path, pki: Pki) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        repository = Repository(folder=tmp_path / "none", port=silent.getsockname()[1], pki=pki)
        with box_in(tmp_path / "box", toml(repository, timeout_s=60)) as box:
            silent.settimeout(20)
            line, _ = silent.accept()
            canary_exam(box)
            began = monotonic()
            assert box.stop() == 0
            assert monotonic() - began < 10
            line.close()


def test_a_trail_that_was_changed_from_outside_is_told_and_named(tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for_peer(1)) as box:
        canary_exam(box)
        last = box.post("/audit/verify")
        elsewhere = f"{last['last']}:{last['sha256']}"
        wait_for("the anchor is written", lambda: _anchored(box) >= last["last"])
        box.kill()
        with closing(sqlite3.connect(box.data / "agent.sqlite3")) as db, db:
            db.execute("DROP TRIGGER audit_never_goes")
            db.execute("DELETE FROM audit WHERE number >= ?", (last["last"],))
        box.start()
        told = verify(box)
        assert (told.returncode, told.stdout) == (1, "")
        assert "BROKEN at row" in told.stderr
        assert verify(box, "--against", elsewhere).returncode == 1
        wait_for("the alarm", lambda: "A-20" in alarms(box), 10)
        canary_exam(box)  # and patients are looked after all the same


def _anchored(box: Box) -> int:
    return int(json.loads((box.data / "audit-anchor").read_text())["number"])


def test_reading_the_trail_is_a_row_and_takes_a_fresh_password(tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for_peer(1)) as box:
        for page in (box.technician(), box.person("service")):
            with pytest.raises(errors.NotPermitted):
                page.api("POST", "/audit/read", {})
        administrator = box.administrator()
        before = administrator.api("POST", "/audit/read", {})
        newest = administrator.api("POST", "/audit/read", {"limit": 1})[0]
        assert (newest["event"], newest["who"]) == ("Audit Log Used", "Test administrator")
        assert newest["number"] == before[0]["number"] + 1
        assert administrator.api("POST", "/audit/verify")["ok"]


def told(box: Box, event: str) -> list[dict[str, Any]]:
    return [kept for kept in (json.loads(text) for _, text, _ in rows(box)) if kept["event"] == event]


def test_what_was_refused_is_told_once(tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for_peer(1)) as box:
        page = box.technician()
        before = len(told(box, "110113"))
        for _ in range(3):
            assert page.ask("GET", "/api/users").status == 403
            assert page.ask("GET", "/login", Host="attacker.example").status == 400
            assert page.ask("POST", "/lock", b"", Origin="https://attacker.example").status == 403
        alerts = told(box, "110113")[before:]
        assert [(a["type"], a.get("who", ""), a["reason"]) for a in alerts] == [
            ("110132", "Test technician", "not permitted"),
            ("110126", "", "foreign host name"),
            ("110126", "", "foreign origin"),
        ]
        assert {a["address"] for a in alerts} == {"127.0.0.1"}


def test_what_was_asked_of_the_worklist_is_told_with_its_keys(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        wait_for("the first list", lambda: box.get("/worklist")["entries"])
        box.post("/worklist/refresh")  # the same list again: nobody new, nothing told
        entry = box.get("/worklist")["entries"][0]
        (first,) = told(box, "110112")
        assert "date_from=" in first["query"]
        assert first["reason"] == str(len(box.get("/worklist")["entries"]))
        box.post("/sources/us1/scan", {"text": "NOBODY-77"})
        asked = [row["query"] for row in told(box, "110112")[1:]]
        assert any("accession_number=NOBODY-77" in query for query in asked)
        with pytest.raises(errors.IdentityMismatch):
            box.post("/exams", {"source": "us1", "key": entry["key"], "digest": entry["digest"], "mode": "scan",
                                "typed": "SOMEBODY-ELSE"})  # fmt: skip
        mismatch = told(box, "110110")[-1]
        assert (mismatch["patient_id"], mismatch["result"]) == (entry["patient"]["patient_id"], "4")
        assert "SOMEBODY-ELSE" not in json.dumps(mismatch)
