"""From a frame to the durable payload of one still: final pixels, their description and their hash.

Order: convert, mask, crop, deinterlace, square pixels, encode. The mask comes first, so that nothing under it
can reach a neighbouring pixel by any later step. The header's names are DICOM's (PS3.3 C.7.6.3); the payload
is what goes into Pixel Data unchanged: native pixels (even padding is the builder's) or one JPEG stream.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.contract import Frame, PixelFormat, Signal
from drivers.jpeg import NotBaseline, bare
from drivers.lossy import Stage, measured
from drivers.picture.convert import to_grey, to_native
from drivers.picture.deinterlace import Deinterlace, deinterlace
from drivers.picture.region import crop, mask
from drivers.picture.scale import resample, square_width
from drivers.still_options import StillOptions, region

EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
JPEG_BASELINE_8BIT = "1.2.840.10008.1.2.4.50"


class StillRefused(ValueError):
    """This frame cannot become a still with these settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """One durable picture before it is durable: its header (JSON-ready) and its payload."""

    header: dict[str, Any]
    payload: bytes


def make(frame: Frame, options: StillOptions, signal: Signal) -> Still:
    """Return the still of `frame`; `signal` is recorded. Raises `StillRefused` when that is impossible."""
    try:
        through = _pass_through(frame, options)
        if through is not None:
            return _still(frame, signal, through, ["not decoded"], frame.geometry.pixel_aspect_ratio)
        picture, done, aspect = prepare(to_native(frame), frame, options)
        return _still(frame, signal, _encode(picture, frame, options), done, aspect)
    except ValueError as e:
        raise StillRefused(str(e)) from e


def prepare(
    picture: npt.NDArray[Any], frame: Frame, options: StillOptions
) -> tuple[npt.NDArray[Any], list[str], tuple[int, int] | None]:
    """Return the final pixels, what was done to them and their aspect (vertical, horizontal)."""
    done: list[str] = []
    geometry, aspect = frame.geometry, frame.geometry.pixel_aspect_ratio
    if options.colour == "grey" and picture.ndim == 3:
        picture = to_grey(picture)
        done.append("turned to grey")
    if options.mask:
        picture = mask(picture, [region(box) for box in options.mask])
        done.append(f"masked: {len(options.mask)}")
    if options.crop:
        picture = crop(picture, region(options.crop))
        done.append(f"cropped: {region(options.crop)}")
    if geometry.interlaced:
        picture = deinterlace(
            picture, Deinterlace(options.deinterlace), top_field_first=geometry.top_field_first
        )
        done.append(f"deinterlaced: {options.deinterlace}")
    if options.square_pixels and aspect and aspect[0] != aspect[1]:
        width = square_width(picture.shape[0], picture.shape[1], aspect)
        picture, aspect = resample(picture, width), None
        done.append(f"resampled: {picture.shape[1]}x{picture.shape[0]}")
    return _turned(picture, options, done, aspect)


