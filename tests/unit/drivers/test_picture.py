"""Crop, mask, deinterlacing, conversion and scaling: pure functions over arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drivers.box import Region
from drivers.contract import Geometry, PixelFormat
from drivers.picture.convert import complete, to_grey, yuyv_to_rgb
from drivers.picture.deinterlace import Deinterlace, deinterlace
from drivers.picture.region import crop, grow, mask, shrink
from drivers.picture.scale import resample, square_width, thumbnail

ROWS, COLUMNS = 24, 32


@st.composite
def regions(draw: st.DrawFn) -> Region:
    x, y = draw(st.integers(0, COLUMNS - 1)), draw(st.integers(0, ROWS - 1))
    return Region(x=x, y=y, width=draw(st.integers(1, COLUMNS - x)), height=draw(st.integers(1, ROWS - y)))


def picture(*, grey: bool = False) -> np.ndarray:
    shape = (ROWS, COLUMNS) if grey else (ROWS, COLUMNS, 3)
    return np.random.default_rng(5).integers(1, 256, shape).astype(np.uint8)


@given(region=regions(), grey=st.booleans())
def test_nothing_of_a_masked_region_is_left_and_nothing_else_is_lost(region: Region, grey: bool) -> None:
    before = picture(grey=grey)
    after = mask(before, [region])
    inside = np.zeros((ROWS, COLUMNS), bool)
    inside[region.y : region.y + region.height, region.x : region.x + region.width] = True
    assert (after[inside] == 0).all()
    g = grow(region)
    outside = np.ones((ROWS, COLUMNS), bool)
    outside[g.y : g.y + g.height, g.x : g.x + g.width] = False
    assert (after[outside] == before[outside]).all()
    assert before.min() >= 1


@given(region=regions())
def test_a_mask_grows_by_one_pixel_at_most_and_to_even_numbers(region: Region) -> None:
    g = grow(region)
    assert region.x - g.x in (0, 1)
    assert region.y - g.y in (0, 1)
    assert 0 <= g.x + g.width - region.x - region.width <= 1
    assert g.x % 2 == g.y % 2 == g.width % 2 == g.height % 2 == 0


@given(region=regions(), grey=st.booleans())
def test_a_crop_shows_nothing_from_outside(region: Region, grey: bool) -> None:
    assume(region.width >= 3 and region.height >= 3)
    before = picture(grey=grey)
    after = crop(before, region)
    r = shrink(region)
    assert region.x <= r.x
    assert region.y <= r.y
    assert r.x + r.width <= region.x + region.width
    assert r.y + r.height <= region.y + region.height
    assert r.x % 2 == r.y % 2 == r.width % 2 == r.height % 2 == 0
    assert after.tolist() == before[r.y : r.y + r.height, r.x : r.x + r.width].tolist()
    assert not np.shares_memory(after, before)


def test_a_crop_of_whole_lines_is_a_copy_too() -> None:
    before = picture()
    assert not np.shares_memory(crop(before, Region(x=0, y=0, width=COLUMNS, height=4)), before)


@pytest.mark.parametrize("box", [(0, 0, 33, 24), (1, 0, 32, 24), (0, 1, 32, 24)])
def test_what_does_not_fit_is_refused(box: tuple[int, int, int, int]) -> None:
    region = Region(x=box[0], y=box[1], width=box[2], height=box[3])
    with pytest.raises(ValueError, match="does not fit"):
        mask(picture(), [region])
    with pytest.raises(ValueError, match="does not fit"):
        crop(picture(), region)


def test_a_crop_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        crop(picture(), Region(x=1, y=1, width=1, height=1))


@pytest.mark.parametrize("shape", [(6, 4), (7, 4), (6, 4, 3)])
def test_one_field_is_doubled(shape: tuple[int, ...]) -> None:
    woven = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    top = deinterlace(woven, Deinterlace.FIELD, top_field_first=True)
    bottom = deinterlace(woven, Deinterlace.FIELD, top_field_first=False)
    assert top.shape == bottom.shape == shape
    assert (top[1] == woven[0]).all()
    assert (top[4] == woven[4]).all()
    assert (bottom[0] == woven[1]).all()
    assert (bottom[4] == woven[5]).all()


def test_blend_is_the_mean_and_weave_is_nothing() -> None:
    woven = np.array([[10, 200], [20, 255]], np.uint8)
    assert deinterlace(woven, Deinterlace.BLEND).tolist() == [[15, 228], [15, 228]]
    assert deinterlace(woven, Deinterlace.WEAVE) is woven


def test_yuyv_is_converted_as_bt601() -> None:
    colours = {(81, 90, 240): (255, 0, 0), (145, 54, 34): (0, 255, 0), (41, 240, 110): (0, 0, 255)}
    colours |= {(16, 128, 128): (0, 0, 0), (235, 128, 128): (255, 255, 255)}
    for (y, u, v), rgb in colours.items():
        data = np.array([[[y, u], [y, v]]], np.uint8)
        assert np.abs(yuyv_to_rgb(data)[0].astype(int) - rgb).max() <= 3


def test_grey_is_luma() -> None:
    assert to_grey(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)).tolist() == [[76, 149, 28]]


def test_square_pixels_of_the_two_standards_and_of_a_crop() -> None:
    assert square_width(576, 720, (11, 12)) == 768
    assert square_width(480, 720, (11, 10)) == 640
    assert square_width(576, 704, (11, 12)) == 768


def test_resampling_keeps_a_ramp_a_ramp() -> None:
    ramp = np.tile(np.arange(0, 200, 10, dtype=np.uint8), (2, 1))
    wide = resample(ramp, 40)
    assert wide.shape == (2, 40)
    assert (np.diff(wide[0].astype(int)) >= 0).all()
    assert (wide[0, 0], wide[0, -1]) == (0, 190)
    assert resample(np.full((2, 20, 3), 77, np.uint8), 31).min() == 77


def test_a_thumbnail_is_never_wider_than_asked() -> None:
    assert thumbnail(np.zeros((576, 720, 3), np.uint8), 320).shape == (192, 240, 3)


@pytest.mark.parametrize(
    ("kind", "shape", "dtype", "good"),
    [
        (PixelFormat.RGB, (24, 32, 3), "u1", True),
        (PixelFormat.RGB, (24, 32), "u1", False),
        (PixelFormat.RGB, (23, 32, 3), "u1", False),
        (PixelFormat.GREY, (24, 32), "u1", True),
        (PixelFormat.GREY, (24, 32), "u2", False),
        (PixelFormat.YUYV, (24, 32, 2), "u1", True),
        (PixelFormat.MJPEG, (100,), "u1", False),
        (PixelFormat.RGB, (24, 32, 3), "f4", False),
    ],
)
def test_a_frame_is_what_it_says_or_not(
    kind: PixelFormat, shape: tuple[int, ...], dtype: str, good: bool
) -> None:
    geometry = Geometry(rows=24, columns=32, pixel_format=kind)
    assert complete(np.zeros(shape, dtype), geometry) is good


def test_deep_grey_needs_sixteen_bits() -> None:
    deep = Geometry(rows=24, columns=32, pixel_format=PixelFormat.GREY, bits_stored=12)
    assert complete(np.zeros((24, 32), np.uint16), deep)
    assert not complete(np.zeros((24, 32), np.uint8), deep)
