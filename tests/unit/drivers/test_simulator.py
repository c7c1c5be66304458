"""The simulated device: its picture, its counter, its pace and its faults."""

from __future__ import annotations

import io

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.examples import get_path

from drivers.clock import Jump
from drivers.contract import DriverError, Frame, Signal
from drivers.picture.deinterlace import Deinterlace, deinterlace
from drivers.simulator import Options, Source
from drivers.simulator.counter import NoCounter, read_counter, strip, strip_rows


def frames(count: int, **options: object) -> list[Frame]:
    with Source(Options(**options), clock=Jump()) as source:  # type: ignore[arg-type]
        source.open()
        read = [source.read(1.0) for _ in range(count)]
    assert all(read)
    return [f for f in read if f is not None]


def combs(picture: np.ndarray) -> float:
    """How much each row differs from the mean of its neighbours, where something is."""
    rows = picture[..., 0].astype(float)
    return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).max(axis=1).mean())


def test_it_is_interlaced_pal() -> None:
    frame = frames(1)[0]
    assert frame.data.shape == (576, 720, 3)
    geometry = frame.geometry
    assert (geometry.interlaced, geometry.top_field_first, geometry.image_format) == (True, True, "PAL")
    assert geometry.pixel_aspect_ratio == (11, 12)


def test_frames_are_40_ms_apart_and_numbered() -> None:
    made = frames(5)
    assert [f.number for f in made] == [0, 1, 2, 3, 4]
    assert np.diff([f.captured_ns for f in made]).tolist() == [40_000_000] * 4


def test_a_late_reader_gets_the_newest_frame_only() -> None:
    clock = Jump()
    with Source(Options(), clock=clock) as source:
        source.open()
        clock.wait(1.001)
        frame = source.read(1.0)
        assert frame is not None
        assert frame.number == 24
        following = source.read(1.0)
        assert following is not None
        assert following.number == 25


def test_what_moves_shows_combs_until_one_field_is_taken() -> None:
    data = frames(13)[12].data
    target = data[320:372, 250:480]
    single = deinterlace(data, Deinterlace.FIELD)[320:372, 250:480]
    between = np.abs(target[0::2, :, 0].astype(int) - target[1::2, :, 0]).max()
    assert between > 150
    assert (single[0::2] == single[1::2]).all()


@pytest.mark.parametrize("standard", ["pal", "ntsc"])
@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("how", ["field", "blend"])
def test_the_counter_survives_deinterlacing_and_jpeg(standard: str, colour: bool, how: str) -> None:
    for frame in frames(4, standard=standard, colour=colour):
        single = deinterlace(frame.data, Deinterlace(how), top_field_first=frame.geometry.top_field_first)
        stream = io.BytesIO()
        Image.fromarray(single).save(stream, "JPEG", quality=75)
        decoded = np.asarray(Image.open(io.BytesIO(stream.getvalue())))
        assert read_counter(decoded) == frame.number


@settings(max_examples=60, deadline=None)
@given(number=st.integers(0, 2**32 - 1), columns=st.integers(144, 1920), noise=st.integers(0, 40))
def test_every_number_can_be_read_back(number: int, columns: int, noise: int) -> None:
    picture = np.zeros((288, columns), np.int16)
    picture[-strip_rows(288) :] = strip(number, columns)
    shaken = picture + np.random.default_rng(number).integers(-noise, noise + 1, picture.shape)
    assert read_counter(np.clip(shaken, 0, 255).astype(np.uint8)) == number


def test_one_wrong_block_is_noticed() -> None:
    picture = frames(1)[0].data.copy()
    picture[-18:, 200:220] = 255 - picture[-18:, 200:220]
    with pytest.raises(NoCounter):
        read_counter(picture)


def test_a_picture_without_a_counter_is_told() -> None:
    with pytest.raises(NoCounter):
        read_counter(frames(1)[0].data[:500])


