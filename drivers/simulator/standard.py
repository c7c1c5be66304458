"""Television standards as sizes, rates and pixel shapes (ITU-R BT.601, PS3.3 C.7.6.3.1.7)."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.contract import Geometry, PixelFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """One television standard of 4:3 pictures."""

    rows: int
    columns: int
    frames_per_s: float
    pixel_aspect_ratio: tuple[int, int]
    """(vertical, horizontal)."""
    top_field_first: bool
    image_format: str


STANDARDS = {
    "pal": Standard(
        rows=576,
        columns=720,
        frames_per_s=25.0,
        pixel_aspect_ratio=(11, 12),
        top_field_first=True,
        image_format="PAL",
    ),
    "ntsc": Standard(
        rows=480,
        columns=720,
        frames_per_s=30000 / 1001,
        pixel_aspect_ratio=(11, 10),
        top_field_first=False,
        image_format="NTSC",
    ),
}


def geometry(standard: Standard, pixel_format: PixelFormat) -> Geometry:
    """Return the interlaced geometry of `standard`."""
    return Geometry(
        rows=standard.rows,
        columns=standard.columns,
        pixel_format=pixel_format,
        interlaced=True,
        top_field_first=standard.top_field_first,
        pixel_aspect_ratio=standard.pixel_aspect_ratio,
        image_format=standard.image_format,
    )
