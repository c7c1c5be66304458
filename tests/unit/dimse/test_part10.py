"""The head of a Part 10 file: pydicom's files, damaged files, arbitrary bytes (PS3.10 7.1)."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite

from agent.dimse.part10 import FileFault, open_file, parse_meta, read_meta

CLASS, INSTANCE, SYNTAX = "1.2.840.10008.5.1.4.1.1.7", "2.25.123", "1.2.840.10008.1.2.1"


def write(path: Path, private: int = 0) -> Path:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.PatientName = CLASS, INSTANCE, "A^B"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = SYNTAX
    ds.file_meta.ImplementationClassUID = "2.25.1"
    if private:
        ds.file_meta.PrivateInformationCreatorUID = "2.25.2"
        ds.file_meta.PrivateInformation = bytes(private)
    dcmwrite(path, ds, enforce_file_format=True)
    return path


@pytest.mark.parametrize("private", [0, 10, 20_000])
def test_it_reads_what_pydicom_wrote(tmp_path: Path, private: int) -> None:
    path = write(tmp_path / "a.dcm", private)
    fd = open_file(str(path))
    try:
        meta = read_meta(fd)
    finally:
        os.close(fd)
    assert (meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid) == (CLASS, INSTANCE, SYNTAX)
    assert path.read_bytes()[meta.data_offset :][:4] == b"\x08\0\x16\0"
    assert path.read_bytes().startswith(meta.head)


def test_every_shorter_head_is_refused(tmp_path: Path) -> None:
    data = write(tmp_path / "a.dcm").read_bytes()
    end = 144 + struct.unpack_from("<I", data, 140)[0]
    assert parse_meta(data[:end]).sop_instance_uid == INSTANCE
    for length in range(end):
        with pytest.raises(FileFault) as refused:
            parse_meta(data[:length])
        assert refused.value.code == "not part 10"


@given(st.binary(max_size=400), st.booleans())
def test_arbitrary_bytes_are_a_file_fault(data: bytes, dressed: bool) -> None:
    if dressed:
        data = bytes(128) + b"DICM\x02\0\0\0UL\x04\0" + struct.pack("<I", len(data)) + data
    with pytest.raises(FileFault):
        parse_meta(data)


def test_a_length_of_four_gibibytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(bytes(128) + b"DICM\x02\0\0\0UL\x04\0\xff\xff\xff\xff" + bytes(100))
    fd = open_file(str(path))
    try:
        with pytest.raises(FileFault):
            read_meta(fd)
    finally:
        os.close(fd)


def test_what_cannot_be_opened_or_read_has_a_name(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as refused:
        open_file(str(tmp_path / "none.dcm"))
    assert refused.value.code == "missing"
    fd = open_file(str(tmp_path))
    try:
        with pytest.raises(FileFault) as refused:
            read_meta(fd)
    finally:
        os.close(fd)
    assert refused.value.code == "unreadable"