def test_the_speckle_depends_on_the_seed_alone() -> None:
    assert (frames(1, seed=7)[0].data == frames(1, seed=7)[0].data).all()
    assert (frames(1, seed=7)[0].data != frames(1, seed=8)[0].data).any()


def test_an_explicit_size_is_progressive() -> None:
    frame = frames(1, rows=480, columns=640, frames_per_s=50.0)[0]
    assert frame.data.shape == (480, 640, 3)
    assert not frame.geometry.interlaced
    assert read_counter(frame.data) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"standard": "secam"},
        {"fault": "fire"},
        {"rows": 480},
        {"rows": 10, "columns": 10},
        {"frames_per_s": -1.0},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Options(**wrong)  # type: ignore[arg-type]


# --- faults ---------------------------------------------------------------------------------------------------


def test_a_fault_starts_with_its_frame() -> None:
    made = frames(5, fault="no_signal", fault_after_frames=3)
    assert [f.signal for f in made] == [Signal.PRESENT] * 3 + [Signal.NO_SIGNAL] * 2
    assert made[3].data.max() == 0


def test_frozen_is_the_same_picture_with_a_running_time() -> None:
    made = frames(4, fault="frozen")
    assert all((f.data == made[0].data).all() for f in made)
    assert [f.number for f in made] == [0, 1, 2, 3]
    assert {f.signal for f in made} == {Signal.PRESENT}


def test_colour_bars_begin_white_and_end_black() -> None:
    data = frames(1, fault="colour_bars")[0].data
    assert data[100, [45, 135, 675]].tolist() == [[191, 191, 191], [191, 191, 0], [0, 0, 0]]


def test_geometry_becomes_ntsc_and_says_so() -> None:
    frame = frames(1, fault="geometry")[0]
    assert frame.data.shape == (480, 720, 3)
    assert (frame.geometry.rows, frame.geometry.image_format) == (480, "NTSC")


def test_short_is_less_than_it_says() -> None:
    frame = frames(1, fault="short")[0]
    assert (frame.data.shape[0], frame.geometry.rows) == (288, 576)


def test_stalled_delivers_nothing_and_heals() -> None:
    with Source(Options(), clock=Jump()) as source:
        source.open()
        source.inject("stalled")
        assert source.read(0.5) is None
        source.inject("none")
        assert source.read(0.5) is not None


def test_unplugged_raises_and_cannot_be_opened() -> None:
    with Source(Options(), clock=Jump()) as source:
        source.open()
        source.inject("unplugged")
        with pytest.raises(DriverError, match="absent"):
            source.read(0.5)
        source.close()
        with pytest.raises(DriverError, match="absent"):
            source.open()
        source.inject("none")
        source.open()
        assert source.read(0.5) is not None


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="fire"):
        Source().inject("fire")


# --- replay ---------------------------------------------------------------------------------------------------


def test_a_cine_is_replayed_in_a_circle_with_its_history() -> None:
    made = frames(31, path=str(get_path("ybr_color")))
    assert made[0].data.shape == (240, 320, 3)
    assert (made[0].data == made[30].data).all()
    assert (made[0].data != made[15].data).any()
    method, ratio = made[0].lossy[0]
    assert method == "ISO_10918_1"
    assert 20 < ratio < 60


def test_a_native_cine_has_no_lossy_history_of_its_own() -> None:
    frame = frames(1, path=str(get_path("rgb_color")))[0]
    assert frame.data.shape == (240, 320, 3)
    assert frame.lossy == ()


def test_nothing_to_replay_and_nothing_usable_are_told(tmp_path: object) -> None:
    for path, cause in (("/nowhere/at/all", "absent"), (str(tmp_path), "format")):
        with pytest.raises(DriverError, match=cause):
            Source(Options(path=path), clock=Jump()).open()


def test_a_preview_sized_jpeg_keeps_the_counter() -> None:
    frame = frames(3)[2]
    small = np.ascontiguousarray(frame.data[::2, ::2])
    assert read_counter(simplejpeg.decode_jpeg(simplejpeg.encode_jpeg(small, quality=70))) == 2
