"""The proof: a written object that is not exactly the frame of the confirmed patient is never passed (P2, P4)."""

import dataclasses
import hashlib

import pydicom
import pytest
from exam_pictures import EMERGENCY, PICTURES, UNSCHEDULED, a_step, put, scheduled
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from agent.errors import AgentError, ObjectCorrupt, ObjectInvalid, SnapshotMismatch, SpoolDamaged
from agent.frame_file import encode_header
from agent.model import IdentitySnapshot, Patient

SMALL = PICTURES["colour"]


def test_what_is_recorded(tmp_path):
    written = put(tmp_path, scheduled(), PICTURES["jpeg colour odd"]).build()
    content = written.object.read_bytes()
    built = written.verify()
    assert built.frame_id == "0d6f6a0e-0000-4000-8000-000000000001"
    assert built.sop_class_uid == "1.2.840.10008.5.1.4.1.1.7"
    assert built.sop_instance_uid == "2.25.400000000000000000000000000000000001"
    assert built.transfer_syntax_uid == "1.2.840.10008.1.2.4.50"
    assert built.size == len(content)
    assert built.sha256 == hashlib.sha256(content).hexdigest()
    assert built.warnings == ()


TOP = {
    "PatientName": "Шевченко^Тарас^Григоровіч",
    "PatientID": "UA-00018",
    "IssuerOfPatientID": "HOSP2",
    "PatientBirthDate": "19640310",
    "PatientSex": "F",
    "AccessionNumber": "ACC-2026-002",
    "StudyInstanceUID": "2.25.1",
    "StudyID": "RP-002",
    "SeriesInstanceUID": "2.25.2",
    "InstanceNumber": 4,
}
REQUEST = {
    "RequestedProcedureID": "RP-002",
    "ScheduledProcedureStepID": "SPS-002",
    "AccessionNumber": "ACC-2026-002",
    "StudyInstanceUID": "2.25.1",
    "RequestedProcedureDescription": "інше",
    "ScheduledProcedureStepDescription": "інше",
}


def rewritten(written, change):
    """The same object after another program changed it and wrote it with pydicom's own means."""
    data_set = pydicom.dcmread(written.object)
    change(data_set)
    data_set.save_as(written.object)
    return written


def test_rewriting_alone_changes_nothing(tmp_path):
    written = put(tmp_path, scheduled(), SMALL).build()
    before = written.object.read_bytes()
    assert rewritten(written, lambda _: None).object.read_bytes() == before
    written.verify()


@pytest.mark.parametrize("keyword", TOP)
@pytest.mark.parametrize("empty", [False, True])
def test_every_identity_attribute_is_compared(tmp_path, keyword, empty):
    def change(data_set):
        setattr(data_set, keyword, "" if empty else TOP[keyword])

    with pytest.raises(SnapshotMismatch) as caught:
        rewritten(put(tmp_path, scheduled(), SMALL).build(), change).verify()
    assert caught.value.facts == {"keywords": keyword}


@pytest.mark.parametrize("keyword", REQUEST)
def test_every_request_attribute_is_compared(tmp_path, keyword):
    def change(data_set):
        setattr(data_set.RequestAttributesSequence[1], keyword, REQUEST[keyword] + "3")

    written = put(tmp_path, scheduled(a_step(1), a_step(2)), SMALL).build()
    with pytest.raises(SnapshotMismatch) as caught:
        rewritten(written, change).verify()
    assert caught.value.facts == {"keywords": "RequestAttributesSequence"}


def swap(data_set):
    data_set.RequestAttributesSequence = list(data_set.RequestAttributesSequence)[::-1]


def drop(data_set):
    data_set.RequestAttributesSequence = list(data_set.RequestAttributesSequence)[:1]


def other(data_set):
    data_set.OtherPatientIDsSequence[0].PatientID = "77-Г"


def no_issuer(data_set):
    del data_set.OtherPatientIDsSequence[0].IssuerOfPatientID


@pytest.mark.parametrize("change", [swap, drop, other, no_issuer])
def test_items_are_compared(tmp_path, change):
    written = put(tmp_path, scheduled(a_step(1), a_step(2)), SMALL).build()
    with pytest.raises(SnapshotMismatch):
        rewritten(written, change).verify()


