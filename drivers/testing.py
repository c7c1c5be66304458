"""The contract of a source as a suite that every driver passes, ours and third parties'.

A test file says how its driver is made and pytest collects the rest:

    class TestMyDriver(SourceContract):
        def make(self, tmp_path):
            return Source(Options(...))

The suite needs a source that works: a device, a file, a simulator. It holds for `drivers.contract.Source`.
"""

# ruff: noqa: S101, PT017 - a suite for pytest that ships without pytest
from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from time import monotonic, monotonic_ns

from drivers.contract import DriverError, Frame, Geometry, Source
from drivers.options import build
from drivers.picture.convert import complete
from drivers.table import load_options

FIRST_FRAME_S = 10.0
SLACK_S = 0.5
"""How much later than its time-out a read may come back on a busy machine."""


class SourceContract:
    """Inherit from it and define `make`; each test gets a source of its own."""

    driver = ""
    """The driver's name in `drivers.table.DRIVERS`."""

    def make(self, tmp_path: Path) -> Source:
        """Return a source that is not open."""
        raise NotImplementedError

    def test_it_is_a_source(self, tmp_path: Path) -> None:
        assert isinstance(self.make(tmp_path), Source)

    def test_opening_tells_the_geometry_of_the_frames(self, tmp_path: Path) -> None:
        with self.make(tmp_path) as source:
            geometry = source.open()
            assert isinstance(geometry, Geometry)
            assert first(source).geometry == geometry

    def test_frames_are_complete_and_their_numbers_and_times_rise(self, tmp_path: Path) -> None:
        with self.make(tmp_path) as source:
            source.open()
            frames = [first(source) for _ in range(4)]
        assert all(complete(frame.data, frame.geometry) for frame in frames)
        numbers, times = [f.number for f in frames], [f.captured_ns for f in frames]
        assert numbers == sorted(set(numbers))
        assert times == sorted(set(times))

    def test_a_frame_is_never_from_the_future(self, tmp_path: Path) -> None:
        with self.make(tmp_path) as source:
            source.open()
            for _ in range(3):
                assert first(source).captured_ns < monotonic_ns()

    def test_a_frame_belongs_to_its_reader(self, tmp_path: Path) -> None:
        """A frame that was handed over does not change when the next ones come."""
        with self.make(tmp_path) as source:
            source.open()
            frame = first(source)
            before = frame.data.tobytes()
            for _ in range(3):
                first(source)
            assert frame.data.tobytes() == before

    def test_a_read_comes_back_in_time(self, tmp_path: Path) -> None:
        with self.make(tmp_path) as source:
            source.open()
            first(source)
            started = monotonic()
            source.read(0.001)
            assert monotonic() - started < SLACK_S

    def test_it_can_be_closed_twice_and_opened_again(self, tmp_path: Path) -> None:
        with self.make(tmp_path) as source:
            geometry = source.open()
            source.close()
            source.close()
            assert source.open() == geometry
            assert first(source).geometry == geometry

    def test_reading_a_closed_source_is_an_error_that_says_what_to_do(self, tmp_path: Path) -> None:
        source = self.make(tmp_path)
        try:
            source.read(0.01)
        except DriverError as e:
            assert e.cause in DriverError.CAUSES
            assert e.advice
        else:
            raise AssertionError("a source that is not open delivered")

    def test_its_options_are_declared(self, tmp_path: Path) -> None:
        del tmp_path
        options = load_options(self.driver)
        for field in dataclasses.fields(options):
            assert field.metadata["sentence"].endswith("."), field.name
            assert "unit" in field.metadata, field.name
        declared = dataclasses.asdict(options())
        assert build(options, json.loads(json.dumps(declared))) == options()

    def test_its_options_need_no_library(self, tmp_path: Path) -> None:
        """The core checks a configuration without loading numpy or a hardware library."""
        heavy = ("numpy", "cv2", "serial", "pydicom", "simplejpeg")
        code = (
            "import sys; from drivers import table; "
            f"table.load_options({self.driver!r}); table.load_class({self.driver!r}); "
            f"print([m for m in {heavy} if m in sys.modules])"
        )
        where = Path(__file__).resolve().parent.parent
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, cwd=where, timeout=60, check=True, text=True
        )
        assert ran.stdout.strip() == "[]"
        del tmp_path


def first(source: Source) -> Frame:
    """Return the next frame, waiting for at most `FIRST_FRAME_S`."""
    end = monotonic() + FIRST_FRAME_S
    while monotonic() < end:
        frame = source.read(0.5)
        if frame is not None:
            return frame
    raise AssertionError(f"no frame in {FIRST_FRAME_S:.0f} s")
