"""Every kind of exam and picture becomes an object that independent readers accept and read alike."""

import dataclasses
import io
import json
import os
import re
from importlib.resources import files

import numpy as np
import pydicom
import pytest
from exam_pictures import (
    BOX,
    DCIODVFY,
    EMERGENCY,
    FACTS,
    GENERATED_STUDY,
    GROUP,
    JPEG,
    PICTURES,
    SNAPSHOTS,
    STUDY,
    UNSCHEDULED,
    a_step,
    put,
    run,
    scheduled,
)
from PIL import Image

from agent.errors import ObjectInvalid
from agent.model import Code, Patient


def read(written):
    return pydicom.dcmread(written.object)


def assert_conforming(path, whitelist="nothing"):
    text = run(DCIODVFY, "-new", path, check=False)
    assert "SCImage" in text
    errors = re.findall(r"^Error.*", text, re.MULTILINE)
    assert [error for error in errors if not re.search(whitelist, error)] == []


LENGTH_IN_BYTES = r"PatientName.*Length invalid for this VR = <[0-9]+> - expected <= 64"
"""dciodvfy 20260927 counts the bytes of the whole name; PS3.5 6.2 limits the characters of each group."""


@pytest.mark.parametrize("snapshot", SNAPSHOTS.values(), ids=SNAPSHOTS)
@pytest.mark.parametrize("picture", ["colour", "jpeg colour"])
def test_every_exam_conforms(tmp_path, snapshot, picture):
    written = put(tmp_path, snapshot, PICTURES[picture]).build()
    assert_conforming(written.object)
    built = written.verify()
    assert built.size == written.object.stat().st_size
    assert f"{built.sha256}  " in run("sha256sum", written.object)


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_every_picture_conforms_and_shows_the_frame(tmp_path, picture):
    written = put(tmp_path, SNAPSHOTS["scheduled"], picture).build()
    assert_conforming(written.object)
    run("dcmdump", "-q", "+E", written.object)
    data_set = read(written)
    if data_set.file_meta.TransferSyntaxUID == JPEG:
        (fragment,) = fragments(data_set)
        assert fragment[: len(picture.payload)] == picture.payload
        assert fragment[len(picture.payload) :] in (b"", b"\0")
        assert seen_by_dcmtk(written, tmp_path) == pytest.approx(decoded(picture.payload), abs=3)
    else:
        assert data_set.PixelData[: len(picture.payload)] == picture.payload
        if data_set.BitsStored == 8:
            assert (seen_by_dcmtk(written, tmp_path) == written_pixels(data_set)).all()
    written.verify()


def fragments(data_set):
    """Everything after the Basic Offset Table, which must be empty."""
    found = list(pydicom.encaps.generate_fragments(data_set.PixelData))
    assert found[0] == b""
    return found[1:]


def decoded(stream):
    return np.asarray(Image.open(io.BytesIO(stream)), dtype=int)


def written_pixels(data_set):
    shape = (data_set.Rows, data_set.Columns, data_set.SamplesPerPixel)
    count = shape[0] * shape[1] * shape[2]
    return np.frombuffer(data_set.PixelData[:count], "u1").reshape(shape).squeeze().astype(int)


def seen_by_dcmtk(written, folder):
    """The pixels as DCMTK shows them, without aspect correction, 0 to 255."""
    run("dcmj2pnm", "-q", "-a", "+Ww", "128", "256", "+op", written.object, folder / "seen.ppm")
    return np.asarray(Image.open(folder / "seen.ppm"), dtype=int)


