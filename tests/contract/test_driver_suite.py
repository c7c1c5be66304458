"""The shipped contract suite on every source that we ship, and the child that hosts good and bad ones."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydicom.data import get_testdata_file
from pydicom.examples import get_path

from drivers import disabled, opencv, rfb, simulator
from drivers.contract import DriverError
from drivers.options import build
from drivers.table import DRIVERS, find, load_class, load_options
from drivers.testing import SourceContract, first
from tests.peers.vnc import screen
from tests.unit.drivers.hosting import HostedSource


def video(folder: Path, frames: int = 12) -> Path:
    """An MJPG file whose pictures differ."""
    path = folder / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (320, 240))
    for i in range(frames):
        picture = np.full((240, 320, 3), 30, np.uint8)
        picture[50:150, i * 10 : i * 10 + 80] = (0, 0, 220)
        writer.write(picture)
    writer.release()
    return path


def pictures(folder: Path, ending: str) -> Path:
    made = folder / ending
    made.mkdir()
    random = np.random.default_rng(3)
    for i in range(3):
        cv2.imwrite(str(made / f"{i}.{ending}"), random.integers(0, 255, (96, 144, 3), np.uint8))
    return made


class TestSimulator(SourceContract):
    driver = "simulator"

    def make(self, tmp_path: Path) -> simulator.Source:
        return simulator.Source(simulator.Options())


class TestGreyNtscSimulator(SourceContract):
    driver = "simulator"

    def make(self, tmp_path: Path) -> simulator.Source:
        return simulator.Source(simulator.Options(standard="ntsc", colour=False))


class TestReplayOfJpegFiles(SourceContract):
    driver = "simulator"

    def make(self, tmp_path: Path) -> simulator.Source:
        return simulator.Source(simulator.Options(path=str(pictures(tmp_path, "jpg"))))


class TestReplayOfPngFiles(SourceContract):
    driver = "simulator"

    def make(self, tmp_path: Path) -> simulator.Source:
        return simulator.Source(simulator.Options(path=str(pictures(tmp_path, "png"))))


class TestReplayOfVideo(SourceContract):
    driver = "simulator"

    def make(self, tmp_path: Path) -> simulator.Source:
        return simulator.Source(simulator.Options(path=str(video(tmp_path))))


class TestReplayOfJpegCine(SourceContract):
    driver = "simulator"

    def make(self, tmp_path: Path) -> simulator.Source:
        return simulator.Source(simulator.Options(path=str(get_path("ybr_color"))))


class TestReplayOfNativeCine(SourceContract):
    driver = "simulator"

    def make(self, tmp_path: Path) -> simulator.Source:
        return simulator.Source(simulator.Options(path=str(get_path("rgb_color"))))


class TestReplayOfLongCine(SourceContract):
    driver = "simulator"

    def make(self, tmp_path: Path) -> simulator.Source:
        return simulator.Source(simulator.Options(path=str(get_testdata_file("color3d_jpeg_baseline.dcm"))))


class TestOpenCV(SourceContract):
    driver = "opencv"

    def make(self, tmp_path: Path) -> opencv.Source:
        return opencv.Source(opencv.Options(device=str(video(tmp_path))))


def test_a_disabled_source_says_that_it_is_off() -> None:
    with disabled.Source(disabled.Options()) as source:
        with pytest.raises(DriverError) as refusal:
            source.open()
        assert refusal.value.cause == "disabled"
        with pytest.raises(DriverError):
            source.read(0.1)


def test_opencv_records_that_the_device_compresses(tmp_path: Path) -> None:
    with opencv.Source(opencv.Options(device=str(video(tmp_path)))) as source:
        source.open()
        assert first(source).lossy == (("ISO_10918_1", 0.0),)
    with opencv.Source(opencv.Options(device=str(video(tmp_path)), lossy_ratio=8.0)) as source:
        source.open()
        assert first(source).lossy == (("ISO_10918_1", 8.0),)


def test_opencv_delivers_red_as_red(tmp_path: Path) -> None:
    with opencv.Source(opencv.Options(device=str(video(tmp_path, 1)))) as source:
        source.open()
        red, green, blue = first(source).data[100, 40]
    assert red > 180
    assert max(green, blue) < 60


def test_the_end_of_a_file_without_loop_is_a_loss(tmp_path: Path) -> None:
    with opencv.Source(opencv.Options(device=str(video(tmp_path, 3)), loop=False)) as source:
        source.open()
        with pytest.raises(DriverError) as refusal:
            read_on(source)
    assert refusal.value.cause == "broken"


def read_on(source: opencv.Source) -> None:
    for _ in range(20):
        source.read(0.5)


def test_opencv_tells_an_absent_device_and_a_wrong_size(tmp_path: Path) -> None:
    with pytest.raises(DriverError) as refusal:
        opencv.Source(opencv.Options(device="/dev/video99")).open()
    assert refusal.value.cause == "absent"
    wrong = opencv.Options(device=str(video(tmp_path)), rows=576, columns=720)
    with opencv.Source(wrong) as source, pytest.raises(DriverError) as refusal:
        source.open()
    assert refusal.value.cause == "format"


# --- third parties' drivers, found by entry point, in a real child --------------------------------------------

DRIVER = """
import os, time
from dataclasses import dataclass, replace
import numpy as np
from drivers.contract import DriverError, Frame, Geometry, PixelFormat

