"""One patient goes through everything, and is nowhere afterwards but where patients belong (security.md H14, H27).

Worklist, choosing, wristband, capture, clip, review, a refusing archive, held, tried again, another patient, removal,
emergency, tray, searches and mistakes on the pages, wrong logins, the death of every kind of child and of the core.
Then nothing of the patient is in log, metrics, support bundle, names of files, command lines or environments.
"""

from __future__ import annotations

import base64
import io
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from agent.errors import AgentError
from tests.system.canary import CANARY, SECOND, WORDS, Watch, disguises, found_in, in_archive, in_names
from tests.system.test_administration import raw
from tests.system.test_identity_safety import chosen, row, start
from tests.system.test_moving import record_clip
from tests.system.world import Box, Json, Sandbox, box_in, toml_for, wait_for
from tests.traps.desk import Desk

NAME, NUMBER, ACCESSION = CANARY["PatientName"], CANARY["PatientID"], CANARY["AccessionNumber"]
FAST = "\n[delivery]\nfirst_retry_s = 0.4\nlongest_retry_s = 1.0\n"
FOLDER = """
[[source]]
name = "inbox"
driver = "folder"
[source.options]
path = "{}"
settle_s = 1
[source.object]
modality = "OT"
conversion_type = "WSD"
"""
TRIGGER = '\n[[trigger]]\nname = "reader"\ndriver = "serial_text"\nsource = "us1"\n[trigger.options]\nport = "{}"\n'
ADDRESSES = (
    "/exam/{}", "/exams/{}", "/{}", "/review/{}", "/queue?search={}", "/?search={}", "/?day={}", "/api/exams/{}",
    "/api/worklist?search={}", "/api/frames/{}/picture", "/api/nothing/{}", "/sources/us1/confirm/{}", "/static/{}",
)  # fmt: skip


# --- the eyes see ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", WORDS)
def test_every_disguise_is_seen_through(word: str) -> None:
    for how, form in disguises(word):
        assert any(word in line for line in found_in("here", b"before " + form + b" after")), how
    for before in range(4):
        assert found_in("here", base64.b64encode(b"x" * before + word.encode() + b"yz"))


def test_a_planted_word_is_found_in_a_nested_archive_a_name_and_a_process(tmp_path: Path) -> None:
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("log.txt", f"… {NAME} …")
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("deeper.zip", inner.getvalue())
        archive.writestr(f"{NUMBER}.txt", "nothing")
    found = in_archive("bundle", outer.getvalue())
    assert any(line.startswith("bundle/deeper.zip/log.txt: ZZCANARY") for line in found)
    assert any(NUMBER in line for line in found)
    (tmp_path / f"{ACCESSION}.dcm").touch()
    assert in_names(tmp_path)
    for told in ({"args": [sys.executable, "-c", "input()", NUMBER]},
                 {"args": [sys.executable, "-c", "input()"], "env": {**os.environ, "X": quote(NAME)}}):  # fmt: skip
        box = Box(tmp_path / "nobody", "")
        box.process = subprocess.Popen(stdin=subprocess.PIPE, **told)
        with Watch(box) as watch:
            wait_for("it is seen", lambda w=watch: w.found, 10)
        box.process.communicate(b"\n", timeout=10)


# --- the way of the patient ------------------------------------------------------------------------------------


@pytest.fixture
def reader() -> Iterator[tuple[int, str]]:
    """A serial line whose other end the test holds."""
    ours, theirs = os.openpty()
    yield ours, os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def refused(box: Box, path: str, body: Json) -> None:
    with suppress(AgentError):
        box.post(path, body)


def on_the_pages(box: Box) -> None:
    """Searches, mistakes and wrong logins, with the patient's words in every place that takes words."""
    page, stranger = box.technician(), box.page()
    assert NUMBER in page.get("/?search=ZZCANARY").text, "the search finds nobody, so it proves nothing"
    for who in (page, stranger, box.administrator()):
        for address in ADDRESSES:
            for word in WORDS:
                assert who.get(address.format(quote(word))).status < 500
        with suppress(AgentError):
            who.api("POST", "/exams", {"source": NAME, "key": NUMBER, NAME: NUMBER})
        who.ask("POST", f"/api/exams/{NUMBER}/finish", NAME.encode(), Origin=who.origin)
        who.ask("POST", f"/{quote(NAME)}", b"{", Origin=NUMBER)
        who.ask("GET", f"/?{quote(NAME)}", Host=NUMBER, Referer=f"https://x/{NUMBER}", User_Agent=NUMBER)
        who.ask("BREW", f"/{NUMBER}")
    for name in (NAME, NUMBER):
        with suppress(AgentError):
            stranger.api("POST", "/me/login", {"name": name, "password": f"{NAME} {NUMBER}"})
        stranger.post_form("/login", name=name, password=NUMBER, next=f"/exam/{NUMBER}")
        stranger.post_form("/unlock", name=name, secret=NUMBER)
        stranger.post_form("/enrol", code=NUMBER, name=name, password=f"{NAME} {NUMBER}")


