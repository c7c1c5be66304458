"""One Part 10 file from a data set and a durable frame, and its proof (PS3.10 7.1, PS3.5 A.2, A.4).

Writing: everything but the payload through pydicom, then the payload is copied from its file through a small
buffer, unchanged, into the layout of its kind (`layout.py`).
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

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag
from pydicom.uid import UID

from agent.errors import ObjectCorrupt, ObjectInvalid, SpoolDamaged
from agent.model import BuiltObject, FrameRecord, IdentitySnapshot
from agent.objects import identity, validity
from agent.objects.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from agent.objects.layout import layout
from agent.objects.strict import FOREIGN, strict

BUFFER = 256 << 10
_PIXEL_DATA, _DOCUMENT = 0x7FE00010, 0x00420011

Beat = Callable[[], None]
"""Called now and then, so that a long copy is not taken for a hang."""


def write(fd: int, data_set: Dataset, record: FrameRecord, *, frame_fd: int, offset: int, beat: Beat) -> str:
    """Write the object into `fd` from its current position; the payload starts at `offset` of `frame_fd`.

    Returns the SHA-256 of what was written, so that what is read again can be compared with all of it.

    Nothing is synced or renamed here. Raises `ObjectInvalid` when a value cannot be encoded, `SpoolDamaged`
    when the payload is not the one that `record` names, `OSError` when the disk refuses.
    """
    validity.check(data_set, record)
    whole, payload = hashlib.sha256(), hashlib.sha256()
    _put(fd, encode(data_set, record), whole)
    for part in layout(record, record.payload_size):
        if isinstance(part, bytes):
            _put(fd, part, whole)
            continue
        for piece in _parts(frame_fd, offset, part):
            payload.update(piece)
            _put(fd, piece, whole)
            beat()
        offset += part
    if payload.hexdigest() != record.payload_sha256:
        raise SpoolDamaged("The pixels of a stored frame changed on the disk.")
    return whole.hexdigest()


def _put(fd: int, data: bytes, whole: hashlib._Hash) -> None:
    whole.update(data)
    _write_all(fd, data)


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


def _nothing_more(_data_set: Dataset) -> None:
    """Nothing else is to be compared."""


def reread(
    fd: int,
    snapshot: IdentitySnapshot,
    record: FrameRecord,
    beat: Beat,
    said: Callable[[Dataset], None] = _nothing_more,
) -> BuiltObject:
    """Return what the object in `fd` (open for reading, from its beginning) is, after reading all of it.

    `said` raises unless the data set says what it was told to.

    Raises `ObjectCorrupt` when it is not exactly one object with the payload of `record`, `ObjectInvalid`
    when it breaks a rule, `SnapshotMismatch` when any identity attribute is not that of `snapshot`.
    """
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(os.dup(fd), "rb") as file:
        with _reading():
            data_set = read_partial(file, stop_when=_at_payload)
            start = file.tell()
            data_set.walk(lambda _data_set, _element: None)
            _check_meta(data_set, record)
            identity.compare(data_set, snapshot, record)
            validity.check(data_set, record)
            said(data_set)
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


def _at_payload(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag in (_PIXEL_DATA, _DOCUMENT)


def _check_payload(file: BinaryIO, start: int, record: FrameRecord, beat: Beat) -> tuple[int, str]:
    """Return size and SHA-256 of the file, after its payload was found whole and with nothing behind it."""
    file.seek(0)
    whole, payload = hashlib.sha256(file.read(start)), hashlib.sha256()
    at, same = start, True
    for part in layout(record, record.payload_size):
        size = part if isinstance(part, int) else len(part)
        for piece in _parts(file.fileno(), at, size):
            whole.update(piece)
            same = same and (isinstance(part, int) or piece == part)
            if isinstance(part, int):
                payload.update(piece)
            beat()
        at += size
    if not same or os.fstat(file.fileno()).st_size != at or payload.hexdigest() != record.payload_sha256:
        raise ObjectCorrupt("The pixels of the written object are not those of the frame.")
    return at, whole.hexdigest()


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
