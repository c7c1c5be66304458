"""Every family of objects: conforming by dciodvfy, and by our own checks for what it misses (dicom.md 10.1)."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from pydicom import dcmread
from pydicom.encaps import generate_frames

from agent.errors import ObjectCorrupt, ObjectInvalid
from agent.model import Code
from agent.objects.family import BY_NAME, FAMILIES
from agent.objects.layout import layout
from tests.unit.objects.exam_pictures import (
    BOX,
    DCIODVFY,
    NATIVE,
    SNAPSHOTS,
    Picture,
    Written,
    a_record,
    jpeg,
    native,
    pattern,
    put,
    run,
)

H264 = "1.2.840.10008.1.2.4.102"
ROWS, COLUMNS = 48, 64
SCHEDULED = SNAPSHOTS["scheduled"]
ANATOMY = dataclasses.replace(BOX, anatomic_region=Code(value="71854001", scheme="SCT", meaning="Colon"))
FILM = dataclasses.replace(BOX, conversion_type="DF", modality="RG", anatomic_region=None)


def stack(frames: int, samples: int, bits: int = 8) -> Picture:
    """Several native frames behind each other."""
    whole = [native(ROWS, COLUMNS, samples, bits) for _ in range(frames)]
    return Picture(b"".join(p.payload for p in whole), whole[0].changes | {"number_of_frames": frames})


def bitmap(pages: int) -> Picture:
    """Line art: one bit for each pixel, least significant first, packed across pages (PS3.5 8.1.1)."""
    rows, columns = 9, 11
    bits = (np.arange(rows * columns * pages) % 3 == 0).astype(np.uint8)
    payload = np.packbits(bits, bitorder="little").tobytes()
    changes = {"rows": rows, "columns": columns, "samples_per_pixel": 1, "bits_allocated": 1, "bits_stored": 1,
               "photometric_interpretation": "MONOCHROME2", "number_of_frames": pages}  # fmt: skip
    return Picture(payload, changes)


def jpegs(frames: int, samples: int) -> Picture:
    """Several JPEG streams behind each other, of odd and even length, each another picture."""
    space = "RGB" if samples == 3 else "GRAY"
    whole = [np.roll(pattern(ROWS, COLUMNS, samples), 5 * n, axis=1).reshape(ROWS, COLUMNS, samples)
             for n in range(frames)]  # fmt: skip
    subsampling = "422" if samples == 3 else "Gray"
    streams = [simplejpeg.encode_jpeg(np.ascontiguousarray(p), 80 + n, space, subsampling) for n, p in enumerate(whole)]
    streams = [s[:2] + s[20:] if s[2:4] == b"\xff\xe0" else s for s in streams]
    sizes = tuple(len(s) for s in streams)
    ratio = ROWS * COLUMNS * samples * frames / sum(sizes)
    return Picture(
        b"".join(streams),
        jpeg(ROWS, COLUMNS, samples).changes
        | {"number_of_frames": frames, "frame_sizes": sizes, "lossy": (("ISO_10918_1", ratio),)},
    )


def video(folder: Path, frames: int) -> Picture:
    """H.264 High, 4.1, made by Debian's ffmpeg from its own test picture."""
    file = folder / "v.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=128x96:rate=25", "-frames:v", str(frames),
         "-c:v", "libx264", "-profile:v", "high", "-level", "4.1", "-pix_fmt", "yuv420p", "-movflags", "+faststart",
         file], check=True)  # fmt: skip
    changes = {"rows": 96, "columns": 128, "samples_per_pixel": 3, "photometric_interpretation": "YBR_PARTIAL_420",
               "transfer_syntax_uid": H264, "number_of_frames": frames, "frame_time_ms": 40.0,
               "lossy": (("ISO_14496_10", 30.0),)}  # fmt: skip
    return Picture(file.read_bytes(), changes)


