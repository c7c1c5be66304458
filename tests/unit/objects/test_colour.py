"""Colour patches through every codec and syntax, read by decoders of other people, within stated tolerances."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageCms
from pydicom import dcmread

from agent.errors import ObjectInvalid
from agent.objects import validity, video
from agent.objects.building import Payload
from agent.objects.family import BY_NAME
from agent.objects.icc import DISPLAY, INPUT, profile
from drivers.jpeg import bare
from drivers.still import compress
from tests.peers.process import program
from tests.unit.objects.exam_pictures import PICTURES, SNAPSHOTS, Picture, a_record, put
from tests.unit.objects.test_transcode import EXPLICIT, HTJ2K, IMPLICIT, JPEG_2000, JPEG_LS, RLE, _seen, changed

PATCHES = (
    (255, 255, 255), (192, 32, 32), (32, 192, 32), (32, 32, 192),
    (200, 200, 40), (40, 200, 200), (128, 128, 128), (0, 0, 0),
)  # fmt: skip
SIDE = 32


def chart() -> np.ndarray:
    """Eight patches of 32 by 32 pixels in two rows."""
    patches = [np.full((SIDE, SIDE, 3), colour, np.uint8) for colour in PATCHES]
    return np.concatenate([np.concatenate(patches[at : at + 4], axis=1) for at in (0, 4)])


def middles(picture: np.ndarray) -> np.ndarray:
    """The middle of every patch, averaged."""
    found = [picture[r * SIDE + 8 : r * SIDE + 24, c * SIDE + 8 : c * SIDE + 24].reshape(-1, 3).mean(axis=0)
             for r in (0, 1) for c in range(4)]  # fmt: skip
    return np.array(found)


def test_jpeg_as_we_write_it_is_within_three_levels() -> None:
    seen = np.asarray(Image.open(io.BytesIO(compress(chart(), 90))).convert("RGB"))
    assert np.abs(middles(seen) - PATCHES).max() <= 3


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, RLE, JPEG_LS, JPEG_2000, HTJ2K])
def test_every_lossless_syntax_is_exact(tmp_path: Path, syntax: str) -> None:
    picture = Picture(chart().tobytes(), PICTURES["colour"].changes | {"rows": 2 * SIDE, "columns": 4 * SIDE})
    uid = BY_NAME["multi-frame-true-colour"].sop_class_uid
    source = put(tmp_path, SNAPSHOTS["scheduled"], picture, sop_class_uid=uid).build().object
    changed(source, tmp_path / "target.dcm", syntax)
    seen = _seen(dcmread(tmp_path / "target.dcm")).reshape(2 * SIDE, 4 * SIDE, 3)
    assert (seen == chart()).all()


def test_h264_is_within_six_levels(tmp_path: Path) -> None:
    """Full range JPEG in, studio range video out; decoded by ffmpeg as its own tags say."""
    stream = bare(simplejpeg.encode_jpeg(chart(), 95, "RGB", "422")).data
    file = tmp_path / "clip"
    file.write_bytes(stream * 10)
    record = a_record(Picture(stream * 10, {}), SNAPSHOTS["scheduled"], rows=2 * SIDE, columns=4 * SIDE,
                      number_of_frames=10, frame_sizes=(len(stream),) * 10, frame_time_ms=40.0,
                      lossy=(("ISO_10918_1", 9.0),))  # fmt: skip
    fd = os.open(file, os.O_RDONLY)
    target_fd = os.open(tmp_path / "v.mp4", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    made = video.encode(Payload(record=record, fd=fd), target_fd, lambda: None)
    os.close(fd)
    os.close(target_fd)
    assert made.number_of_frames == 10
    raw = subprocess.run(
        [program("ffmpeg"), "-v", "error", "-i", tmp_path / "v.mp4", "-vf", "select=eq(n\\,5)", "-frames:v", "1", "-f",
         "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True).stdout  # fmt: skip
    seen = np.frombuffer(raw, np.uint8).reshape(2 * SIDE, 4 * SIDE, 3)
    assert np.abs(middles(seen) - PATCHES).max() <= 6


@pytest.mark.parametrize(("kind", "told"), [(INPUT, "scnr"), (DISPLAY, "mntr")])
def test_our_profile_is_one_that_little_cms_takes_and_is_srgb(kind: bytes, told: str) -> None:
    ours = ImageCms.ImageCmsProfile(io.BytesIO(profile(kind)))
    assert (ours.profile.device_class, ours.profile.xcolor_space.strip()) == (told, "RGB")
    theirs = ImageCms.createProfile("sRGB")
    image = Image.fromarray(chart())
    seen = np.asarray(ImageCms.profileToProfile(image, ours, theirs))
    assert np.abs(middles(seen) - PATCHES).max() <= 10, "gamma 2.2 beside the two pieces of sRGB's curve"


def test_a_visible_light_still_carries_the_profile_of_an_input(tmp_path: Path) -> None:
    import dataclasses

    from tests.unit.objects.exam_pictures import BOX

    box = dataclasses.replace(BOX, modality="ES")
    uid = BY_NAME["vl-endoscopic"].sop_class_uid
    written = put(tmp_path, SNAPSHOTS["scheduled"], PICTURES["colour"], box, sop_class_uid=uid).build()
    data_set = dcmread(written.object, stop_before_pixels=True)
    assert data_set.ICCProfile[12:16] == b"scnr"
    written.verify()
    data_set.ICCProfile = profile(DISPLAY)
    with pytest.raises(ObjectInvalid, match="ICCProfile"):
        validity.check(data_set, written.record)
