"""The same SOP Instance in another transfer syntax (ruling 4): same attributes, same decoded pixels, nothing lost.

A lossy object becomes a native one by decoding, with its lossy history kept; nothing is ever compressed with loss
here. One frame after the other is changed, written, read again and compared before anybody hears of it (promises P3,
P4), so that a long clip needs no more memory than a still.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from pydicom import Dataset, FileDataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID

from agent.errors import ObjectCorrupt, ObjectError
from agent.objects import codec
from agent.objects.frame_reader import NATIVE, FrameReader
from agent.objects.part10 import BUFFER, Beat
from agent.objects.strict import FOREIGN, strict
from agent.sop_classes import KEY_OBJECT, SOP_CLASSES, VIDEO
from agent.transfer_syntaxes import IMPLICIT_VR_LITTLE_ENDIAN, LOSSLESS

_ENCODING = frozenset({"00280004", "00280006"})
"""Photometric Interpretation, Planar Configuration: what a change of transfer syntax may change."""
_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
_PIXELS = b"\xe0\x7f\x10\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """What was written."""

    size: int
    sha256: str


def transcode(object_fd: int, target_fd: int, transfer_syntax_uid: str, beat: Beat) -> Rendition:
    """Write the object of `object_fd` into the empty file `target_fd` in another syntax, and prove it.

    Raises `ObjectError` for a syntax that is not lossless here or an object that has no frames to change,
    `ObjectCorrupt` when the file cannot be read or what was written is not the same instance, `OSError` when the disk
    refuses.
    """
    if transfer_syntax_uid not in LOSSLESS:
        raise ObjectError("An object is not changed into a syntax that may lose something.")
    sop_class = _sop_class(object_fd)
    if sop_class in VIDEO:
        raise ObjectError("A video is sent as it is or not at all.")
    if sop_class in (SOP_CLASSES["encapsulated-pdf"], KEY_OBJECT):
        _write_document(object_fd, target_fd, transfer_syntax_uid)
    else:
        source = FrameReader(object_fd)
        _write_frames(source, target_fd, transfer_syntax_uid, beat)
        os.fsync(target_fd)
        _compare(source, FrameReader(target_fd), transfer_syntax_uid, beat)
    os.fsync(target_fd)
    return Rendition(size=os.fstat(target_fd).st_size, sha256=_digest(target_fd))


def _sop_class(fd: int) -> str:
    try:
        return str(_read(fd, ["SOPClassUID"]).SOPClassUID)
    except FOREIGN as e:
        raise ObjectCorrupt("An object cannot be read.", reason=type(e).__name__) from None


def _read(fd: int, tags: list[str] | None = None) -> FileDataset:
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(os.dup(fd), "rb") as file, strict():
        return dcmread(file, specific_tags=tags, stop_before_pixels=tags is not None)


def _write_frames(source: FrameReader, target_fd: int, syntax: str, beat: Beat) -> None:
    _write_all(target_fd, _head(source, syntax))
    native = syntax in NATIVE
    total = 0
    for number in range(source.count):
        data = _encoded(source, number, syntax)
        total += len(data)
        if not native:
            data += b"\0" * (len(data) % 2)
            data = _ITEM + len(data).to_bytes(4, "little") + data
        elif number == 0:
            _write_all(target_fd, _native_head(syntax, len(data) * source.count, source.data_set.BitsAllocated))
        if not native and number == 0:
            _write_all(target_fd, _PIXELS + b"OB\0\0\xff\xff\xff\xff" + _ITEM + b"\0\0\0\0")
        _write_all(target_fd, data)
        beat()
    _write_all(target_fd, b"\0" * (total % 2) if native else _END)


def _encoded(source: FrameReader, number: int, syntax: str) -> bytes:
    try:
        pixels = np.ascontiguousarray(source.pixels(number))
        if syntax not in NATIVE:
            return codec.encode(syntax, pixels)
        return pixels.astype("<u2", copy=False).tobytes() if pixels.itemsize == 2 else pixels.tobytes()
    except FOREIGN as e:
        raise ObjectError("The object cannot be written in that syntax.", reason=type(e).__name__) from None


def _native_head(syntax: str, size: int, bits_allocated: int) -> bytes:
    length = (size + size % 2).to_bytes(4, "little")
    if syntax == IMPLICIT_VR_LITTLE_ENDIAN:
        return _PIXELS + length
    return _PIXELS + (b"OW" if bits_allocated > 8 else b"OB") + b"\0\0" + length


def _head(source: FrameReader, syntax: str) -> bytes:
    """Return the file up to its pixels, in the target's syntax."""
    buffer, head, meta = BytesIO(), Dataset(), FileMetaDataset()
    try:
        with strict():
            head.update(source.data_set)
            meta.update(source.data_set.file_meta)
            meta.TransferSyntaxUID = UID(syntax)
            if head.SamplesPerPixel == 3:
                head.PhotometricInterpretation = codec.PHOTOMETRIC.get(syntax, "RGB")
                head.PlanarConfiguration = 0
            whole = FileDataset(buffer, head, preamble=b"\0" * 128, file_meta=meta)
            dcmwrite(buffer, whole, enforce_file_format=True)
    except FOREIGN as e:
        raise ObjectError("The object cannot be written in that syntax.", reason=type(e).__name__) from None
    return buffer.getvalue()


def _compare(source: FrameReader, written: FrameReader, syntax: str, beat: Beat) -> None:
    """Raise `ObjectCorrupt` unless what was written is the same instance, attribute by attribute, frame by frame."""
    uids = [r.data_set.file_meta.MediaStorageSOPInstanceUID for r in (source, written)]
    same = _told(source) == _told(written) and written.syntax == syntax and uids[0] == uids[1]
    for number in range(source.count) if same and source.count == written.count else ():
        same = same and np.array_equal(source.pixels(number), written.pixels(number))
        beat()
    if not same:
        raise ObjectCorrupt("What was written is not the same object.")


def _told(reader: FrameReader) -> dict[str, Any]:
    return {key: value for key, value in reader.data_set.to_json_dict().items() if key not in _ENCODING}


def _write_document(object_fd: int, target_fd: int, syntax: str) -> None:
    """A document has no pixels: only the form of its attributes changes."""
    if syntax not in NATIVE:
        raise ObjectError("A document has no pixels that could be compressed.")
    buffer = BytesIO()
    try:
        source = _read(object_fd)
        told = source.to_json_dict()
        with strict():
            source.file_meta.TransferSyntaxUID = UID(syntax)
            dcmwrite(buffer, source, enforce_file_format=True)
        _write_all(target_fd, buffer.getvalue())
        os.fsync(target_fd)
        if _read(target_fd).to_json_dict() != told:
            raise ObjectCorrupt("What was written is not the same object.")
    except FOREIGN as e:
        raise ObjectCorrupt("An object cannot be read.", reason=type(e).__name__) from None


def _digest(fd: int) -> str:
    whole = hashlib.sha256()
    for part in _parts(fd):
        whole.update(part)
    return whole.hexdigest()


def _parts(fd: int) -> Iterator[bytes]:
    offset = 0
    while part := os.pread(fd, BUFFER, offset):
        yield part
        offset += len(part)


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