def document() -> Picture:
    changes = {"transfer_syntax_uid": NATIVE, "document_title": "Направлення", "rows": 1, "columns": 1,
               "samples_per_pixel": 1, "photometric_interpretation": "MONOCHROME2"}  # fmt: skip
    return Picture(b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF", changes)


CINE = {"frame_time_ms": 40.0}
TIMES = {"frame_times_ms": (0.0, 40.0, 81.5)}
PAGES = {"page_numbers": (1, 2, 3)}
SPACING = {"scanned_spacing_mm": (0.0846667, 0.0846667)}

CASES: dict[str, tuple[str, Any, dict[str, Any], Any]] = {
    "grey byte, native": ("multi-frame-grey-byte", stack(3, 1), CINE, BOX),
    "grey byte, one frame": ("multi-frame-grey-byte", stack(1, 1), {}, BOX),
    "grey byte, jpeg": ("multi-frame-grey-byte", jpegs(3, 1), CINE, BOX),
    "grey word, 12 bits of film": ("multi-frame-grey-word", stack(3, 1, 12), PAGES | SPACING, FILM),
    "grey word, 16 bits of film": ("multi-frame-grey-word", stack(1, 1, 16), SPACING, FILM),
    "true colour, native": ("multi-frame-true-colour", stack(3, 3), TIMES, BOX),
    "true colour, jpeg": ("multi-frame-true-colour", jpegs(3, 3), CINE, BOX),
    "true colour, jpeg, irregular": ("multi-frame-true-colour", jpegs(3, 3), TIMES, BOX),
    "true colour, one page": ("multi-frame-true-colour", jpegs(1, 3), {}, BOX),
    "single bit": ("multi-frame-single-bit", bitmap(3), PAGES | SPACING, FILM),
    "vl endoscopic": ("vl-endoscopic", native(ROWS, COLUMNS, 3), {}, BOX),
    "vl endoscopic, jpeg": ("vl-endoscopic", jpeg(ROWS, COLUMNS, 3), {}, BOX),
    "vl microscopic": ("vl-microscopic", native(ROWS, COLUMNS, 3), {}, dataclasses.replace(BOX, modality="GM")),
    "vl photographic": ("vl-photographic", native(ROWS, COLUMNS, 3), {}, dataclasses.replace(BOX, modality="XC")),
    "video endoscopic": ("video-endoscopic", "video", {}, ANATOMY),
    "video microscopic": ("video-microscopic", "video", {}, dataclasses.replace(ANATOMY, modality="GM")),
    "video photographic": ("video-photographic", "video", {}, dataclasses.replace(ANATOMY, modality="XC")),
    "pdf": ("encapsulated-pdf", document(), {}, dataclasses.replace(BOX, conversion_type="SD", modality="DOC")),
}


def a_case(name: str, folder: Path, **more: Any) -> Written:
    family, picture, changes, box = CASES[name]
    made = video(folder, 5) if picture == "video" else picture
    uid = BY_NAME[family].sop_class_uid
    return put(folder, SCHEDULED, made, box, sop_class_uid=uid, **{**changes, **more})


def test_every_family_has_a_case() -> None:
    assert {BY_NAME[family].sop_class_uid for family, *_ in CASES.values()} | {
        BY_NAME["secondary-capture"].sop_class_uid
    } == {uid for uid, kind in FAMILIES.items() if not kind.key_object}


@pytest.mark.parametrize("name", CASES)
def test_a_family_conforms_and_is_proven(tmp_path: Path, name: str) -> None:
    written = a_case(name, tmp_path).build()
    complaints = [line for line in run(DCIODVFY, "-new", written.object, check=False).splitlines() if "Error" in line]
    assert complaints == []
    built = written.verify()
    assert built.sop_class_uid == written.record.sop_class_uid
    assert built.sha256 == hashlib.sha256(written.object.read_bytes()).hexdigest()
    run("dcmdump", "-q", written.object)


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if "jpeg" in n])
def test_each_jpeg_frame_comes_out_as_it_went_in(tmp_path: Path, name: str) -> None:
    written = a_case(name, tmp_path).build()
    data_set = dcmread(written.object)
    frames = list(generate_frames(data_set.PixelData, number_of_frames=written.record.number_of_frames))
    sizes = written.record.frame_sizes or (written.record.payload_size,)
    at = 0
    for frame, size in zip(frames, sizes, strict=True):
        assert frame[:size] == written.payload[at : at + size]
        at += size


def test_16_bit_pixels_are_exact(tmp_path: Path) -> None:
    written = a_case("grey word, 16 bits of film", tmp_path).build()
    assert dcmread(written.object).pixel_array.astype("<u2").tobytes() == written.payload


