"""What counts as a live picture, and how long it takes until something is believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from drivers.clock import Jump
from drivers.contract import Frame, Geometry, PixelFormat, Signal
from drivers.picture.judge import Judge, content, samples
from drivers.simulator import Options, Source

SHAPE = Geometry(rows=576, columns=720, pixel_format=PixelFormat.RGB)


def of(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((576, 720, 3), colour, np.uint8)


def verdict(data: np.ndarray, geometry: Geometry = SHAPE) -> Signal:
    return content(samples(Frame(data=data, geometry=geometry, captured_ns=0, number=0)))


def noisy(data: np.ndarray, by: int) -> np.ndarray:
    shake = np.random.default_rng(2).integers(-by, by + 1, data.shape)
    return np.clip(data.astype(int) + shake, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("colour", [(0, 0, 0), (16, 16, 16), (0, 0, 255), (20, 20, 160), (0, 135, 0)])
@pytest.mark.parametrize("noise", [0, 6])
def test_the_empty_pictures_of_grabbers(colour: tuple[int, int, int], noise: int) -> None:
    assert verdict(noisy(of(colour), noise)) is Signal.NO_SIGNAL


def test_a_blue_screen_with_words_on_it_is_empty() -> None:
    data = of((0, 0, 200))
    data[280:300, 300:420] = 255
    assert verdict(data) is Signal.NO_SIGNAL


def test_a_dark_picture_with_something_in_it_is_not_empty() -> None:
    data = of((5, 5, 5))
    data[200:260, 300:420] = 120
    assert verdict(data) is Signal.PRESENT


def test_a_grey_card_is_a_picture() -> None:
    assert verdict(noisy(of((120, 120, 120)), 5)) is Signal.PRESENT


@pytest.mark.parametrize("standard", ["pal", "ntsc"])
@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("noise", [0, 5])
def test_colour_bars(standard: str, colour: bool, noise: int) -> None:
    with Source(Options(standard=standard, colour=colour, fault="colour_bars"), clock=Jump()) as source:
        source.open()
        frame = source.read(1.0)
    assert frame is not None
    assert verdict(noisy(frame.data, noise), frame.geometry) is Signal.COLOUR_BARS


def test_a_real_scene_and_a_ramp_are_no_bars() -> None:
    ramp = np.tile(np.linspace(255, 0, 720)[:, None], (576, 1, 3)).astype(np.uint8)
    assert verdict(ramp) is Signal.PRESENT


def test_yuyv_bars_and_black_are_seen_without_conversion_of_the_whole() -> None:
    shape = replace(SHAPE, pixel_format=PixelFormat.YUYV)
    black = np.empty((576, 720, 2), np.uint8)
    black[...] = (16, 128)
    assert verdict(black, shape) is Signal.NO_SIGNAL
    assert verdict(np.zeros((576, 720, 2), np.uint8), shape) is Signal.NO_SIGNAL


class Watched:
    """A judge that is shown a frame every 40 ms."""

    def __init__(self) -> None:
        self.judge, self.now_ms, self.number = Judge(), 0, 0

    def show(self, count: int, *, fault: str = "", signal: Signal = Signal.PRESENT) -> Signal:
        for _ in range(count):
            self.now_ms += 40
            self.number += 1
            data = np.random.default_rng(0 if fault == "frozen" else self.number).integers(
                0, 255, (64, 64, 3)
            )
            data = data * (fault != "black")
            shape = replace(SHAPE, rows=64, columns=64)
            frame = Frame(
                data=data.astype(np.uint8),
                geometry=shape,
                captured_ns=self.now_ms * 1_000_000,
                number=self.number,
                signal=signal,
            )
            self.last = self.judge.see(frame)
        return self.judge.believed


def test_the_first_frame_proves_nothing() -> None:
    watched = Watched()
    watched.show(1)
    assert watched.last is Signal.UNKNOWN
    watched.show(1)
    assert watched.last is Signal.PRESENT


def test_one_black_frame_is_no_alarm_and_half_a_second_is() -> None:
    watched = Watched()
    assert watched.show(10) is Signal.PRESENT
    assert watched.show(1, fault="black") is Signal.PRESENT
    assert watched.last is Signal.NO_SIGNAL
    assert watched.show(10) is Signal.PRESENT
    assert watched.show(14, fault="black") is Signal.NO_SIGNAL


def test_one_good_frame_ends_no_alarm() -> None:
    watched = Watched()
    watched.show(10)
    watched.show(14, fault="black")
    assert watched.show(1) is Signal.NO_SIGNAL
    assert watched.show(8) is Signal.PRESENT


def test_the_same_picture_for_two_seconds_is_frozen() -> None:
    watched = Watched()
    watched.show(10)
    assert watched.show(40, fault="frozen") is Signal.PRESENT
    assert watched.last is Signal.FROZEN
    assert watched.show(20, fault="frozen") is Signal.FROZEN


def test_the_driver_s_own_word_counts_more() -> None:
    watched = Watched()
    watched.show(10)
    assert watched.show(14, signal=Signal.NO_SYNC) is Signal.NO_SYNC


def test_nothing_is_known_when_nothing_comes() -> None:
    watched = Watched()
    watched.show(10)
    watched.judge.nothing()
    assert watched.judge.believed is Signal.UNKNOWN