def test_an_order_cannot_be_added_to_an_emergency(tmp_path):
    def change(data_set):
        data_set.AccessionNumber = "1"

    with pytest.raises(SnapshotMismatch):
        rewritten(put(tmp_path, EMERGENCY, SMALL).build(), change).verify()


def test_another_instance_uid_is_noticed(tmp_path):
    def change(data_set):
        data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = "2.25.3"

    with pytest.raises(SnapshotMismatch):
        rewritten(put(tmp_path, scheduled(), SMALL).build(), change).verify()


def test_question_marks_in_the_file_are_noticed(tmp_path):
    written = put(tmp_path, UNSCHEDULED, SMALL).build()
    name = "О’Коннор-Їжакевич^Ґеорґій".encode()
    content = written.object.read_bytes()
    assert content.count(name) == 1
    written.object.write_bytes(content.replace(name, b"?" * len(name)))
    with pytest.raises(SnapshotMismatch):
        written.verify()


@pytest.mark.parametrize(
    "attribute", ["RequestingService", "NumberOfFrames", "LossyImageCompression", "TimezoneOffsetFromUTC"]
)
def test_the_rules_are_applied_once_more(tmp_path, attribute):
    values = {
        "NumberOfFrames": 1,
        "LossyImageCompression": "01",
        "RequestingService": " x",
        "TimezoneOffsetFromUTC": "+02",
    }

    def change(data_set):
        setattr(data_set, attribute, values[attribute])

    with pytest.raises(ObjectInvalid, match=attribute):
        rewritten(put(tmp_path, scheduled(), SMALL).build(), change).verify()