def _turned(
    picture: npt.NDArray[Any], options: StillOptions, done: list[str], aspect: tuple[int, int] | None
) -> tuple[npt.NDArray[Any], list[str], tuple[int, int] | None]:
    """Turn and mirror as the profile says; on its side a pixel's height is its width."""
    if options.rotate:
        picture = np.ascontiguousarray(np.rot90(picture, -options.rotate // 90))
        done.append(f"rotated: {options.rotate}")
        aspect = (aspect[1], aspect[0]) if aspect and options.rotate in (90, 270) else aspect
    if options.mirror:
        picture = np.ascontiguousarray(picture[:, ::-1])
        done.append("mirrored")
    return picture, done, aspect


@dataclass(frozen=True, slots=True, kw_only=True)
class _Encoded:
    payload: bytes
    rows: int
    columns: int
    samples: int
    bits: tuple[int, int]
    photometric: str
    syntax: str
    stage: Stage | None = None


def _pass_through(frame: Frame, options: StillOptions) -> _Encoded | None:
    """A JPEG from the device that nothing has to be done to stays as it is: no second loss, no work."""
    geometry = frame.geometry
    changes = options.crop or options.mask or options.colour == "grey" or options.rotate or options.mirror
    changes = changes or (geometry.interlaced and options.deinterlace != "weave")
    squared = options.square_pixels and geometry.pixel_aspect_ratio
    if geometry.pixel_format is not PixelFormat.MJPEG or options.encoding != "jpeg" or changes or squared:
        return None
    try:
        stream = bare(np.asarray(frame.data, np.uint8).tobytes())
    except NotBaseline:
        return None
    if (stream.rows, stream.columns) != (geometry.rows, geometry.columns) or not stream.transformed:
        return None
    return _jpeg(stream.data, stream.rows, stream.columns, stream.samples_per_pixel)


def _encode(picture: npt.NDArray[Any], frame: Frame, options: StillOptions) -> _Encoded:
    rows, columns = picture.shape[:2]
    samples = 1 if picture.ndim == 2 else 3
    if options.encoding == "lossless":
        little = picture.astype("<u2", copy=False) if picture.dtype == np.uint16 else picture
        return _Encoded(
            payload=little.tobytes(),
            rows=rows,
            columns=columns,
            samples=samples,
            bits=(16, frame.geometry.bits_stored) if picture.dtype == np.uint16 else (8, 8),
            photometric="RGB" if samples == 3 else "MONOCHROME2",
            syntax=EXPLICIT_VR_LITTLE_ENDIAN,
        )
    data = bare(compress(picture, options.quality)).data
    return _jpeg(data, rows, columns, samples, stage=measured(rows, columns, samples, len(data)))


def _jpeg(data: bytes, rows: int, columns: int, samples: int, stage: Stage | None = None) -> _Encoded:
    return _Encoded(
        payload=data,
        rows=rows,
        columns=columns,
        samples=samples,
        bits=(8, 8),
        photometric="YBR_FULL_422" if samples == 3 else "MONOCHROME2",
        syntax=JPEG_BASELINE_8BIT,
        stage=stage,
    )


def compress(picture: npt.NDArray[Any], quality: int) -> bytes:
    """Return `picture` (RGB or grey, uint8) as baseline JPEG, 4:2:2; raises `ValueError` for 16 bits."""
    import simplejpeg

    if picture.dtype != np.uint8:
        raise ValueError("JPEG baseline holds 8 bits")
    pixels = np.ascontiguousarray(picture if picture.ndim == 3 else picture[..., None])
    if picture.ndim == 2:
        return bytes(
            simplejpeg.encode_jpeg(pixels, quality=quality, colorspace="GRAY", colorsubsampling="Gray")
        )
    return bytes(simplejpeg.encode_jpeg(pixels, quality=quality, colorspace="RGB", colorsubsampling="422"))


def _still(
    frame: Frame, signal: Signal, encoded: _Encoded, done: list[str], aspect: tuple[int, int] | None
) -> Still:
    lossy = history(frame)
    if encoded.stage:
        lossy = (*lossy, encoded.stage)
    header = {
        "rows": encoded.rows,
        "columns": encoded.columns,
        "samples_per_pixel": encoded.samples,
        "bits_allocated": encoded.bits[0],
        "bits_stored": encoded.bits[1],
        "photometric_interpretation": encoded.photometric,
        "transfer_syntax_uid": encoded.syntax,
        "payload_size": len(encoded.payload),
        "payload_sha256": hashlib.sha256(encoded.payload).hexdigest(),
        "lossy": [[method, ratio] for method, ratio in lossy],
        "pixel_aspect_ratio": list(aspect) if aspect and aspect[0] != aspect[1] else None,
        "image_format": frame.geometry.image_format,
        "processing": "; ".join(done),
        "frame_number": frame.number,
        "captured_ns": frame.captured_ns,
        "signal": str(signal),
    }
    return Still(header=header, payload=encoded.payload)


def history(frame: Frame) -> tuple[Stage, ...]:
    """Return the lossy stages before us: what the driver says, else what a JPEG frame itself proves."""
    if frame.lossy or frame.geometry.pixel_format is not PixelFormat.MJPEG:
        return frame.lossy
    return (measured(frame.geometry.rows, frame.geometry.columns, 3, frame.data.size),)