@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    pass

SHAPE = Geometry(rows=480, columns=640, pixel_format=PixelFormat.RGB)

class Source:
    def __init__(self, options):
        self.number = 0
        self.opened = 0
    def open(self):
        self.opened += 1
        return SHAPE
    def close(self):
        pass
    def frame(self, data, **changes):
        self.number += 1
        made = Frame(data=data, geometry=SHAPE, captured_ns=time.monotonic_ns(), number=self.number)
        return replace(made, **changes)
    def picture(self):
        return np.random.default_rng(self.number).integers(0, 255, (480, 640, 3), np.uint8)
    def pause(self):
        time.sleep(0.02)
"""

READS = {
    "crash": "os.kill(os.getpid(), 11)",
    "hang": "time.sleep(3600)",
    "flood": (  # of pictures with something in them: an empty one counts as no signal when it lasts
        "few = np.random.default_rng(self.number).integers(0, 255, (48, 64, 3), np.uint8)\n"
        "        return self.frame(np.tile(few, (10, 10, 1)))"
    ),
    "raise_foreign": "raise RuntimeError('what the library said')",
    "short": "self.pause(); return self.frame(self.picture()[:100])",
    "wrong_type": "self.pause(); return self.frame(self.picture().astype(np.float32))",
    "not_an_array": "self.pause(); return self.frame(b'\\0' * 921600)",
    "torn_jpeg": (
        "self.pause(); return self.frame(np.frombuffer(bytes([255, 216]) + bytes(5000), np.uint8), "
        "geometry=replace(SHAPE, pixel_format=PixelFormat.MJPEG))"
    ),
    "broken_jpeg": (
        "self.pause(); return self.frame(np.frombuffer(bytes([255, 216]) + bytes(5000) + bytes([255, 217]), "
        "np.uint8), geometry=replace(SHAPE, pixel_format=PixelFormat.MJPEG))"
    ),
    "comes_back": (
        "self.pause()\n"
        "        if self.opened < 3 and self.number % 5 == 4:\n"
        "            self.number += 1\n"
        "            raise DriverError('absent')\n"
        "        return self.frame(self.picture())"
    ),
    "stuck": "raise DriverError('stuck')",
}


@pytest.fixture
def bad(tmp_path: Path, request: pytest.FixtureRequest) -> HostedSource:
    """A child whose driver is installed as a distribution with an entry point."""
    name = request.param
    body = f"    def read(self, timeout_s):\n        {READS[name]}\n"
    (tmp_path / f"bad_{name}.py").write_text(textwrap.dedent(DRIVER) + body, encoding="utf-8")
    info = tmp_path / f"bad_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: bad-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[modality_agent.drivers]\nbad_{name} = bad_{name}\n")
    child = HostedSource(path=str(tmp_path))
    opened = child.open(f"bad_{name}")
    assert opened.get("done") == {"driver": f"bad_{name}"}, opened
    return child


@pytest.mark.parametrize("bad", ["crash"], indirect=True)
def test_a_crashing_driver_takes_only_its_child(bad: HostedSource) -> None:
    with bad:
        assert bad.end() == -11


@pytest.mark.parametrize("bad", ["hang"], indirect=True)
def test_a_hanging_driver_stops_the_beats(bad: HostedSource) -> None:
    with bad:
        bad.ready()
        with pytest.raises(AssertionError, match="nothing of that kind"):
            bad.until(lambda m: "beat" in m, 2.5)
        assert bad.process.poll() is None
        bad.process.kill()


@pytest.mark.parametrize("bad", ["raise_foreign"], indirect=True)
def test_a_foreign_exception_ends_the_child(bad: HostedSource) -> None:
    with bad:
        assert bad.end() == 1


@pytest.mark.parametrize("bad", ["stuck"], indirect=True)
def test_a_stuck_library_asks_for_a_new_process(bad: HostedSource) -> None:
    with bad:
        assert bad.end() == 3


@pytest.mark.parametrize("bad", ["flood"], indirect=True)
def test_a_flood_is_slowed_down_and_requests_are_served(bad: HostedSource) -> None:
    with bad:
        bad.ready()
        assert "done" in bad.still()[0]
        start = bad.until(lambda m: "beat" in m)[0]["beat"]
        end = bad.until(lambda m: "beat" in m)[0]["beat"]
        assert 20 < end["frames"] - start["frames"] <= 300
        assert end["resident_kb"] < 80_000


@pytest.mark.parametrize("bad", ["short", "wrong_type", "not_an_array", "torn_jpeg"], indirect=True)
def test_a_frame_that_is_not_what_it_says_is_never_kept(bad: HostedSource) -> None:
    with bad:
        bad.ready()
        answer, payload = bad.still(500)
        assert answer["failed"]["code"] == "V-05"
        assert payload == b""
        beat = bad.until(lambda m: m.get("beat", {}).get("refused"))[0]["beat"]
        assert beat["refused"] > 0


@pytest.mark.parametrize("bad", ["comes_back"], indirect=True)
def test_a_lost_device_is_opened_again(bad: HostedSource) -> None:
    with bad:
        bad.ready()
        lost = bad.event(event="device", state="restarting")
        assert lost["cause"] == "absent"
        assert lost["advice"] == "Check that the device is plugged in and powered."
        bad.ready()
        assert "done" in bad.still()[0] or "done" in bad.still()[0]


@pytest.mark.parametrize("bad", ["broken_jpeg"], indirect=True)
def test_a_jpeg_that_cannot_be_decoded_is_a_broken_picture(bad: HostedSource) -> None:
    with bad:
        bad.ready()
        assert bad.still(800)[0]["failed"]["code"] == "V-05"
        assert bad.process.poll() is None


def test_our_own_drivers_come_first() -> None:
    assert find("simulator").module == "drivers.simulator"


# --- what holds for every driver that ships -------------------------------------------------------------------

METHODS = {
    "frames": ("open", "read", "close"),
    "pages": ("look", "scan"),
    "items": ("open", "waiting", "read", "forget"),
}


@pytest.mark.parametrize("name", DRIVERS)
def test_every_driver_declares_its_options_and_is_what_its_row_says(name: str) -> None:
    row, options, kind = DRIVERS[name], load_options(name), load_class(name)
    for field in dataclasses.fields(options):
        assert field.metadata["sentence"].endswith("."), field.name
        assert "unit" in field.metadata, field.name
    declared = dataclasses.asdict(options())
    assert build(options, json.loads(json.dumps(declared))) == options()
    made = kind(options())
    wanted = ("open", "read", "close") if row.kind == "trigger" else METHODS[row.delivers]
    assert all(callable(getattr(made, method)) for method in wanted)
    assert row.summary.endswith(".")


@pytest.mark.parametrize("name", DRIVERS)
def test_no_driver_s_options_need_a_library(name: str) -> None:
    heavy = ("numpy", "cv2", "serial", "pydicom", "simplejpeg", "gpiod", "cryptography")
    code = (
        f"import sys; from drivers import table; table.load_options({name!r}); table.load_class({name!r}); "
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=root, timeout=60, check=True, text=True)
    assert ran.stdout.strip() == "[]"


ABSENT = {
    "v4l2": {"device": "/dev/modality-agent-none"},
    "opencv": {"device": "/dev/modality-agent-none"},
    "rfb": {"port": 1, "timeout_s": 1.0},
    "folder": {"path": "/nonexistent/inbox"},
    "serial_line": {"port": "/dev/modality-agent-none"},
    "serial_text": {"port": "/dev/modality-agent-none"},
    "evdev": {"device": "/dev/input/modality-agent-none"},
}


@pytest.mark.parametrize("name", ABSENT)
def test_a_device_that_is_not_there_is_told_with_advice(name: str) -> None:
    made = load_class(name)(load_options(name)(**ABSENT[name]))
    with pytest.raises(DriverError) as refused:
        made.open()
    assert refused.value.cause == "absent"
    assert refused.value.advice


class TestScreen(SourceContract):
    driver = "rfb"

    @pytest.fixture(autouse=True)
    def _server(self, tmp_path: Path) -> Iterator[None]:
        with screen(tmp_path) as (port, _):
            self.port = port
            yield

    def make(self, tmp_path: Path) -> rfb.Source:
        return rfb.Source(rfb.Options(port=self.port, frames_per_s=20.0))


def test_the_template_of_the_guide_passes_the_suite(tmp_path: Path) -> None:
    """As its reader would: in a folder of its own, found by its entry point."""
    template = Path(__file__).parents[2] / "docs/driver-template"
    info = tmp_path / "modality_agent_example_driver-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: modality-agent-example-driver\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[modality_agent.drivers]\nexample = example_driver\n")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(template / "tests")]
    told = os.pathsep.join([str(template), str(tmp_path), str(Path(__file__).parents[2])])
    ran = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, "PYTHONPATH": told}
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
