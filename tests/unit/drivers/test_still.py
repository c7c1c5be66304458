"""Stills: every encoding is decoded again by a decoder that the drivers do not use, and compared."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from drivers.clock import Jump
from drivers.contract import Frame, Geometry, PixelFormat, Signal
from drivers.jpeg import NotBaseline, bare
from drivers.options import OptionRefused, build
from drivers.simulator import Options, Source
from drivers.still import Still, StillRefused, make
from drivers.still_options import StillOptions


def frame(**options: object) -> Frame:
    with Source(Options(**options), clock=Jump()) as source:  # type: ignore[arg-type]
        source.open()
        got = source.read(1.0)
    assert got is not None
    return got


def still(of: Frame, **options: object) -> Still:
    return make(of, build(StillOptions, options), Signal.PRESENT)


def native(made: Still) -> np.ndarray:
    header = made.header
    kind = "<u2" if header["bits_allocated"] == 16 else "u1"
    shape = (header["rows"], header["columns"], header["samples_per_pixel"])
    return np.frombuffer(made.payload, kind).reshape(shape).squeeze()


def pillow(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def mjpeg(rgb: np.ndarray, **changes: object) -> Frame:
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=85, subsampling="4:2:2")
    rows, columns = rgb.shape[:2]
    shape = Geometry(rows=rows, columns=columns, pixel_format=PixelFormat.MJPEG)
    data = np.frombuffer(stream.getvalue(), np.uint8)
    return Frame(data=data, geometry=replace(shape, **changes), captured_ns=1, number=1)


def test_lossless_colour_is_the_pixels_themselves() -> None:
    source = frame()
    made = still(source, deinterlace="weave")
    assert (native(made) == source.data).all()
    assert made.header == {
        "rows": 576,
        "columns": 720,
        "samples_per_pixel": 3,
        "bits_allocated": 8,
        "bits_stored": 8,
        "photometric_interpretation": "RGB",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "payload_size": 1244160,
        "payload_sha256": hashlib.sha256(made.payload).hexdigest(),
        "lossy": [],
        "pixel_aspect_ratio": [11, 12],
        "image_format": "PAL",
        "processing": "deinterlaced: weave",
        "frame_number": 0,
        "captured_ns": 1_000_000_000,
        "signal": "present",
    }


def test_lossless_grey() -> None:
    source = frame(colour=False)
    made = still(source)
    assert (native(made)[0::2] == source.data[0::2]).all()
    assert (native(made)[1::2] == source.data[0::2]).all()
    assert (made.header["photometric_interpretation"], made.header["samples_per_pixel"]) == ("MONOCHROME2", 1)


def test_lossless_twelve_bits() -> None:
    data = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    shape = Geometry(rows=64, columns=64, pixel_format=PixelFormat.GREY, bits_stored=12)
    deep = Frame(data=data, geometry=shape, captured_ns=0, number=0)
    made = still(deep)
    assert (native(made) == data).all()
    assert (made.header["bits_allocated"], made.header["bits_stored"]) == (16, 12)
    with pytest.raises(StillRefused, match="8 bits"):
        still(deep, encoding="jpeg")


@pytest.mark.parametrize(("colour", "photometric"), [(True, "YBR_FULL_422"), (False, "MONOCHROME2")])
def test_jpeg_is_close_to_the_pixels_and_tells_its_ratio(colour: bool, photometric: str) -> None:
    source = frame(colour=colour)
    made = still(source, encoding="jpeg", quality=95, deinterlace="weave")
    decoded = pillow(made.payload)
    assert decoded.shape == source.data.shape
    assert np.abs(decoded.astype(int) - source.data).mean() < 4
    assert made.header["photometric_interpretation"] == photometric
    assert made.header["transfer_syntax_uid"] == "1.2.840.10008.1.2.4.50"
    [[method, ratio]] = made.header["lossy"]
    assert method == "ISO_10918_1"
    assert ratio == round(source.data.size / len(made.payload), 2)
    assert b"JFIF" not in made.payload[:40]


def test_red_is_red_in_jpeg_too() -> None:
    decoded = pillow(still(frame(), encoding="jpeg", quality=95).payload)
    red, green, blue = decoded[95, 688].astype(int)
    assert red > 200 > 90 > max(green, blue)


def test_a_history_before_us_is_kept_in_order() -> None:
    source = replace(frame(), lossy=(("ISO_14496_10", 40.0),))
    assert still(source).header["lossy"] == [["ISO_14496_10", 40.0]]
    assert [m for m, _ in still(source, encoding="jpeg").header["lossy"]] == ["ISO_14496_10", "ISO_10918_1"]


def test_mask_comes_before_everything_else() -> None:
    source = frame()
    made = still(source, mask=[[9, 9, 301, 41]], crop=[0, 0, 400, 300], square_pixels=False)
    pixels = native(made)
    assert pixels.shape == (300, 400, 3)
    assert (pixels[10:48, 8:310] == 0).all()
    assert made.header["processing"] == "masked: 1; cropped: 400x300+0+0; deinterlaced: field"
    assert made.header["pixel_aspect_ratio"] == [11, 12]


def test_masked_content_does_not_reach_a_jpeg() -> None:
    """Two pictures that differ only under the mask give the same payload."""
    source = frame()
    other = source.data.copy()
    other[101:151, 201:301] = 255
    options = {"encoding": "jpeg", "mask": [[201, 101, 100, 50]], "deinterlace": "blend"}
    assert still(source, **options).payload == still(replace(source, data=other), **options).payload


def test_square_pixels_take_the_ratio_away() -> None:
    made = still(frame(), square_pixels=True)
    assert (made.header["rows"], made.header["columns"]) == (576, 768)
    assert made.header["pixel_aspect_ratio"] is None
    assert made.header["processing"] == "deinterlaced: field; resampled: 768x576"


def test_a_mask_outside_the_picture_is_refused() -> None:
    with pytest.raises(StillRefused, match="does not fit"):
        still(frame(), mask=[[700, 0, 30, 10]])


@pytest.mark.parametrize(
    "wrong",
    [
        {"encoding": "gif"},
        {"quality": 0},
        {"quality": "90"},
        {"crop": [0, 0, 0, 5]},
        {"crop": [1, 2, 3]},
        {"mask": 5},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(OptionRefused):
        build(StillOptions, wrong)


def test_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(OptionRefused, match="did you mean 'quality'"):
        build(StillOptions, {"qualty": 90})


# --- JPEG from the device ---------------------------------------------------------------------------------


def test_a_jpeg_of_the_device_is_not_compressed_again() -> None:
    source = mjpeg(frame(rows=96, columns=144).data)
    made = still(source, encoding="jpeg")
    assert (pillow(made.payload) == pillow(source.data.tobytes())).all()
    assert made.payload == bare(source.data.tobytes()).data
    assert made.header["lossy"] == [["ISO_10918_1", round(96 * 144 * 3 / source.data.size, 2)]]
    assert made.header["processing"] == "not decoded"


def test_a_jpeg_without_tables_gets_the_standard_ones() -> None:
    source = mjpeg(frame(rows=96, columns=144).data)
    whole = source.data.tobytes()
    bareless, at = b"\xff\xd8", 2
    while whole[at + 1] != 0xDA:
        size = 2 + int.from_bytes(whole[at + 2 : at + 4], "big")
        bareless += b"" if whole[at + 1] == 0xC4 else whole[at : at + size]
        at += size
    bareless += whole[at:] + bytes(17)
    assert b"\xff\xc4" not in bareless[:at]
    assert bare(bareless).data.count(b"\xff\xc4\x01\xa2\x00\x00\x01\x05\x01\x01") == 1
    assert (pillow(bare(bareless).data) == pillow(whole)).all()


def test_a_jpeg_of_the_device_is_decoded_where_something_is_to_be_done() -> None:
    source = mjpeg(frame(rows=96, columns=144).data)
    made = still(source, mask=[[0, 0, 10, 10]])
    assert (native(made)[:10, :10] == 0).all()
    decoded = pillow(source.data.tobytes()).astype(int)
    assert np.abs(native(made)[20:].astype(int) - decoded[20:]).max() <= 3
    assert made.header["lossy"][0][0] == "ISO_10918_1"


@pytest.mark.parametrize("cut", [1, 3, 20, 200, 700])
def test_a_torn_stream_is_refused(cut: int) -> None:
    whole = mjpeg(frame(rows=96, columns=144).data).data.tobytes()
    with pytest.raises(NotBaseline):
        bare(whole[:cut])


def test_a_progressive_stream_is_not_baseline() -> None:
    stream = io.BytesIO()
    Image.fromarray(frame(rows=96, columns=144).data).save(stream, "JPEG", progressive=True)
    with pytest.raises(NotBaseline):
        bare(stream.getvalue())


@pytest.mark.parametrize(("rotate", "mirror", "first"), [
    (0, False, 1), (90, False, 4), (180, False, 6), (270, False, 3), (0, True, 3), (90, True, 1),
])  # fmt: skip
def test_a_picture_is_turned_and_mirrored_and_says_so(rotate: int, mirror: bool, first: int) -> None:
    geometry = Geometry(rows=2, columns=3, pixel_format=PixelFormat.GREY, pixel_aspect_ratio=(11, 12))
    data = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    frame = Frame(data=data, geometry=geometry, captured_ns=1, number=1)
    still = make(frame, StillOptions(rotate=rotate, mirror=mirror), Signal.PRESENT)
    assert still.payload[0] == first
    side = rotate in (90, 270)
    assert (still.header["rows"], still.header["columns"]) == ((3, 2) if side else (2, 3))
    assert still.header["pixel_aspect_ratio"] == ([12, 11] if side else [11, 12])
    assert ("rotated" in still.header["processing"], "mirrored" in still.header["processing"]) == (bool(rotate), mirror)
