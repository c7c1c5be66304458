"""The data sets of Storage Commitment against pydicom's, and against bytes that are none."""

from __future__ import annotations

import contextlib
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from agent.dimse.commitment_data import CommitmentReport, read_report, request_data
from agent.dimse.upper.failure import ProtocolError

SC = "1.2.840.10008.5.1.4.1.1.7"
COMMITTED = ((SC, "2.25.1"), (SC, "2.25.12"))
FAILED = ((SC, "2.25.3", 0x0112), (SC, "2.25.4", 0x0213))
REPORT = CommitmentReport(transaction_uid="2.25.99", committed=COMMITTED, failed=FAILED)


def written(*, implicit: bool, undefined: bool = False) -> bytes:
    ds = Dataset()
    ds.TransactionUID = "2.25.99"
    ds.RetrieveAETitle = "PACS"
    ds.ReferencedSOPSequence = Sequence([item(*pair) for pair in COMMITTED])
    ds.FailedSOPSequence = Sequence([item(c, i, reason) for c, i, reason in FAILED])
    for keyword in ("ReferencedSOPSequence", "FailedSOPSequence"):
        ds[keyword].is_undefined_length = undefined
        for inner in ds[keyword].value:
            inner.is_undefined_length_sequence_item = undefined
    out = DicomBytesIO()
    out.is_implicit_VR, out.is_little_endian = implicit, True
    write_dataset(out, ds)
    return out.getvalue()


def item(sop_class: str, instance: str, reason: int | None = None) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID, ds.ReferencedSOPInstanceUID = sop_class, instance
    ds.RetrieveURI = "https://pacs.example"
    if reason is not None:
        ds.FailureReason = reason
    return ds


@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("implicit", [True, False])
def test_reports_are_read_as_a_library_writes_them(implicit: bool, undefined: bool) -> None:
    assert read_report(written(implicit=implicit, undefined=undefined), implicit_vr=implicit) == REPORT


@pytest.mark.parametrize("implicit", [True, False])
def test_requests_are_written_as_a_library_reads_them(implicit: bool) -> None:
    data = request_data("2.25.7", COMMITTED, implicit_vr=implicit)
    ds = read_dataset(BytesIO(data), implicit, is_little_endian=True)
    assert ds.TransactionUID == "2.25.7"
    found = [(i.ReferencedSOPClassUID, i.ReferencedSOPInstanceUID) for i in ds.ReferencedSOPSequence]
    assert tuple(found) == COMMITTED


@settings(max_examples=400, deadline=500)
@given(st.binary(max_size=300), st.booleans())
def test_arbitrary_bytes_are_refused_or_read(data: bytes, implicit: bool) -> None:
    with contextlib.suppress(ProtocolError):
        assert isinstance(read_report(data, implicit_vr=implicit), CommitmentReport)


@settings(max_examples=600, deadline=500)
@given(st.data(), st.booleans(), st.booleans())
def test_damaged_reports_are_refused_or_read(data: st.DataObject, implicit: bool, undefined: bool) -> None:
    raw = bytearray(written(implicit=implicit, undefined=undefined))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    del raw[data.draw(st.integers(1, len(raw))) :]
    with contextlib.suppress(ProtocolError):
        read_report(bytes(raw), implicit_vr=implicit)


@pytest.mark.parametrize("depth", [9, 400, 20000])
def test_deep_nesting_ends_early(depth: int) -> None:
    nest = b"\x08\x00\x99\x11\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * depth
    with pytest.raises(ProtocolError):
        read_report(nest, implicit_vr=True)


@pytest.mark.parametrize("uid", ["", "2.25.x", "1" * 65])
def test_a_transaction_uid_must_be_one(uid: str) -> None:
    with pytest.raises((ProtocolError, ValueError)):
        read_report(request_data(uid, (), implicit_vr=True), implicit_vr=True)
