"""The same SOP Instance in another transfer syntax (ruling 4): same attributes, same decoded pixels, nothing lost.

A lossy object becomes a native one by decoding, with its lossy history kept; nothing is ever compressed with loss
here. What was written is read again and compared before anybody hears of it (promises P3, P4).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import FileDataset, dcmread, dcmwrite
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from agent.errors import ObjectCorrupt, ObjectError
from agent.objects.part10 import BUFFER, Beat
from agent.objects.strict import FOREIGN, strict
from agent.transfer_syntaxes import IMPLICIT_VR_LITTLE_ENDIAN, JPEG_BASELINE, LOSSLESS, RLE_LOSSLESS

_ENCODING = frozenset({"7FE00010", "00280004", "00280006"})
"""Pixel Data, Photometric Interpretation, Planar Configuration: what a change of transfer syntax may change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """What was written."""

    size: int
    sha256: str


def transcode(object_fd: int, target_fd: int, transfer_syntax_uid: str, beat: Beat) -> Rendition:
    """Write the object of `object_fd` into the empty file `target_fd` in another syntax, and prove it.

    Raises `ObjectError` for a syntax that is not lossless here, `ObjectCorrupt` when the file cannot be read or what
    was written is not the same instance, `OSError` when the disk refuses.
    """
    if transfer_syntax_uid not in LOSSLESS:
        raise ObjectError("An object is not changed into a syntax that may lose something.")
    source = _read(object_fd)
    pixels = _decoded(source)
    beat()
    data = _encoded(_read(object_fd), pixels, transfer_syntax_uid)
    beat()
    _write_all(target_fd, data)
    os.fsync(target_fd)
    written = _read(target_fd)
    _compare(source, pixels, written, transfer_syntax_uid)
    return Rendition(size=len(data), sha256=_digest(target_fd))


def _read(fd: int) -> FileDataset:
    try:
        with strict():
            return dcmread(BytesIO(b"".join(_parts(fd))))
    except FOREIGN as e:
        raise ObjectCorrupt("An object cannot be read.", reason=type(e).__name__) from None


def _decoded(data_set: FileDataset) -> npt.NDArray[Any]:
    """Return the pixels: rows, columns[, samples], colour as RGB."""
    try:
        if data_set.file_meta.TransferSyntaxUID != JPEG_BASELINE:
            with strict():
                return pixel_array(data_set, raw=True)
        return _decoded_jpeg(data_set)
    except FOREIGN as e:
        raise ObjectCorrupt("The pixels of an object cannot be decoded.", reason=type(e).__name__) from None


def _decoded_jpeg(data_set: FileDataset) -> npt.NDArray[Any]:
    import simplejpeg

    (stream,) = generate_frames(data_set.PixelData, number_of_frames=1)
    colour = data_set.SamplesPerPixel == 3
    pixels: npt.NDArray[Any] = simplejpeg.decode_jpeg(stream, "RGB" if colour else "GRAY")
    return pixels if colour else pixels[:, :, 0]


def _encoded(data_set: FileDataset, pixels: npt.NDArray[Any], transfer_syntax_uid: str) -> bytes:
    """Return the Part 10 file of `data_set` with these pixels."""
    buffer = BytesIO()
    try:
        with strict():
            _set_native(data_set, pixels)
            if transfer_syntax_uid == RLE_LOSSLESS:
                data_set.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1")
                data_set.compress(UID(RLE_LOSSLESS), generate_instance_uid=False)
            else:
                implicit = transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN
                data_set["PixelData"].VR = "OW" if implicit or data_set.BitsAllocated > 8 else "OB"
                data_set.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
            dcmwrite(buffer, data_set, enforce_file_format=True)
    except FOREIGN as e:
        raise ObjectError("The object cannot be written in that syntax.", reason=type(e).__name__) from None
    return buffer.getvalue()


def _set_native(data_set: FileDataset, pixels: npt.NDArray[Any]) -> None:
    if data_set.SamplesPerPixel == 3:
        data_set.PhotometricInterpretation, data_set.PlanarConfiguration = "RGB", 0
    data = np.ascontiguousarray(pixels).tobytes()
    data_set.PixelData = data + b"\0" * (len(data) % 2)
    data_set["PixelData"].is_undefined_length = False


def _compare(source: FileDataset, pixels: npt.NDArray[Any], written: FileDataset, transfer_syntax_uid: str) -> None:
    same = _told(source) == _told(written) and written.file_meta.TransferSyntaxUID == transfer_syntax_uid
    uids = [d.file_meta.MediaStorageSOPInstanceUID for d in (source, written)]
    if not same or uids[0] != uids[1] or not np.array_equal(pixels, _decoded(written)):
        raise ObjectCorrupt("What was written is not the same object.")


def _told(data_set: FileDataset) -> dict[str, Any]:
    return {key: value for key, value in data_set.to_json_dict().items() if key not in _ENCODING}


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