@pytest.mark.parametrize("picture", ["colour", "jpeg colour odd", "colour odd"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_noticed_or_gives_another_hash(tmp_path, picture, data):
    """A changed byte may stay within the rules (a description's letter), but then the hash differs."""
    written = put(tmp_path, UNSCHEDULED, PICTURES[picture]).build()
    right = written.verify()
    content = bytearray(written.object.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    written.object.write_bytes(content)
    try:
        built = written.verify()
    except AgentError:
        return
    assert built.sha256 != right.sha256
    assert at < len(content) - len(written.payload) - 20


@pytest.mark.parametrize("picture", ["colour", "jpeg colour odd", "colour odd"])
def test_damaged_pixels_are_noticed(tmp_path, picture):
    written = put(tmp_path, UNSCHEDULED, PICTURES[picture]).build()
    content = written.object.read_bytes()
    start = content.index(b"\xe0\x7f\x10\x00")
    for at in (start + 4, start + 8, start + 40, len(content) - 3, len(content) - 1):
        changed = bytearray(content)
        changed[at] ^= 0x55
        written.object.write_bytes(changed)
        with pytest.raises(ObjectCorrupt):
            written.verify()


@pytest.mark.parametrize("picture", ["colour", "jpeg colour"])
def test_a_torn_or_longer_file_is_noticed(tmp_path, picture):
    written = put(tmp_path, UNSCHEDULED, PICTURES[picture]).build()
    content = written.object.read_bytes()
    start = content.index(b"\xe0\x7f\x10\x00")
    for wrong in (
        b"",
        content[:100],
        content[:300],
        content[:start],
        content[: start + 6],
        content[:-1],
        content + b"\0",
    ):
        written.object.write_bytes(wrong)
        with pytest.raises(ObjectCorrupt):
            written.verify()


def test_a_frame_that_changed_is_not_built(tmp_path):
    written = put(tmp_path, UNSCHEDULED, SMALL)
    content = bytearray(written.frame.read_bytes())
    content[-1] ^= 1
    written.frame.write_bytes(content)
    with pytest.raises(SpoolDamaged):
        written.build()
    written.frame.write_bytes(content[:-1])
    with pytest.raises(SpoolDamaged):
        written.build()
    written.frame.write_bytes(content[:5000])
    with pytest.raises(SpoolDamaged):
        written.build()


def test_the_object_of_another_frame_is_not_passed(tmp_path):
    written = put(tmp_path, UNSCHEDULED, SMALL).build()
    other_patient = dataclasses.replace(UNSCHEDULED, patient=Patient(patient_name="Інший", patient_id="M-7"))
    record = dataclasses.replace(written.record, snapshot_digest=other_patient.digest())
    written.frame.write_bytes(encode_header(record, other_patient, written.box, {}) + written.payload)
    with pytest.raises(SnapshotMismatch) as caught:
        written.verify()
    assert caught.value.facts == {"keywords": "PatientName"}
    assert "Інший" not in str(caught.value)


LETTERS = st.text(st.sampled_from("АБҐґЄєІіЇї’ʼ^^==  -.AZaz09\\?\n\t\ufffd\u0301\u00a0\u200b\u2028𝄞шё"), max_size=20)
WORDS = LETTERS | st.text(max_size=70)
PATIENTS = st.builds(
    Patient,
    patient_name=WORDS,
    patient_id=WORDS,
    issuer_of_patient_id=WORDS,
    patient_birth_date=st.sampled_from(["", "19640309", "20000230", "1964"]),
    patient_sex=st.sampled_from(["", "M", "F", "O", "X"]),
    other_patient_ids=st.lists(st.tuples(WORDS, WORDS), max_size=1).map(tuple),
    patient_comments=WORDS,
    medical_alerts=WORDS,
    allergies=WORDS,
)


def stated(data_set, keyword):
    return str(data_set.get(keyword, "") or "")


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(patient=PATIENTS)
@example(Patient(patient_name="A=", patient_id="1"))
@example(Patient(patient_name="А\u0301^Ї", patient_id="1"))
@example(Patient(patient_name="A^^^", patient_id="1"))
@example(Patient(patient_name="A\u2028", patient_id="1\u00a0"))
@example(Patient(patient_name="A", patient_id="\x00"))
def test_exactly_the_snapshot_or_nothing(tmp_path, patient):
    """Whatever a snapshot holds: the object says the same letter by letter, or there is no object."""
    assume_text(patient)
    snapshot = dataclasses.replace(UNSCHEDULED, patient=patient)
    try:
        written = put(tmp_path, snapshot, SMALL).build()
    except ObjectInvalid:
        return
    written.verify()
    data_set = pydicom.dcmread(written.object)
    assert stated(data_set, "PatientName") == patient.patient_name
    assert stated(data_set, "PatientID") == patient.patient_id
    assert stated(data_set, "IssuerOfPatientID") == patient.issuer_of_patient_id
    assert stated(data_set, "PatientBirthDate") == patient.patient_birth_date
    assert stated(data_set, "PatientSex") == patient.patient_sex
    others = [
        (stated(i, "PatientID"), stated(i, "IssuerOfPatientID")) for i in data_set.get("OtherPatientIDsSequence", ())
    ]
    assert others == list(patient.other_patient_ids)
    assert patient.patient_name.encode() in written.object.read_bytes()


def assume_text(patient):
    """A snapshot with text that UTF-8 cannot hold is refused before there is a frame file."""
    try:
        dataclasses.replace(UNSCHEDULED, patient=patient).digest()
    except UnicodeEncodeError:
        assume(False)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(words=st.lists(WORDS, min_size=6, max_size=6), accession=WORDS)
def test_exactly_the_order_or_nothing(tmp_path, words, accession):
    keys = [
        "accession_number",
        "requested_procedure_id",
        "requested_procedure_description",
        "scheduled_procedure_step_id",
        "scheduled_procedure_step_description",
        "referring_physician_name",
    ]
    try:
        snapshot: IdentitySnapshot = scheduled(
            a_step(1, **dict(zip(keys, words, strict=True))), accession_number=accession
        )
        written = put(tmp_path, snapshot, SMALL).build()
    except (ObjectInvalid, UnicodeEncodeError):
        return
    written.verify()
    data_set = pydicom.dcmread(written.object)
    assert stated(data_set, "AccessionNumber") == accession
    assert stated(data_set, "ReferringPhysicianName") == words[5]
    complete = bool(words[1] and words[3])
    items = [
        (i.RequestedProcedureID, i.ScheduledProcedureStepID, stated(i, "AccessionNumber"))
        for i in data_set.get("RequestAttributesSequence", ())
    ]
    assert items == ([(words[1], words[3], words[0])] if complete else [])