def test_attributes_of_a_scheduled_exam(tmp_path):
    data_set = read(put(tmp_path, scheduled(), PICTURES["jpeg aspect"]).build())
    assert data_set.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.50"
    assert data_set.file_meta.ImplementationClassUID.startswith("2.25.")
    assert len(data_set.file_meta.ImplementationVersionName) <= 16
    stated = {element.keyword: element.value for element in data_set if element.VR != "SQ"}
    del stated["PixelData"]
    assert {key: list(v) if isinstance(v, pydicom.multival.MultiValue) else v for key, v in stated.items()} == {
        "SpecificCharacterSet": "ISO_IR 192",
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "InstanceCreationDate": "20261123",
        "InstanceCreationTime": "100000.123456",
        "InstanceCreatorUID": "2.25.200000000000000000000000000000000001",
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7",
        "SOPInstanceUID": "2.25.400000000000000000000000000000000001",
        "StudyDate": "20261123",
        "SeriesDate": "20261123",
        "AcquisitionDate": "20261123",
        "ContentDate": "20261123",
        "AcquisitionDateTime": "20261123100000.123456+0200",
        "StudyTime": "095500",
        "SeriesTime": "100000.123456",
        "AcquisitionTime": "100000.123456",
        "ContentTime": "100000.123456",
        "AccessionNumber": "ACC-2026-001",
        "Modality": "ES",
        "ConversionType": "DV",
        "Manufacturer": "modality-agent",
        "InstitutionName": "Міська лікарня № 1",
        "InstitutionAddress": "вул. Їжакевича, 5",
        "ReferringPhysicianName": "Петренко^Ґалина^Їванівна",
        "TimezoneOffsetFromUTC": "+0200",
        "StationName": "ENDO1",
        "StudyDescription": "Езофагогастродуоденоскопія",
        "SeriesDescription": "Езофагогастродуоденоскопія",
        "InstitutionalDepartmentName": "Ендоскопія",
        "PerformingPhysicianName": "Коваль^Олена^Іванівна",
        "ManufacturerModelName": "modality-agent",
        "PatientName": "Шевченко^Тарас^Григорович",
        "PatientID": "UA-00017",
        "IssuerOfPatientID": "HOSP1",
        "PatientBirthDate": "19640309",
        "PatientSex": "M",
        "PatientAge": "062Y",
        "PatientSize": 1.82,
        "PatientWeight": 82,
        "MedicalAlerts": "алергія на латекс",
        "Allergies": "латекс",
        "PregnancyStatus": 4,
        "PatientComments": "чекає на лікаря",
        "DeviceSerialNumber": "MA-0001",
        "DeviceUID": "2.25.300000000000000000000000000000000001",
        "SecondaryCaptureDeviceID": "MA-0001",
        "DateOfSecondaryCapture": "20261123",
        "TimeOfSecondaryCapture": "100000.123456",
        "SecondaryCaptureDeviceManufacturer": "modality-agent",
        "SecondaryCaptureDeviceManufacturerModelName": "modality-agent",
        "SecondaryCaptureDeviceSoftwareVersions": "0.1.0",
        "SoftwareVersions": "0.1.0",
        "VideoImageFormatAcquired": "PAL",
        "ProtocolName": "ФГДС",
        "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": "2.25.500000000000000000000000000000000001",
        "StudyID": "RP-001",
        "SeriesNumber": 1,
        "InstanceNumber": 3,
        "PatientOrientation": "",
        "ImageLaterality": "U",
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "YBR_FULL_422",
        "PlanarConfiguration": 0,
        "Rows": 48,
        "Columns": 64,
        "PixelAspectRatio": [54, 59],
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "BurnedInAnnotation": "NO",
        "RequestingService": "Терапія",
        "LossyImageCompression": "01",
        "LossyImageCompressionRatio": stated["LossyImageCompressionRatio"],
        "LossyImageCompressionMethod": "ISO_10918_1",
        "AdmissionID": "A-5",
    }
    payload = len(PICTURES["jpeg aspect"].payload)
    assert float(data_set.LossyImageCompressionRatio) == pytest.approx(48 * 64 * 3 / payload, rel=1e-5)


