"""Our own check refuses what must not leave, by keyword and reason and never by value (promise P4)."""

import dataclasses
import warnings

import pytest
from exam_pictures import (
    BOX,
    EMERGENCY,
    FACTS,
    JPEG,
    PICTURES,
    SNAPSHOTS,
    UNSCHEDULED,
    Picture,
    a_record,
    a_step,
    jpeg,
    put,
    scheduled,
)
from pydicom import Dataset

from agent.errors import ObjectInvalid
from agent.model import Code, Patient
from agent.objects.data_set import composite
from agent.objects.family import BY_NAME
from agent.objects.terms import ENUMERATED, forbidden, type_1, type_2
from agent.objects.validity import check, rules

COLOUR = PICTURES["colour"]


def a_data_set(picture=COLOUR, snapshot=SNAPSHOTS["scheduled"], box=BOX, **changes):
    record = a_record(picture, snapshot, **changes)
    return composite(snapshot, box, record, FACTS), record


@pytest.mark.parametrize("snapshot", SNAPSHOTS.values(), ids=SNAPSHOTS)
@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_what_is_right_passes(snapshot, picture):
    check(*a_data_set(picture, snapshot))


def test_the_table_is_a_table():
    assert len(rules(BY_NAME["secondary-capture"])) > 80
    assert len(TYPE_1) == 33
    assert len(TYPE_2) == 6


SC = BY_NAME["secondary-capture"]
TYPE_1, TYPE_2, FORBIDDEN = type_1(SC), type_2(SC), forbidden(SC)


@pytest.mark.parametrize("keyword", [*TYPE_1, *TYPE_2])
def test_a_missing_attribute_is_refused(keyword):
    data_set, record = a_data_set()
    del data_set[keyword]
    with pytest.raises(ObjectInvalid, match=f"^{keyword}: "):
        check(data_set, record)


@pytest.mark.parametrize("keyword", TYPE_1)
def test_an_empty_attribute_is_refused(keyword):
    data_set, record = a_data_set()
    data_set[keyword].clear()
    with pytest.raises(ObjectInvalid, match=f"^{keyword}: "):
        check(data_set, record)


@pytest.mark.parametrize("keyword", FORBIDDEN)
def test_a_forbidden_attribute_is_refused(keyword):
    data_set, record = a_data_set()
    setattr(data_set, keyword, "R" if keyword == "Laterality" else "US" if keyword == "RescaleType" else 1)
    with pytest.raises(ObjectInvalid, match=f"^{keyword}: "):
        check(data_set, record)


@pytest.mark.parametrize("keyword", ENUMERATED)
def test_an_undefined_value_is_refused(keyword):
    data_set, record = a_data_set()
    value = "1.2.3" if keyword == "SOPClassUID" else 7 if data_set[keyword].VR == "US" else "X"
    setattr(data_set, keyword, value)
    with pytest.raises(ObjectInvalid, match=f"^{keyword}: "):
        check(data_set, record)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientName", "?????^?????"),
        ("PatientName", "Шевчен\ufffdо"),
        ("PatientName", "A" * 65),
        ("PatientName", "A=B=C=D"),
        ("PatientName", "A^B^C^D^E^F"),
        ("PatientName", "A^B^"),
        ("PatientName", "^"),
        ("PatientName", "A\\B"),
        ("PatientName", "A\tB"),
        ("PatientName", " A"),
        ("PatientID", "?"),
        ("PatientID", "1" * 65),
        ("PatientID", "1\n2"),
        ("PatientID", " 1"),
        ("IssuerOfPatientID", "a?"),
        ("AccessionNumber", "12345678901234567"),
        ("AccessionNumber", "12?"),
        ("StudyID", "12345678901234567"),
        ("StudyInstanceUID", "1.2.03"),
        ("StudyInstanceUID", "1.2." + "3" * 61),
        ("StudyInstanceUID", "1.40.1"),
        ("StudyInstanceUID", "3.1.1"),
        ("StudyInstanceUID", "1..2"),
        ("StudyInstanceUID", "1"),
        ("SOPInstanceUID", "1.2.x"),
        ("PatientBirthDate", "19640230"),
        ("PatientBirthDate", "1964"),
        ("PatientBirthDate", "1964-03-09"),
        ("StudyTime", "10:00"),
        ("StudyTime", "250000"),
        ("StudyDate", "20261301"),
        ("Modality", "es"),
        ("Modality", "ES "),
        ("PatientAge", "62"),
        ("TimezoneOffsetFromUTC", "+2:00"),
        ("TimezoneOffsetFromUTC", "0311"),
        ("TimezoneOffsetFromUTC", "-0000"),
        ("TimezoneOffsetFromUTC", "+0260"),
        ("TimezoneOffsetFromUTC", "+1500"),
        ("TimezoneOffsetFromUTC", "+0300"),
        ("ImageType", ["ORIGINAL"]),
        ("ImageType", ["COPY", "PRIMARY"]),
        ("InstanceNumber", 0),
        ("SeriesNumber", -1),
        ("PlanarConfiguration", 1),
        ("BitsStored", 0),
        ("BitsStored", 9),
        ("HighBit", 8),
        ("BitsAllocated", 16),
        ("Rows", 49),
        ("Columns", 0),
        ("PhotometricInterpretation", "YBR_FULL_422"),
        ("PhotometricInterpretation", "MONOCHROME2"),
        ("LossyImageCompression", "01"),
        ("LossyImageCompressionMethod", "ISO_10918_1"),
        ("LossyImageCompressionRatio", "8"),
        ("PixelAspectRatio", [1, 1]),
        ("PixelAspectRatio", [0, 1]),
        ("PixelAspectRatio", 1),
        ("SeriesDescription", "Ї" * 65),
        ("SeriesInstanceUID", "1.2.826.0.1.3680043.9.7777.1.2026.1"),
    ],
)
def test_a_wrong_value_is_refused(keyword, value):
    data_set, record = a_data_set()
    put_raw(data_set, keyword, value)
    with pytest.raises(ObjectInvalid) as caught:
        check(data_set, record)
    told = str(caught.value) + str(caught.value.facts)
    assert str(caught.value.facts["keyword"]) in told
    assert not isinstance(value, str) or len(value) < 4 or value not in told


