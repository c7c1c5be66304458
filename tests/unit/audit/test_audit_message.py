"""The messages of the audit trail, held against the grammar of PS3.15 A.5.1 and the framing of RFC 5424 and 5425."""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audit_event import AUDIT_READ, AUDITED, EMERGENCY, MEANINGS, MISMATCH, NODE_REFUSED, PERSONS, QUERY, EventId
from agent.syslog.audit_message import xml
from agent.syslog.frame import message
from tests.peers.process import program

GRAMMAR = Path("tests/data/audit_message.rng").resolve()
EVENTS = sorted(
    {*AUDITED.values(), *PERSONS.values(), AUDIT_READ, EMERGENCY, MISMATCH, NODE_REFUSED, QUERY}, key=repr
)
TOLD: dict[str, Any] = {
    "study": "2.25.1", "patient_id": "UA-1", "patient_name": "Ґалаґан^Їванна", "accession": "A<1>", "pictures": 2,
    "confirmation": "scan", "classes": {"1.2.840.10008.5.1.4.1.1.7": 2}, "sent_to": {"PACS & Co": 2},
    "instances": ["2.25.7", "2.25.8"],
}  # fmt: skip
KINDS: tuple[dict[str, Any], ...] = (
    {}, TOLD, {"study": "2.25.1"}, {"patient_id": "UA-1"}, {"subject": "account 7", "user": "Інна", "role": "service"},
    {"subject": "worklist", "query": "PatientID=UA-1"}, {"address": "192.0.2.7", "screen": "Tablet", "user": "Інна"},
    {"screen": "Tablet", "reason": "wrong pin", "act": "unlock", "destination": "archive", "subject": "job 3"},
)  # fmt: skip


def row(event: Any, **told: Any) -> dict[str, Any]:
    kept = {"type": event.type.value} if event.type else {}
    return {"number": 7, "at": "2026-11-24T10:00:00.123+02:00", "event": event.event.value, "action": event.action,
            "result": "0", "who": "Олена", **kept, **told}  # fmt: skip


def made(told: dict[str, Any]) -> str:
    return xml(told, "f" * 64, box="AGENT", site="HOSPITAL-1", host="box-1")


def assert_valid(texts: Iterable[str], folder: Path) -> None:
    files = []
    for number, text in enumerate(texts):
        files.append(folder / f"{number}.xml")
        files[-1].write_text(text, encoding="utf-8")
    line = [program("xmllint"), "--noout", "--relaxng", str(GRAMMAR), *map(str, files)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_event_with_everything_that_can_be_told_follows_the_grammar(tmp_path: Path) -> None:
    rows = [row(event, **told) for event in EVENTS for told in KINDS]
    rows += [{**r, "who": ""} for r in rows]
    assert_valid(map(made, rows), tmp_path)


def test_the_grammar_refuses_what_is_not_one(tmp_path: Path) -> None:
    good = made(row(QUERY, **TOLD))
    for wrong in (good.replace("ActiveParticipant", "Participant"), good.replace('UID="2.25.1"', 'UID="1.02"')):
        assert wrong != good
        with pytest.raises(AssertionError, match="fails to validate"):
            assert_valid([wrong], tmp_path)


def test_every_event_has_its_meaning() -> None:
    for event in EVENTS:
        assert MEANINGS[event.event]
        assert not event.type or MEANINGS[event.type]


def _described(told: dict[str, Any]) -> tuple[Element, dict[str, Element]]:
    root = fromstring(made(told))
    return root, {
        element[0].attrib["originalText"]: element for element in root.findall("ParticipantObjectIdentification")
    }


def test_a_transfer_names_person_source_destination_study_and_patient() -> None:
    root, objects = _described(row(AUDITED["exam", "delivered"], **TOLD))
    roles = [(p.attrib["UserID"], [r.attrib["csd-code"] for r in p]) for p in root.findall("ActiveParticipant")]
    assert roles == [("AGENT", ["110153"]), ("Олена", []), ("PACS & Co", ["110152"])]
    study = objects["Study Instance UID"]
    assert study.attrib["ParticipantObjectID"] == "2.25.1"
    assert [e.attrib for e in study.findall("ParticipantObjectDescription/Accession")] == [{"Number": "A<1>"}]
    counted = [(e.get("UID"), e.attrib["NumberOfInstances"]) for e in study.iter("SOPClass")]
    assert counted == [("1.2.840.10008.5.1.4.1.1.7", "2"), (None, "2")]
    patient = objects["Patient Number"]
    assert (patient.attrib["ParticipantObjectID"], patient.findtext("ParticipantObjectName")) == (
        "UA-1", "Ґалаґан^Їванна",
    )  # fmt: skip


def test_a_query_is_kept_as_it_was_asked() -> None:
    _, objects = _described(row(QUERY, subject="worklist", query="PatientName=Ґалаґан*"))
    query = objects["Search Criteria"].findtext("ParticipantObjectQuery") or ""
    assert base64.b64decode(query).decode() == "PatientName=Ґалаґан*"


def test_number_and_hash_are_told_so_that_the_repository_can_prove_the_chain() -> None:
    details = {d.attrib["type"]: base64.b64decode(d.attrib["value"]).decode()
               for d in fromstring(made(row(QUERY))).iter("ParticipantObjectDetail")}  # fmt: skip
    assert details == {"number": "7", "sha256": "f" * 64}


@given(st.text(), st.text(), st.text(min_size=1))
def test_no_text_breaks_the_message(name: str, who: str, subject: str) -> None:
    told = row(QUERY, patient_name=name, patient_id=subject, subject=subject, query=name or "x", reason=who)
    text = made({**told, "who": who})
    assert fromstring(text).tag == "AuditMessage"
    text.encode("utf-8")


def test_a_frame_follows_rfc_5424_and_5425() -> None:
    text = made(row(QUERY, **TOLD))
    framed = message(text, at="2026-11-24T10:00:00.123+02:00", host="коробка box", number=2**31, failed=True)
    head, _, body = framed.partition(b" ")
    assert int(head) == len(body)
    found = re.fullmatch(
        rb'<(\d+)>1 (\S+) (\S+) (\S+) - (\S+) \[meta sequenceId="(\d+)"\] \xef\xbb\xbf(.*)', body, re.DOTALL
    )
    assert found is not None
    priority, at, host, app, msgid, sequence, sent = found.groups()
    assert divmod(int(priority), 8) == (10, 4)
    assert datetime.fromisoformat(at.decode()).utcoffset() is not None
    assert (host, app, msgid, int(sequence)) == (b"box", b"modality-agent", b"DICOM+RFC3881", 1)
    assert sent.decode() == text


def test_only_a_transfer_names_destinations() -> None:
    naming = {e.event for e in EVENTS if "PACS &amp; Co" in made(row(e, **TOLD))}
    assert naming == {EventId.BEGIN_TRANSFERRING, EventId.INSTANCES_TRANSFERRED}