def test_sequences_of_a_scheduled_exam(tmp_path):
    data_set = read(put(tmp_path, scheduled(), PICTURES["colour"]).build())
    (request,) = data_set.RequestAttributesSequence
    assert request.RequestedProcedureID == "RP-001"
    assert request.ScheduledProcedureStepID == "SPS-001"
    assert request.AccessionNumber == "ACC-2026-001"
    assert request.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "RIS"
    assert request.StudyInstanceUID == STUDY
    assert request.RequestedProcedureDescription == "Езофагогастродуоденоскопія"
    assert request.ScheduledProcedureStepDescription == "ФГДС діагностична"
    assert request.ReasonForTheRequestedProcedure == "Біль?"
    assert request.RequestedProcedureCodeSequence[0].CodeValue == "76009000"
    assert request.ScheduledProtocolCodeSequence[0].CodingSchemeVersion == "2"
    assert request.ReferencedStudySequence[0].ReferencedSOPInstanceUID == STUDY
    assert data_set.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "RIS"
    assert data_set.IssuerOfAdmissionIDSequence[0].LocalNamespaceEntityID == "HOSP1"
    assert data_set.ProcedureCodeSequence[0].CodeMeaning == "Езофагогастродуоденоскопія"
    assert data_set.ReferencedStudySequence[0].ReferencedSOPClassUID == "1.2.840.10008.3.1.2.3.1"
    assert data_set.AnatomicRegionSequence[0].CodeMeaning == "Stomach"
    others = [(i.PatientID, i.get("IssuerOfPatientID"), i.TypeOfPatientID) for i in data_set.OtherPatientIDsSequence]
    assert others == [("77-Ґ", "ЛІКАРНЯ", "TEXT"), ("9", None, "TEXT")]
    (device,) = data_set.ContributingEquipmentSequence
    assert (device.Manufacturer, device.ManufacturerModelName, device.DeviceSerialNumber) == (
        "Old Scopes",
        "EVIS-100",
        "7",
    )
    assert device.PurposeOfReferenceCodeSequence[0].CodeValue == "109101"
    assert "ReferencedPerformedProcedureStepSequence" not in data_set


def test_performed_step_and_operator(tmp_path):
    facts = dataclasses.replace(
        FACTS,
        operators_name="Коваль^Олена",
        performed_procedure_step_uid="2.25.9",
        performed_procedure_step_id="PPS-1",
        performed_procedure_step_start_date="20261123",
        performed_procedure_step_start_time="100000",
        performed_procedure_step_description="ФГДС",
        performed_protocol_codes=(Code(value="urn:oid:1.2.3.4.5.6.7", scheme="99LOCAL", meaning="довгий"),),
    )
    written = put(tmp_path, scheduled(), PICTURES["colour"]).build(facts)
    data_set = read(written)
    (reference,) = data_set.ReferencedPerformedProcedureStepSequence
    assert reference.ReferencedSOPClassUID == "1.2.840.10008.3.1.2.3.3"
    assert reference.ReferencedSOPInstanceUID == "2.25.9"
    assert data_set.PerformedProcedureStepID == "PPS-1"
    assert data_set.PerformedProcedureStepStartDate == "20261123"
    assert data_set.PerformedProcedureStepStartTime == "100000"
    assert data_set.PerformedProcedureStepDescription == "ФГДС"
    assert data_set.PerformedProtocolCodeSequence[0].LongCodeValue == "urn:oid:1.2.3.4.5.6.7"
    assert data_set.OperatorsName == "Коваль^Олена"
    assert_conforming(written.object)


def test_group_case_claims_nothing_for_all(tmp_path):
    data_set = read(put(tmp_path, GROUP, PICTURES["colour"]).build())
    assert data_set.StudyInstanceUID == GENERATED_STUDY
    assert data_set.AccessionNumber == ""
    assert data_set.ReferringPhysicianName == ""
    assert "StudyDescription" not in data_set
    assert "IssuerOfAccessionNumberSequence" not in data_set
    stated = [
        (i.AccessionNumber, i.StudyInstanceUID, i.RequestedProcedureID) for i in data_set.RequestAttributesSequence
    ]
    assert stated == [("ACC-2026-001", STUDY, "RP-001"), ("ACC-2026-002", STUDY + ".2", "RP-002")]


def test_incomplete_order_has_no_request_attributes(tmp_path):
    snapshot = scheduled(a_step(1), a_step(2, requested_procedure_id=""))
    data_set = read(put(tmp_path, snapshot, PICTURES["colour"]).build())
    assert "RequestAttributesSequence" not in data_set
    assert data_set.AccessionNumber == "ACC-2026-001"


@pytest.mark.parametrize("snapshot", [UNSCHEDULED, EMERGENCY])
def test_without_an_order(tmp_path, snapshot):
    data_set = read(put(tmp_path, snapshot, PICTURES["colour"]).build())
    assert data_set.StudyInstanceUID == GENERATED_STUDY
    assert data_set["AccessionNumber"].value == ""
    assert data_set["PatientBirthDate"].value == ""
    assert data_set["PatientSex"].value == ""
    assert "RequestAttributesSequence" not in data_set
    assert data_set.PatientName == snapshot.patient.patient_name


