"""Storage Commitment from end to end: *sent* becomes *confirmed* by a believed report alone, however it comes."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom.filereader import read_dataset

from tests.peers.scripted import Peer, Talk, accept, elements, silent, status
from tests.system.world import Box, Json, Sandbox, box_in, toml_for, toml_for_peer, wait_for

PATIENT = "Ґалаґан"


def exam_of(box: Box, pictures: int = 2) -> Json:
    exam = box.open_exam(PATIENT)
    for number in range(pictures):
        box.capture(f"press-{number}")
    box.post(f"/exams/{exam['exam_id']}/finish")
    wait_for("sent", lambda: len(box.jobs()) == pictures and box.all_sent())
    return exam


def states(box: Box) -> set[str]:
    return {job["state"] for job in box.jobs()}


@pytest.mark.parametrize("how", ["", "without roles", "twice"])
def test_a_report_on_a_new_association_confirms(sandbox: Sandbox, tmp_path: Path, how: str) -> None:
    sandbox.faults(commitment=how)
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        exam = exam_of(box)
        wait_for("confirmed", lambda: states(box) == {"confirmed"})
        view = wait_for("committed", lambda: (e := box.get(f"/exams/{exam['exam_id']}"))["state"] == "committed" and e)
        assert (view["captured"], view["sent"], view["confirmed"]) == (2, 2, 2)
        assert [job["state"] for job in box.queue("commit")] == ["confirmed"]


def test_what_the_archive_forgot_is_stored_again_under_the_same_uid(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults(commitment="forget")
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        exam_of(box)
        wait_for("told", lambda: any(job["attempts"] > 1 or job["state"] == "waiting" for job in box.jobs()), 20)
        sandbox.faults()
        for job in box.jobs() + box.queue("commit"):
            if job["state"] == "waiting":
                box.post(f"/jobs/{job['job_id']}/retry")
        wait_for("confirmed", lambda: states(box) == {"confirmed"}, 30)
        received = [r.sop_instance_uid for r in sandbox.received()]
        assert len(received) > len(set(received)) == 2


def test_sent_is_never_confirmed_without_a_report(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults(commitment="never")
    toml = toml_for(sandbox).replace("commitment = true", "commitment = true\ncommitment_wait_s = 1.0")
    with box_in(tmp_path / "box", toml) as box:
        exam = exam_of(box)
        tries = wait_for("asked three times", lambda: (c := box.queue("commit")) and c[0]["attempts"] >= 3 and c, 30)
        assert states(box) == {"sent"}
        assert box.get(f"/exams/{exam['exam_id']}")["state"] == "delivered"
        assert tries[0]["code"] == "0x0000"
        sandbox.faults()
        wait_for("confirmed in the end", lambda: states(box) == {"confirmed"}, 20)


def test_a_refused_request_is_tried_again_and_images_go_on(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults(commitment="refuse")
    with box_in(tmp_path / "box", toml_for(sandbox) + "\n[delivery]\nfirst_retry_s = 0.5\n") as box:
        exam_of(box)
        wait_for("refused", lambda: box.queue("commit")[0]["code"] == "0x0213")
        assert states(box) == {"sent"}
        sandbox.faults()
        wait_for("confirmed", lambda: states(box) == {"confirmed"}, 20)


# --- reports over the association of the request -------------------------------------------------------------

COMMIT, INSTANCE = b"1.2.840.10008.1.20.1", b"1.2.840.10008.1.20.1.1"


def event_report(talk: Talk) -> int:
    """Report success for what was asked and return the status that came back."""
    transaction_and_items = talk.data
    command = {0x0002: COMMIT, 0x0100: b"\x00\x01", 0x0110: b"\x07\x00", 0x0800: b"\x01\x00", 0x1000: INSTANCE}
    talk.message({**command, 0x1002: b"\x01\x00"}, transaction_and_items)
    kind, body = talk.pdu()
    assert kind == 4
    answer = dict(elements(body[6:]))
    assert answer[0x0100] == b"\x00\x81"
    return int.from_bytes(answer[0x0900], "little")


def committing(peer_notes: list[Any], order: str) -> Any:
    def act(talk: Talk) -> None:
        if talk.field != 0x0130:
            status(0)(talk)
            return
        asked = read_dataset(BytesIO(talk.data), is_implicit_VR=True, is_little_endian=True)
        peer_notes.append([i.ReferencedSOPInstanceUID for i in asked.ReferencedSOPSequence])
        if order == "before":
            peer_notes.append(event_report(talk))
        if order == "lost answer":
            peer_notes.append(event_report(talk))
            silent(talk)
        status(0)(talk)
        if order == "after":
            peer_notes.append(event_report(talk))

    return act


@pytest.mark.parametrize("order", ["before", "after", "lost answer"])
def test_a_report_on_the_same_association(tmp_path: Path, order: str) -> None:
    notes: list[Any] = []
    with Peer({"response": committing(notes, order), "associate": accept()}) as peer:
        toml = toml_for_peer(peer.port, first_retry_s=0.5).replace(
            "allow_plaintext = true", "allow_plaintext = true\ncommitment = true\nresponse_timeout_s = 2.0"
        )
        with box_in(tmp_path / "box", toml) as box:
            uids = box.emergency(2)
            wait_for("confirmed", lambda: states(box) == {"confirmed"}, 20)
            wait_for("concluded", lambda: [j["state"] for j in box.queue("commit")] == ["confirmed"], 20)
        peer.stopping.set()
    assert [sorted(notes[0]), notes[1]] == [sorted(uids), 0]