def a_sent_exam(box: Box, sandbox: Sandbox) -> Json:
    """Wristband, picture, clip, words in review; the archive refuses for now, then for good, then takes everything."""
    view = chosen(box, NAME)
    box.post("/sources/us1/scan", {"text": SECOND["PatientID"]})
    box.post("/sources/us1/scan", {"text": NUMBER})
    exam = start(box, view, "click")
    frame = box.capture(f"press {NUMBER}")
    box.capture("another press")
    record_clip(box)
    refused(box, f"/frames/{frame['frame_id']}/describe", {"laterality": "L", "description": NAME})
    box.post(f"/frames/{frame['frame_id']}/key", {"on": True})
    sandbox.faults(status=0xA700)
    box.post(f"/exams/{exam['exam_id']}/finish")
    wait_for("tried in vain", lambda: (j := box.job(frame["sop_instance_uid"])) and j["attempts"] >= 1, 60)
    sandbox.faults(status=0x0117)
    wait_for("held", lambda: (box.job(frame["sop_instance_uid"]) or {})["state"] == "held", 60)
    sandbox.faults()
    refused(box, "/exams/unscheduled", {"source": "us1", "patient": {"patient_name": NAME, "patient_id": "\\" + NAME}})
    for job in [j for j in box.get("/queue") if j["state"] == "held"]:
        box.post(f"/jobs/{job['job_id']}/retry", {"reason": f"called about {NAME}"})
    wait_for("all is sent", box.all_sent, 60)
    return exam


def deaths(box: Box) -> None:
    """Every child that lives dies in the middle of an exam, then the core."""
    exam = start(box, chosen(box, NAME), "click")
    box.capture("before the deaths")
    for _module, pid in list(box.children()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGABRT)
    box.wait_ready()
    assert box.process is not None
    box.process.send_signal(signal.SIGABRT)
    box.process.wait(timeout=20)
    box.start(ready=False)
    wait_for("the box is back", lambda: answers(box), 40)
    box.post(f"/exams/{exam['exam_id']}/resume")
    wait_for("a picture", lambda: pressed(box, "after the deaths"), 40)
    box.post(f"/exams/{exam['exam_id']}/discard", {"reason": f"{NAME} went home"})


def answers(box: Box) -> bool:
    try:
        return bool(box.get("/sources"))
    except (AgentError, OSError, RuntimeError):
        return False


def pressed(box: Box, press: str) -> bool:
    try:
        return bool(box.capture(press))
    except AgentError:
        return False


@pytest.mark.timeout(300)
def test_the_patient_is_nowhere_but_where_patients_belong(
    sandbox: Sandbox, tmp_path: Path, reader: tuple[int, str]
) -> None:
    fd, device = reader
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    Desk(sandbox.folder).books(CANARY, SECOND)
    text = toml_for(sandbox) + FOLDER.format(inbox) + TRIGGER.format(device) + FAST
    with box_in(tmp_path / "box", text, ready=False) as box, Watch(box) as watch:
        wait_for("a picture source", lambda: answers(box) and box.get("/sources")[0]["signal"] == "present", 40)
        box.post("/worklist/refresh")
        assert row(box, NAME)["patient"]["patient_id"] == NUMBER
        on_the_pages(box)
        exam = a_sent_exam(box, sandbox)
        # to another patient after it was sent, and taken out of the archive
        other = row(box, SECOND["PatientName"])
        asked = {"key": other["key"], "digest": other["digest"], "reason": f"not {NAME}"}
        moved = box.post(f"/exams/{exam['exam_id']}/reidentify", asked)
        refused(box, f"/exams/{exam['exam_id']}/removal", {"code": "113038", "words": f"{NAME} {NUMBER}"})
        box.post(f"/exams/{moved['exam_id']}/removal", {"code": "113037", "words": f"{NAME} {NUMBER}"})
        # an emergency that turns out to be her
        emergency = box.post("/exams/emergency", {"source": "us1"})
        box.capture("emergency")
        os.write(fd, f"{NUMBER}\r\n".encode())
        os.write(fd, f"{NAME}\r\n".encode())
        mine = row(box, NAME)
        asked = {"key": mine["key"], "digest": mine["digest"], "reason": f"is {NAME}"}
        known = box.post(f"/exams/{emergency['exam_id']}/reidentify", asked)
        box.post(f"/exams/{known['exam_id']}/finish")
        # what came into the folder under her name
        (inbox / f"{NUMBER} {NAME}.txt").write_text(NAME)
        (inbox / f"{NAME}.jpg").write_bytes(raw_picture(box))
        wait_for("something waits", lambda: box.get("/tray"), 60)
        refused(box, f"/tray/{box.get('/tray')[0]['item_id']}/discard", {"reason": NAME})
        deaths(box)
        on_the_pages(box)
        wait_for("all is sent", lambda: box.get("/status")["unsent"] == 0, 90)
        bundle, metrics = raw(box, "/api/support-bundle"), raw(box, "/metrics")
        logs = raw(box, "/api/logs")
        assert watch.looked_at >= {"core", "drivers.host", "agent.objects", "agent.dimse", "agent.dimse.listener"}
        found = [*in_names(box.data), *found_in("logs", logs), *found_in("metrics", metrics)]
        found += in_archive("bundle", bundle)
    found += found_in("the log", box.log.read_bytes()) + sorted(watch.found)
    assert found == []
    assert box.text().count("boot scan") == 2, "the log was looked at, of both runs"
    assert b"ZZCANARY" in b"".join(p.read_bytes() for p in box.data.glob("agent.sqlite3*")), "she was never here"


def raw_picture(box: Box) -> bytes:
    """A JPEG of the box's own."""
    exam = next(e for e in box.get("/exams") if e["captured"])
    frame = box.get(f"/exams/{exam['exam_id']}")["frames"][0]
    return raw(box, f"/api/frames/{frame['frame_id']}/picture?width=640")