def test_an_accession_number_is_never_invented(tmp_path):
    snapshot = dataclasses.replace(UNSCHEDULED, accession_number="1")
    with pytest.raises(ObjectInvalid, match="AccessionNumber"):
        put(tmp_path, snapshot, PICTURES["colour"]).build()


@pytest.mark.parametrize(
    "name",
    [
        "Ґалаґан^Єва^Їлівна",
        "О’Коннор-Їжакевич^Ґеорґій",
        "Солов\u02bcянко^Анатолій",
        "Shevchenko^Taras=Шевченко^Тарас",
        "Shevchenko^Taras=Шевченко^Тарас=Шевченко^Тарас",
        "Шевченко^Тарас^Григорович^д-р^мол",
        "Щ" * 64,
        "^Тарас",
        "=Шевченко^Тарас",
    ],
)
def test_names_survive(tmp_path, name):
    snapshot = dataclasses.replace(UNSCHEDULED, patient=Patient(patient_name=name, patient_id="Ї-1’ʼ"))
    written = put(tmp_path, snapshot, PICTURES["colour"]).build()
    written.verify()
    assert name.encode() in written.object.read_bytes()
    assert f"[{name}]" in run("dcmdump", "-q", "+L", "+P", "0010,0010", written.object)
    assert "[Ї-1’ʼ]" in run("dcmdump", "-q", "+L", "+P", "0010,0020", written.object)
    assert_conforming(written.object, LENGTH_IN_BYTES if len(name.encode()) > 64 else "nothing")


@pytest.mark.parametrize(
    ("acquired_at", "zone", "stated"),
    [
        ("2026-10-25T00:59:59.5+00:00", "Europe/Kyiv", "20261025035959.500000+0300"),
        ("2026-10-25T01:00:00+00:00", "Europe/Kyiv", "20261025030000.000000+0200"),
        ("2026-10-25T03:30:00+03:00", "Europe/Kyiv", "20261025033000.000000+0300"),
        ("2026-10-25T03:30:00+02:00", "Europe/Kyiv", "20261025033000.000000+0200"),
        ("2026-03-29T00:59:59+00:00", "Europe/Kyiv", "20260329025959.000000+0200"),
        ("2026-03-29T01:00:00+00:00", "Europe/Kyiv", "20260329040000.000000+0300"),
        ("2026-01-01T00:00:00+00:00", "America/St_Johns", "20251231203000.000000-0330"),
        ("2026-01-01T00:00:00+00:00", "UTC", "20260101000000.000000+0000"),
    ],
)
def test_the_offset_is_that_of_the_instant(tmp_path, acquired_at, zone, stated):
    box = dataclasses.replace(BOX, timezone=zone)
    data_set = read(put(tmp_path, UNSCHEDULED, PICTURES["colour"], box, acquired_at=acquired_at).build())
    assert data_set.AcquisitionDateTime == stated
    assert data_set.ContentDate + data_set.ContentTime + data_set.TimezoneOffsetFromUTC == stated
    assert data_set.InstanceCreationDate + data_set.InstanceCreationTime == stated[:-5]


@pytest.mark.parametrize(
    ("changes", "zone", "keyword"),
    [
        ({"acquired_at": "2026-10-25T01:00:00"}, "Europe/Kyiv", "AcquisitionDateTime"),
        ({"acquired_at": ""}, "Europe/Kyiv", "AcquisitionDateTime"),
        ({"acquired_at": "0001-01-01T00:00:00+00:00"}, "America/New_York", "AcquisitionDateTime"),
        ({}, "Europe/Nowhere", "TimezoneOffsetFromUTC"),
        ({}, "../etc/passwd", "TimezoneOffsetFromUTC"),
        ({}, "", "TimezoneOffsetFromUTC"),
        ({"acquired_at": "1900-01-01T00:00:00+00:00"}, "Europe/Kyiv", "TimezoneOffsetFromUTC"),
    ],
)
def test_an_impossible_time_is_refused(tmp_path, changes, zone, keyword):
    box = dataclasses.replace(BOX, timezone=zone)
    with pytest.raises(ObjectInvalid, match=keyword):
        put(tmp_path, UNSCHEDULED, PICTURES["colour"], box, **changes).build()