def test_a_video_is_one_fragment_behind_an_empty_table_and_its_stream_is_what_is_said(tmp_path: Path) -> None:
    written = a_case("video endoscopic", tmp_path).build()
    data_set = dcmread(written.object)
    stream = next(generate_frames(data_set.PixelData, number_of_frames=1))
    (tmp_path / "out.mp4").write_bytes(stream)
    told = run("ffprobe", "-v", "error", "-count_frames", "-show_entries",
               "stream=profile,level,width,height,nb_read_frames,pix_fmt,sample_aspect_ratio", "-of",
               "default=nw=1", tmp_path / "out.mp4")  # fmt: skip
    said = dict(line.split("=") for line in told.splitlines())
    assert (said["profile"], said["level"], said["pix_fmt"]) == ("High", "41", "yuv420p")
    assert (int(said["width"]), int(said["height"])) == (data_set.Columns, data_set.Rows)
    assert int(said["nb_read_frames"]) == data_set.NumberOfFrames == 5
    assert said["sample_aspect_ratio"] in ("1:1", "N/A")
    assert data_set.PixelData.startswith(b"\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0")


def test_a_document_is_kept_whole_with_its_true_length(tmp_path: Path) -> None:
    written = a_case("pdf", tmp_path).build()
    data_set = dcmread(written.object)
    assert data_set.EncapsulatedDocumentLength == len(written.payload)
    assert data_set.EncapsulatedDocument[: len(written.payload)] == written.payload
    assert data_set.MIMETypeOfEncapsulatedDocument == "application/pdf"


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "a vector too short": ("true colour, native", {"frame_times_ms": (0.0, 40.0)}, "FrameIncrementPointer"),
    "pages of another number": ("single bit", {"page_numbers": (1, 2)}, "FrameIncrementPointer"),
    "frames that are not there": ("true colour, jpeg", {"number_of_frames": 4}, "NumberOfFrames"),
    "eight bits in a word object": ("grey word, 12 bits of film", {"bits_stored": 8}, "SOPClassUID"),
    "film without a spacing": ("grey word, 12 bits of film", {"scanned_spacing_mm": None}, "NominalScanned"),
    "a video called lossless": ("video endoscopic", {"lossy": ()}, "LossyImageCompression"),
    "a video of another method": ("video endoscopic", {"lossy": (("ISO_10918_1", 9.0),)}, "LossyImageCompression"),
    "colour in grey": ("grey byte, native", {"photometric_interpretation": "RGB"}, "SOPClassUID"),
    "inverse grey": ("grey byte, native", {"photometric_interpretation": "MONOCHROME1"}, "SOPClassUID"),
    "another modality": ("vl endoscopic", {"sop_class_uid": BY_NAME["vl-microscopic"].sop_class_uid}, "Modality"),
    "an unknown class": ("pdf", {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.2"}, "SOPClassUID"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_the_common_checker_misses_is_refused(tmp_path: Path, name: str) -> None:
    case, changes, keyword = WRONG[name]
    family, picture, usual, box = CASES[case]
    made = video(tmp_path, 5) if picture == "video" else picture
    uid = BY_NAME[family].sop_class_uid
    wrong = put(tmp_path, SCHEDULED, made, box, **{"sop_class_uid": uid, **usual, **changes})
    with pytest.raises(ObjectInvalid, match=keyword):
        wrong.build()


@pytest.mark.parametrize("name", ["true colour, jpeg", "pdf", "video endoscopic", "single bit"])
def test_any_changed_byte_from_the_payload_on_is_noticed(tmp_path: Path, name: str) -> None:
    written = a_case(name, tmp_path).build()
    whole = written.object.read_bytes()
    tail = sum(p if isinstance(p, int) else len(p) for p in layout(written.record, written.record.payload_size))
    for at in np.linspace(len(whole) - tail, len(whole) - 1, 40).astype(int):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        written.object.write_bytes(damaged)
        with pytest.raises((ObjectCorrupt, ObjectInvalid)):
            written.verify()


def test_a_clip_over_four_gigabytes_is_refused_before_a_byte_is_written() -> None:
    record = a_record(document(), SCHEDULED, sop_class_uid=BY_NAME["encapsulated-pdf"].sop_class_uid)
    with pytest.raises(ObjectInvalid, match="longer"):
        next(layout(record, 2**32 - 1))
