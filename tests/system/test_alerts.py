"""Alarms told by the real service to a real HTTPS server and a real mail server: once, with their end, over TLS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.peers.mail import PASSWORD, USER, mail
from tests.peers.process import free_port
from tests.peers.syslog import Repository
from tests.peers.webhook import webhook
from tests.pki import Pki, make
from tests.system.world import Box, box_in, toml_for_peer, wait_for

CANARY = "ZZCANARY"
BEGUN, ENDED = ("A-21", "audit", "begun"), ("A-21", "audit", "ended")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make(tmp_path_factory.mktemp("pki"))


def table(name: str, **told: Any) -> str:
    return f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in told.items())


def toml(repository: Repository, *channels: str) -> str:
    """A box whose audit repository is away until somebody starts it: an alarm that begins and ends."""
    pki = repository.pki
    own = {"ca_file": str(pki.ca), "certificate_file": str(pki.agent_cert), "key_file": str(pki.agent_key)}
    audit = table("audit", host="localhost", port=repository.port, timeout_s=5, **own)
    return toml_for_peer(1) + audit + table("alerts", delay_s=0.1, tries=1000) + "".join(channels)


def of_webhook(port: int, pki: Pki, **more: Any) -> str:
    return table("alerts.webhook", host="localhost", port=port, path="/hook", ca_file=str(pki.ca), timeout_s=5, **more)


def of_mail(port: int, pki: Pki, **more: Any) -> str:
    told = {"host": "localhost", "port": port, "sender": "us2@hospital.example", "to": ["it@hospital.example"]}
    return table("alerts.mail", **told, ca_file=str(pki.ca), timeout_s=5, **more)


def alarms(box: Box) -> dict[str, str]:
    return {f"{alarm['code']} {alarm['subject']}": alarm["words"] for alarm in box.get("/status")["alarms"]}


def canary_exam(box: Box) -> None:
    patient = {"patient_name": f"{CANARY}^Ґанна", "patient_id": CANARY, "patient_birth_date": "19800101"}
    box.post("/exams/unscheduled", {"source": "us1", "patient": patient})
    box.capture("canary")


def test_an_alarm_is_told_once_to_each_and_so_is_its_end_also_after_a_crash(tmp_path: Path, pki: Pki) -> None:
    repository = Repository(folder=tmp_path / "rsyslog", port=free_port(), pki=pki)
    (tmp_path / "token").write_text("hook-token\n")
    (tmp_path / "password").write_text(PASSWORD)
    hook_port, mail_port = free_port(), free_port()
    told = toml(
        repository,
        of_webhook(hook_port, pki, token_file=str(tmp_path / "token")),
        of_mail(mail_port, pki, user=USER, password_file=str(tmp_path / "password")),
    )
    shown = (pki.pacs_cert, pki.pacs_key)
    with webhook(hook_port, *shown) as hook, mail(mail_port, *shown, login=True) as post:
        box = Box(tmp_path / "box", told)
        box.start()
        canary_exam(box)
        wait_for("both were told", lambda: hook.posts and post.messages, 60)
        box.kill()
        box.start()
        with repository.run():
            wait_for("the end was told", lambda: len(hook.posts) >= 2 and len(post.messages) >= 2, 90)
            assert box.stop() == 0
    assert hook.alarms() == [BEGUN, ENDED]
    path, headers, body = hook.posts[0]
    assert (path, headers["Authorization"]) == ("/hook", "Bearer hook-token")
    assert body["box"] == "Test"
    assert hook.posts[1][1]["Idempotency-Key"] != headers["Idempotency-Key"]
    assert "audit repository" in body["alarms"][0]["words"]
    assert [m["Subject"] for m in post.messages] == ["Test: A-21", "Test: A-21"]
    assert post.recipients == [["it@hospital.example"]] * 2
    assert "began" in post.messages[0].get_content()
    assert "ended" in post.messages[1].get_content()
    assert post.in_the_clear == []
    assert CANARY not in str(hook.posts) + "".join(m.as_string() for m in post.messages)


def test_a_channel_that_is_away_is_an_alarm_itself_and_gets_what_it_missed(tmp_path: Path, pki: Pki) -> None:
    repository = Repository(folder=tmp_path / "rsyslog", port=free_port(), pki=pki)
    hook_port = free_port()
    with box_in(tmp_path / "box", toml(repository, of_webhook(hook_port, pki))) as box:
        wait_for("the channel is missed", lambda: "A-22 webhook" in alarms(box), 60)
        assert "cannot be used (refused)" in alarms(box)["A-22 webhook"]
        with webhook(hook_port, pki.pacs_cert, pki.pacs_key, status=302) as hook:
            wait_for("a redirection is no answer", lambda: hook.posts or "A-22 webhook" in alarms(box), 5)
            hook.status = 200
            wait_for("what was missed", lambda: hook.posts, 60)
            wait_for("the channel is back", lambda: "A-22 webhook" not in alarms(box), 20)
    assert hook.alarms() == [BEGUN], "the alarm about a channel is not told by it"


@pytest.mark.parametrize(
    ("how", "begins", "rogue", "words"),
    [
        ("never", "starttls", False, "cannot be reached (SMTPNotSupportedError)"),
        ("starttls", "starttls", True, "cannot be used (verify:"),
        ("at-once", "at-once", True, "cannot be used (verify:"),
    ],
)
def test_nothing_is_told_to_a_mail_server_that_cannot_prove_itself(
    tmp_path: Path, pki: Pki, how: str, begins: str, rogue: bool, words: str
) -> None:
    repository = Repository(folder=tmp_path / "rsyslog", port=free_port(), pki=pki)
    shown = (pki.rogue_cert, pki.rogue_key) if rogue else (pki.pacs_cert, pki.pacs_key)
    port = free_port()
    with mail(port, *shown, how=how) as post, box_in(
        tmp_path / "box", toml(repository, of_mail(port, pki, tls=begins))
    ) as box:
        wait_for("refused", lambda: words in alarms(box).get("A-22 mail", ""), 60)
    assert post.messages == []
    assert post.in_the_clear == []


def test_mail_over_tls_at_once(tmp_path: Path, pki: Pki) -> None:
    repository = Repository(folder=tmp_path / "rsyslog", port=free_port(), pki=pki)
    port = free_port()
    with mail(port, pki.pacs_cert, pki.pacs_key, how="at-once") as post, box_in(
        tmp_path / "box", toml(repository, of_mail(port, pki, tls="at-once"))
    ):
        wait_for("a message", lambda: post.messages, 60)
    assert post.messages[0]["Auto-Submitted"] == "auto-generated"
