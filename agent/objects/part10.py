"""One Part 10 file from a data set and a durable frame, and its proof (PS3.10 7.1, PS3.5 A.2, A.4).

Writing: everything but Pixel Data through pydicom, then the payload is copied from the frame file through a
small buffer, unchanged: as it is (native) or as the one fragment after an empty Basic Offset Table (JPEG).
Reading again: from a descriptor opened anew, the whole file, against the frame and the snapshot (ruling 8).
The pixels never are in memory at once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID

from agent.errors import ObjectCorrupt, ObjectInvalid, SpoolDamaged
from agent.model import BuiltObject, FrameRecord, IdentitySnapshot
from agent.objects import identity, validity
from agent.objects.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from agent.objects.pixel import EXPLICIT_VR_LITTLE_ENDIAN
from agent.objects.strict import FOREIGN, strict

BUFFER = 256 << 10
_PIXEL_DATA = b"\xe0\x7f\x10\x00"
_UNDEFINED = b"\xff\xff\xff\xff"
_ITEM = b"\xfe\xff\x00\xe0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
_LONGEST_VALUE = 2**32 - 2

Beat = Callable[[], None]
"""Called now and then, so that a long copy is not taken for a hang."""


def write(fd: int, data_set: Dataset, record: FrameRecord, *, frame_fd: int, offset: int, beat: Beat) -> str:
    """Write the object into `fd` from its current position; the payload starts at `offset` of `frame_fd`.

    Returns the SHA-256 of what was written, so that what is read again can be compared with all of it.

    Nothing is synced or renamed here. Raises `ObjectInvalid` when a value cannot be encoded, `SpoolDamaged`
    when the payload is not the one that `record` names, `OSError` when the disk refuses.
    """
    validity.check(data_set, record)
    before, after = _around_payload(record)
    _write_all(fd, head := encode(data_set, record) + before)
    whole, payload = hashlib.sha256(head), hashlib.sha256()
    for part in _parts(frame_fd, offset, record.payload_size):
        whole.update(part)
        payload.update(part)
        _write_all(fd, part)
        beat()
    if payload.hexdigest() != record.payload_sha256:
        raise SpoolDamaged("The pixels of a stored frame changed on the disk.")
    _write_all(fd, after)
    whole.update(after)
    return whole.hexdigest()


def encode(data_set: Dataset, record: FrameRecord) -> bytes:
    """Return preamble, File Meta Information and `data_set` as Explicit VR Little Endian.

    Raises `ObjectInvalid` for anything that pydicom would only warn about.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    meta.TransferSyntaxUID = UID(record.transfer_syntax_uid)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    buffer = BytesIO()
    whole = FileDataset(buffer, data_set, preamble=b"\0" * 128, file_meta=meta)
    try:
        with strict():
            dcmwrite(buffer, whole, enforce_file_format=True)
    except FOREIGN:
        raise ObjectInvalid("The data set cannot be encoded.") from None
    return buffer.getvalue()


def reread(fd: int, snapshot: IdentitySnapshot, record: FrameRecord, beat: Beat) -> BuiltObject:
    """Return what the object in `fd` (open for reading, from its beginning) is, after reading all of it.

    Raises `ObjectCorrupt` when it is not exactly one object with the payload of `record`, `ObjectInvalid`
    when it breaks a rule, `SnapshotMismatch` when any identity attribute is not that of `snapshot`.
    """
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(os.dup(fd), "rb") as file:
        with _reading():
            data_set = dcmread(file, stop_before_pixels=True)
            start = file.tell()
            data_set.walk(lambda _data_set, _element: None)
            _check_meta(data_set, record)
            identity.compare(data_set, snapshot, record)
            validity.check(data_set, record)
        size, sha256 = _check_payload(file, start, record, beat)
    return BuiltObject(
        frame_id=record.frame_id,
        sop_class_uid=str(data_set.SOPClassUID),
        sop_instance_uid=str(data_set.SOPInstanceUID),
        transfer_syntax_uid=str(data_set.file_meta.TransferSyntaxUID),
        size=size,
        sha256=sha256,
    )


@contextmanager
def _reading() -> Iterator[None]:
    """Make every complaint of pydicom an `ObjectCorrupt`; a disk's own error passes."""
    try:
        with strict():
            yield
    except OSError as e:
        if e.errno is not None:
            raise
        raise ObjectCorrupt("The written object cannot be read.", reason="OSError") from None
    except FOREIGN as e:
        raise ObjectCorrupt("The written object cannot be read.", reason=type(e).__name__) from None


def _check_meta(data_set: FileDataset, record: FrameRecord) -> None:
    meta = data_set.file_meta
    stated = [
        meta.get("MediaStorageSOPClassUID"),
        meta.get("MediaStorageSOPInstanceUID"),
        meta.get("TransferSyntaxUID"),
        meta.get("ImplementationClassUID"),
    ]
    wanted = [
        data_set.get("SOPClassUID"),
        data_set.get("SOPInstanceUID"),
        record.transfer_syntax_uid,
        IMPLEMENTATION_CLASS_UID,
    ]
    if stated != wanted:
        raise ObjectCorrupt("The file's head does not agree with its object.")


def _check_payload(file: BinaryIO, start: int, record: FrameRecord, beat: Beat) -> tuple[int, str]:
    """Return size and SHA-256 of the file, after its payload was found whole and with nothing behind it."""
    before, after = _around_payload(record)
    file.seek(0)
    whole, payload = hashlib.sha256(head := file.read(start + len(before))), hashlib.sha256()
    for part in _parts(file.fileno(), start + len(before), record.payload_size):
        whole.update(part)
        payload.update(part)
        beat()
    file.seek(start + len(before) + record.payload_size)
    tail = file.read(len(after) + 1)
    whole.update(tail)
    if head[start:] != before or tail != after or payload.hexdigest() != record.payload_sha256:
        raise ObjectCorrupt("The pixels of the written object are not those of the frame.")
    return start + len(before) + record.payload_size + len(after), whole.hexdigest()


def _around_payload(record: FrameRecord) -> tuple[bytes, bytes]:
    """Return the bytes before and after the payload that make it Pixel Data of even length."""
    padding = b"\0" * (record.payload_size % 2)
    length = record.payload_size + len(padding)
    if length > _LONGEST_VALUE:
        raise validity.broken("PixelData", "is longer than a value may be.")
    size = length.to_bytes(4, "little")
    if record.transfer_syntax_uid == EXPLICIT_VR_LITTLE_ENDIAN:
        vr = b"OW" if record.bits_allocated > 8 else b"OB"
        return _PIXEL_DATA + vr + b"\0\0" + size, padding
    offset_table = _ITEM + b"\0\0\0\0"
    return _PIXEL_DATA + b"OB\0\0" + _UNDEFINED + offset_table + _ITEM + size, padding + _SEQUENCE_END


def _parts(fd: int, offset: int, size: int) -> Iterator[bytes]:
    end = offset + size
    while offset < end:
        part = os.pread(fd, min(BUFFER, end - offset), offset)
        if not part:
            return
        yield part
        offset += len(part)


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
