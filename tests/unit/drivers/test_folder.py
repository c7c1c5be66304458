"""What a file is, by its content: real ones, lies and noise."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drivers.contract import DriverError
from drivers.folder import Options, Source
from drivers.folder.content import Refused, read
from drivers.jpeg import NotBaseline, bare
from tests.peers.process import program


def content(folder: Path, data: bytes):
    file = folder / "file"
    file.write_bytes(data)
    return read(file, folder, lambda: None)


@pytest.mark.parametrize("ending", ["png", "bmp", "tif"])
def test_a_picture_is_kept_to_the_bit_whatever_it_is_called(tmp_path: Path, ending: str) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / f"x.{ending}")
    found = content(tmp_path, (tmp_path / f"x.{ending}").read_bytes())
    assert found.payload == pixels.tobytes()
    assert found.facts["photometric_interpretation"] == "RGB"


def test_a_jpeg_is_not_decoded(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "x.jpg")
    data = (tmp_path / "x.jpg").read_bytes()
    found = content(tmp_path, data)
    assert found.payload == bare(data).data
    assert found.facts["lossy"][0][0] == "ISO_10918_1"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"%PDF-1.4 /JavaScript %%EOF", "JavaScript"),
        (b"%PDF-1.4 /Encrypt %%EOF", "Encrypt"),
        (b"%PDF-1.4 /Launch %%EOF", "Launch"),
        (b"%PDF-1.4 without an end", "end"),
        (b"a letter", "neither"),
        (b"\xff\xd8 not a jpeg", "picture|read"),
    ],
)
def test_what_may_not_enter_is_refused_with_a_reason(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        content(tmp_path, data)


def test_a_video_that_fits_is_not_made_anew(tmp_path: Path) -> None:
    made = ["-f", "lavfi", "-i", "testsrc2=size=128x96:rate=25:duration=1", "-c:v", "libx264", "-profile:v", "high"]
    words = [program("ffmpeg"), "-v", "error", *made, "-level", "4.1", "-pix_fmt", "yuv420p", tmp_path / "v.mp4"]
    subprocess.run(words, check=True)
    found = read(tmp_path / "v.mp4", tmp_path, lambda: None)
    assert found.file == tmp_path / "v.mp4"
    assert (found.facts["number_of_frames"], found.facts["frame_time_ms"]) == (25, 40.0)


@pytest.mark.timeout(120)
def test_a_hundred_thousand_random_bytes_are_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(9).bytes(100_000)
    pictures = (b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0")
    for head in (*pictures, b"%PDF-1.4\n", b"\0\0\0\x18ftypmp42", b"RIFF\0\0\0\0AVI "):
        with pytest.raises(Refused):
            content(tmp_path, head + noise)
    for start in (b"\xff\xd8", b"\xff\xd8\xff\xdb\0\x43", b"\xff\xd8\xff\xc0\0\x11\x08"):
        with pytest.raises(NotBaseline):
            bare(start + noise + b"\xff\xd9")


def test_a_file_is_taken_when_it_rests_and_kept_until_it_is_forgotten(tmp_path: Path) -> None:
    source = Source(Options(path=str(tmp_path), settle_s=0.0))
    source.open()
    (tmp_path / "a.png").write_bytes(b"first")
    (tmp_path / ".hidden").write_bytes(b"x")
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert source.waiting() == []
    (item,) = source.waiting()
    assert source.name(item) == "a.png"
    assert not (tmp_path / "a.png").exists()
    again = Source(Options(path=str(tmp_path)))
    again.open()
    assert again.waiting() == [item], "offered again by the next process"
    again.refuse(item)
    assert (tmp_path / ".refused" / item).read_bytes() == b"first"
    assert again.waiting() == []
    with pytest.raises(DriverError):
        Source(Options(path=str(tmp_path / "none"))).open()