def put_raw(data_set, keyword, value):
    """Put a value into a data set as pydicom's own defaults let it pass: with a warning at most."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if keyword in data_set:
            del data_set[keyword]  # an element remembers how strict pydicom was when it was made
        setattr(data_set, keyword, value)


def test_the_unknown_and_the_private_are_refused():
    data_set, record = a_data_set()
    data_set.add_new(0x00091001, "LO", "x")
    with pytest.raises(ObjectInvalid, match="private"):
        check(data_set, record)


@pytest.mark.parametrize(
    ("tag", "vr", "value"), [(0x00080000, "UL", 4), (0x7FE00010, "OB", b"\0\0"), (0x00020010, "UI", "1.2")]
)
def test_what_others_write_is_refused(tag, vr, value):
    data_set, record = a_data_set()
    data_set.add_new(tag, vr, value)
    with pytest.raises(ObjectInvalid):
        check(data_set, record)


@pytest.mark.parametrize(
    ("keyword", "item"),
    [
        ("RequestAttributesSequence", {"RequestedProcedureID": "1"}),
        ("RequestAttributesSequence", {"RequestedProcedureID": "1", "ScheduledProcedureStepID": "x?"}),
        ("RequestAttributesSequence", {"RequestedProcedureID": "1" * 17, "ScheduledProcedureStepID": "1"}),
        ("OtherPatientIDsSequence", {"IssuerOfPatientID": "A"}),
        ("ProcedureCodeSequence", {"CodeValue": "1", "CodingSchemeDesignator": "DCM"}),
        ("ProcedureCodeSequence", {"CodeMeaning": "1", "CodingSchemeDesignator": "DCM"}),
        ("ReferencedStudySequence", {"ReferencedSOPInstanceUID": "1.02"}),
    ],
)
def test_wrong_items_are_refused(keyword, item):
    data_set, record = a_data_set()
    below = Dataset()
    for name, value in item.items():
        put_raw(below, name, value)
    setattr(data_set, keyword, [below])
    with pytest.raises(ObjectInvalid):
        check(data_set, record)


def test_an_empty_sequence_is_refused():
    data_set, record = a_data_set()
    data_set.ProcedureCodeSequence = []
    with pytest.raises(ObjectInvalid, match="ProcedureCodeSequence: is an empty sequence"):
        check(data_set, record)


@pytest.mark.parametrize("spacing", ["PixelSpacing", "NominalScannedPixelSpacing"])
def test_no_aspect_ratio_beside_a_spacing(spacing):
    data_set, record = a_data_set(PICTURES["colour aspect"])
    setattr(data_set, spacing, ["0.1", "0.1"])
    with pytest.raises(ObjectInvalid, match=r"^PixelAspectRatio: "):
        check(data_set, record)


@pytest.mark.parametrize(
    ("picture", "changes", "keyword"),
    [
        ("colour", {"transfer_syntax_uid": "1.2.840.10008.1.2"}, "TransferSyntaxUID"),
        ("colour", {"payload_size": 9215}, "PixelData"),
        ("colour", {"lossy": (("ISO_10918_1", 0.0),)}, "LossyImageCompressionRatio"),
        ("colour", {"lossy": (("ISO_10918_1", -1.0),)}, "LossyImageCompressionRatio"),
        ("colour", {"lossy": (("JPEG", 8.0),)}, "LossyImageCompressionMethod"),
        ("jpeg colour", {"lossy": ()}, "LossyImageCompression"),
        ("jpeg colour", {"lossy": (("ISO_14496_10", 8.0),)}, "LossyImageCompressionMethod"),
        ("jpeg colour", {"photometric_interpretation": "YBR_FULL"}, "PhotometricInterpretation"),
        ("jpeg colour", {"samples_per_pixel": 1}, "PhotometricInterpretation"),
        ("grey 8", {"photometric_interpretation": "RGB"}, "PhotometricInterpretation"),
        ("grey 12 of 16", {"bits_stored": 17}, "BitsStored"),
        ("colour", {"instance_number": 0}, "InstanceNumber"),
        ("colour", {"rows": 65536}, "Rows"),
        ("colour", {"sop_instance_uid": "2.25.500000000000000000000000000000000001"}, "SOPInstanceUID"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(picture, changes, keyword):
    with pytest.raises(ObjectInvalid, match=f"^{keyword}: "):
        check(*a_data_set(PICTURES[picture], **changes))


def test_the_count_of_methods_is_checked_against_the_frame():
    data_set, record = a_data_set(PICTURES["two lossy stages"])
    data_set.LossyImageCompressionRatio = ["20"]
    with pytest.raises(ObjectInvalid, match=r"^LossyImageCompressionRatio: "):
        check(data_set, record)


@pytest.mark.parametrize(
    ("change", "keyword"),
    [
        ({"patient_name": ""}, "PatientName"),
        ({"patient_id": ""}, "PatientID"),
        ({"patient_name": "????"}, "PatientName"),
        ({"patient_sex": "Ч"}, "PatientSex"),
        ({"patient_birth_date": "1964-03-09"}, "PatientBirthDate"),
        ({"patient_weight": "важкий"}, "PatientWeight"),
        ({"patient_id": "a\\b"}, "PatientID"),
        ({"other_patient_ids": (("", "X"),)}, "OtherPatientIDsSequence"),
    ],
)
def test_a_bad_patient_is_not_built(tmp_path, change, keyword):
    patient = dataclasses.replace(UNSCHEDULED.patient, **change)
    written = put(tmp_path, dataclasses.replace(UNSCHEDULED, patient=patient), COLOUR)
    with pytest.raises(ObjectInvalid, match=keyword) as caught:
        written.build()
    assert caught.value.code == "O-02"


def test_a_bad_order_is_not_built(tmp_path):
    code = Code(value="1", scheme="", meaning="без схеми")
    with pytest.raises(ObjectInvalid, match=r"CodingSchemeDesignator|CodeMeaning"):
        put(tmp_path, scheduled(a_step(1, requested_procedure_codes=(code,))), COLOUR).build()
    with pytest.raises(ObjectInvalid, match=r"RequestAttributesSequence>ScheduledProcedureStepID"):
        put(tmp_path, scheduled(a_step(1, scheduled_procedure_step_id="x" * 17)), COLOUR).build()


STREAM = PICTURES["jpeg colour"].payload


def without_segment(stream, marker):
    start = stream.index(bytes([0xFF, marker]))
    length = int.from_bytes(stream[start + 2 : start + 4])
    return stream[:start] + stream[start + 2 + length :]


def without_tables(stream):
    while b"\xff\xc4" in stream[: stream.index(b"\xff\xda")]:
        stream = without_segment(stream, 0xC4)
    return stream


@pytest.mark.parametrize(
    "stream",
    [
        without_tables(STREAM),
        without_segment(STREAM, 0xC0),
        STREAM[:-1],
        STREAM[:-2],
        STREAM[2:],
        STREAM.replace(b"\xff\xc0", b"\xff\xc2", 1),
        jpeg(48, 66, 3).payload,
        jpeg(48, 64, 1).payload,
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xdb\x00\x01\xff\xd9",
        b"\xff\xd8" + b"\xff\xe0\x00\x02" * 100 + b"\xff\xd9",
        b"garbage",
        b"",
    ],
    ids=range(13),
)
def test_a_stream_that_is_not_the_picture_is_refused(tmp_path, stream):
    picture = Picture(stream, PICTURES["jpeg colour"].changes)
    with pytest.raises(ObjectInvalid, match=r"^PixelData: "):
        put(tmp_path, UNSCHEDULED, picture).build()


def test_an_unknown_format_of_transfer_is_refused(tmp_path):
    with pytest.raises(ObjectInvalid, match="TransferSyntaxUID"):
        put(tmp_path, EMERGENCY, COLOUR, transfer_syntax_uid=JPEG + "9").build()


def test_a_long_name_counts_by_group():
    name = "=".join(["A" * 64, "Щ" * 64, "Ґ" * 64])
    patient = Patient(patient_name=name, patient_id="1")
    check(*a_data_set(snapshot=dataclasses.replace(UNSCHEDULED, patient=patient)))
