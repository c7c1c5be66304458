"""The same instance in another syntax: judged by DCMTK, Pillow and dciodvfy, none of which wrote it."""

from __future__ import annotations

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from exam_pictures import PICTURES, put, scheduled
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames

from agent.errors import ObjectCorrupt, ObjectError
from agent.objects import transcode
from tests.peers.process import program
from tests.unit.objects.test_families import a_case

IMPLICIT, EXPLICIT, RLE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"
JPEG_LS, JPEG_2000, HTJ2K = (f"1.2.840.10008.1.2.4.{n}" for n in (80, 90, 201))
ENCODING = {"PixelData", "PhotometricInterpretation", "PlanarConfiguration"}


def changed(source: Path, target: Path, syntax: str) -> transcode.Rendition:
    fd, out = os.open(source, os.O_RDONLY), os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    try:
        return transcode.transcode(fd, out, syntax, lambda: None)
    finally:
        os.close(fd)
        os.close(out)


def foreign_pixels(file: Path) -> np.ndarray:
    """Decode with tools that share nothing with the agent: Pillow for JPEG, DCMTK and numpy for the rest."""
    ds = dcmread(file)
    if ds.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.50":
        image = Image.open(BytesIO(next(generate_frames(ds.PixelData, number_of_frames=1))))
        return np.asarray(image.convert("RGB" if ds.SamplesPerPixel == 3 else "L"))
    if ds.file_meta.TransferSyntaxUID == JPEG_2000:
        return np.asarray(Image.open(BytesIO(next(generate_frames(ds.PixelData, number_of_frames=1)))))
    native = file.with_suffix(".native")
    tool = {RLE: "dcmdrle", JPEG_LS: "dcmdjpls"}.get(ds.file_meta.TransferSyntaxUID, "dcmconv")
    subprocess.run([program(tool), "+te", str(file), str(native)], check=True, capture_output=True, timeout=30)
    ds = dcmread(native)
    kind = "<u2" if ds.BitsAllocated > 8 else "u1"
    shape = (ds.Rows, ds.Columns, 3) if ds.SamplesPerPixel == 3 else (ds.Rows, ds.Columns)
    pixels = np.frombuffer(ds.PixelData, kind)[: int(np.prod(shape))]
    return pixels.reshape(shape)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, RLE, JPEG_LS, JPEG_2000])
@pytest.mark.parametrize("picture", PICTURES)
def test_attributes_and_pixels_stay(tmp_path: Path, picture: str, syntax: str) -> None:
    source, target = put(tmp_path, scheduled(), PICTURES[picture]).build().object, tmp_path / "target.dcm"
    made = changed(source, target, syntax)
    before, after = dcmread(source), dcmread(target)
    assert after.file_meta.TransferSyntaxUID == syntax
    assert target.stat().st_size == made.size
    for element in before:
        if element.keyword not in ENCODING:
            assert after[element.tag].value == element.value, element.keyword
    assert {e.tag for e in before} ^ {e.tag for e in after} <= {0x00280006}
    lossless = before.file_meta.TransferSyntaxUID != "1.2.840.10008.1.2.4.50"
    difference = np.abs(foreign_pixels(source).astype(int) - foreign_pixels(target).astype(int)).max()
    assert difference == 0 if lossless else difference <= 2, "decoders of JPEG may differ in rounding"
    checked = subprocess.run(
        [Path(sys.executable).parent / "dciodvfy", "-new", target], capture_output=True, check=False, timeout=30
    )
    assert b"Error" not in checked.stdout + checked.stderr, checked.stderr


@pytest.mark.parametrize("syntax", [IMPLICIT, RLE, JPEG_LS, JPEG_2000, HTJ2K])
@pytest.mark.parametrize("case", ["grey byte, jpeg", "true colour, jpeg, irregular", "grey word, 12 bits of film",
                                  "true colour, native"])  # fmt: skip
def test_every_frame_of_a_clip_is_changed_and_stays_the_same(tmp_path: Path, case: str, syntax: str) -> None:
    source, target = a_case(case, tmp_path).build().object, tmp_path / "target.dcm"
    changed(source, target, syntax)
    before, after = dcmread(source), dcmread(target)
    assert after.NumberOfFrames == before.NumberOfFrames
    difference = np.abs(_seen(before).astype(int) - _seen(after).astype(int)).max()
    assert difference <= (2 if "jpeg" in case else 0)
    checked = subprocess.run(
        [Path(sys.executable).parent / "dciodvfy", "-new", target], capture_output=True, check=False, timeout=30
    )
    assert b"Error" not in checked.stdout + checked.stderr, checked.stderr


def _seen(data_set: Dataset) -> np.ndarray:
    """The pixels as pydicom's decoders show them, HTJ2K as OpenJPEG (in Pillow) does."""
    if data_set.file_meta.TransferSyntaxUID == HTJ2K:
        frames = generate_frames(data_set.PixelData, number_of_frames=data_set.NumberOfFrames)
        return np.stack([np.asarray(Image.open(BytesIO(frame))) for frame in frames])
    return np.asarray(data_set.pixel_array)


def test_line_art_and_documents_change_their_form_alone(tmp_path: Path) -> None:
    for case in ("pdf",):
        source, target = a_case(case, tmp_path).build().object, tmp_path / "target.dcm"
        changed(source, target, IMPLICIT)
        assert dcmread(target).to_json_dict() == dcmread(source).to_json_dict()
        with pytest.raises(ObjectError):
            changed(source, tmp_path / "no.dcm", RLE)


def test_a_video_is_sent_as_it_is_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(ObjectError, match="video"):
        changed(a_case("video endoscopic", tmp_path).build().object, tmp_path / "target.dcm", IMPLICIT)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.91", "", "1.2.3"])
def test_nothing_is_lost_silently(tmp_path: Path, syntax: str) -> None:
    source = put(tmp_path, scheduled(), PICTURES["colour"]).build().object
    with pytest.raises(ObjectError):
        changed(source, tmp_path / "target.dcm", syntax)


def test_damage_on_the_way_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = put(tmp_path, scheduled(), PICTURES["colour"]).build().object
    write = transcode._write_all

    def flipped(fd: int, data: bytes) -> None:
        write(fd, data[:-9] + bytes([data[-9] ^ 1]) + data[-8:] if len(data) > 1000 else data)

    monkeypatch.setattr(transcode, "_write_all", flipped)
    with pytest.raises(ObjectCorrupt):
        changed(source, tmp_path / "target.dcm", IMPLICIT)


def test_a_damaged_source_is_refused(tmp_path: Path) -> None:
    source = put(tmp_path, scheduled(), PICTURES["colour"]).build().object
    source.write_bytes(source.read_bytes()[:-100])
    with pytest.raises(ObjectError):
        changed(source, tmp_path / "target.dcm", IMPLICIT)