@pytest.mark.parametrize(
    ("box", "changes", "stated"),
    [
        ({"conversion_type": "DI"}, {"image_format": "UVC MJPEG"}, {"DigitalImageFormatAcquired": "UVC MJPEG"}),
        ({}, {"image_format": "PAL 704x576 interlaced"}, {"DigitalImageFormatAcquired": "PAL 704x576 interlaced"}),
        ({"conversion_type": "DF"}, {}, {"ImageType": ["ORIGINAL", "SECONDARY"]}),
        (
            {},
            {"processing": "deinterlaced: bob"},
            {"ImageType": ["ORIGINAL", "PRIMARY"], "DerivationDescription": "deinterlaced: bob"},
        ),
        (
            {},
            {"processing": "deinterlaced: bob; cropped: 704x560+8+8"},
            {"ImageType": ["DERIVED", "PRIMARY"], "DerivationDescription": "deinterlaced: bob; cropped: 704x560+8+8"},
        ),
        ({"image_laterality": "L"}, {}, {"ImageLaterality": "L"}),
        ({"burned_in_annotation": True}, {}, {"BurnedInAnnotation": "YES"}),
        ({"body_part_examined": "STOMACH"}, {}, {"BodyPartExamined": "STOMACH"}),
        ({"device_manufacturer": ""}, {}, {"ContributingEquipmentSequence": None}),
        ({}, {"pixel_aspect_ratio": (1, 1)}, {"PixelAspectRatio": None}),
    ],
)
def test_source_and_processing(tmp_path, box, changes, stated):
    written = put(tmp_path, UNSCHEDULED, PICTURES["colour"], dataclasses.replace(BOX, **box), **changes).build()
    data_set = read(written)
    assert {keyword: data_set.get(keyword) for keyword in stated} == stated
    assert_conforming(written.object)


def test_lossy_history(tmp_path):
    data_set = read(put(tmp_path, UNSCHEDULED, PICTURES["two lossy stages"]).build())
    assert data_set.LossyImageCompression == "01"
    assert list(data_set.LossyImageCompressionMethod) == ["ISO_14496_10", "ISO_10918_1"]
    assert [float(r) for r in data_set.LossyImageCompressionRatio] == [20.0, 7.5]
    never = read(put(tmp_path, UNSCHEDULED, PICTURES["colour"]).build())
    assert never.LossyImageCompression == "00"
    assert "LossyImageCompressionMethod" not in never
    grabber = read(put(tmp_path, UNSCHEDULED, PICTURES["colour from MJPEG"]).build())
    assert (grabber.LossyImageCompression, grabber.LossyImageCompressionRatio) == ("01", 8.1)


def test_the_same_values_give_the_same_file(tmp_path):
    written = put(tmp_path, scheduled(), PICTURES["jpeg colour"]).build()
    first = written.object.read_bytes()
    assert written.build().object.read_bytes() == first
    assert os.stat(written.object).st_size < len(written.payload) + 8192


def items_at(data_set, path):
    """Every item that the path of sequence keywords leads to."""
    items = [data_set]
    for keyword in path:
        items = [below for item in items for below in item.get(keyword, ())]
    return items


@pytest.mark.parametrize("snapshot", ["scheduled", "emergency"])
def test_second_opinion_on_required_attributes(tmp_path, snapshot):
    """highdicom carries the standard's tables of modules and attributes as JSON."""
    tables = files("highdicom") / "_standard"
    modules = json.loads((tables / "iod_module_map.json").read_text())["secondary-capture-image"]
    attributes = json.loads((tables / "module_attribute_map.json").read_text())
    rows = [row for m in modules if m["usage"] == "M" for row in attributes[m["key"]] if row["type"] in "12"]
    assert len(rows) > 100
    data_set = read(put(tmp_path, SNAPSHOTS[snapshot], PICTURES["grey 8"]).build())
    found = [(row, item) for row in rows for item in items_at(data_set, row["path"])]
    assert len(found) > 25
    assert [row for row, item in found if row["keyword"] not in item] == []
    assert [row for row, item in found if row["type"] == "1" and item[row["keyword"]].is_empty] == []


def test_what_the_order_and_the_box_do_not_tell_is_no_reason_to_hold(tmp_path):
    facts = dataclasses.replace(FACTS, study_time="", instance_creator_uid="")
    written = put(tmp_path, scheduled(), PICTURES["colour"]).build(facts)
    written.verify()
    data_set = read(written)
    assert data_set["StudyTime"].value == ""
    assert "InstanceCreatorUID" not in data_set
    assert_conforming(written.object)
