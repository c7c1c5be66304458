"""The pass-through on recorded streams: a real ultrasound's JPEG frames (pydicom-data), as grabbers deliver them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames

from drivers.contract import Frame, Geometry, PixelFormat, Signal
from drivers.jpeg import STANDARD_TABLES
from drivers.still import make
from drivers.still_options import StillOptions
from tests.unit.objects.exam_pictures import DCIODVFY, JPEG, SNAPSHOTS, Picture, put, run

CINE = dcmread(str(get_testdata_file("color3d_jpeg_baseline.dcm")))
FRAMES = list(generate_frames(CINE.PixelData, number_of_frames=CINE.NumberOfFrames))[:: int(CINE.NumberOfFrames) // 6]


def scan_of(stream: bytes) -> bytes:
    """The entropy-coded part: what decoding and encoding again would change."""
    return stream[stream.index(b"\xff\xda") : stream.rindex(b"\xff\xd9")]


def as_a_grabber(stream: bytes, *, tables: bool, padding: int) -> bytes:
    """The same picture as UVC and AVI devices send it: their own segment, perhaps no Huffman tables, padded."""
    at, rest, head = 2, stream, b"\xff\xd8\xff\xe0\x00\x10AVI1\0" + bytes(9)
    while rest[at : at + 2] != b"\xff\xda":
        size = 2 + int.from_bytes(rest[at + 2 : at + 4])
        if tables or rest[at + 1] != 0xC4:
            head += rest[at : at + size]
        at += size
    return head + rest[at:] + bytes(padding)


def passed(stream: bytes) -> bytes:
    geometry = Geometry(rows=CINE.Rows, columns=CINE.Columns, pixel_format=PixelFormat.MJPEG)
    frame = Frame(data=np.frombuffer(stream, np.uint8), geometry=geometry, captured_ns=1, number=1)
    still = make(frame, StillOptions(encoding="jpeg"), Signal.PRESENT)
    assert still.header["processing"] == "not decoded"
    assert still.header["photometric_interpretation"] == "YBR_FULL_422"
    ratio = CINE.Rows * CINE.Columns * 3 / len(stream)
    assert still.header["lossy"] == [["ISO_10918_1", pytest.approx(ratio, rel=0.02)]]
    return still.payload


@pytest.mark.parametrize("padding", [0, 3, 512])
@pytest.mark.parametrize("number", range(len(FRAMES)))
def test_a_recorded_frame_is_kept_bit_for_bit(number: int, padding: int) -> None:
    payload = passed(as_a_grabber(FRAMES[number], tables=True, padding=padding))
    assert scan_of(payload) == scan_of(FRAMES[number])
    assert b"AVI1" not in payload
    seen, original = (np.asarray(Image.open(io.BytesIO(s)).convert("RGB")) for s in (payload, FRAMES[number]))
    assert (seen == original).all()


def test_a_recorded_frame_without_its_tables_gets_the_standard_ones() -> None:
    payload = passed(as_a_grabber(FRAMES[0], tables=False, padding=1))
    assert STANDARD_TABLES in payload
    assert scan_of(payload) == scan_of(FRAMES[0])


def test_its_object_conforms_and_holds_the_stream(tmp_path: Path) -> None:
    payload = passed(as_a_grabber(FRAMES[-1], tables=True, padding=0))
    told = {"rows": int(CINE.Rows), "columns": int(CINE.Columns), "photometric_interpretation": "YBR_FULL_422",
            "transfer_syntax_uid": JPEG, "lossy": (("ISO_10918_1", 9.0),)}  # fmt: skip
    written = put(tmp_path, SNAPSHOTS["scheduled"], Picture(payload, told)).build()
    assert "Error" not in run(DCIODVFY, "-new", written.object, check=False)
    kept = next(generate_frames(dcmread(written.object).PixelData, number_of_frames=1))
    assert hashlib.sha256(kept[: len(payload)]).digest() == hashlib.sha256(payload).digest()
    written.verify()
