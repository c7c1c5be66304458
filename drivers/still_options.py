"""How stills of a source are made: settings only, so that the core may check them without numpy."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.box import Region
from drivers.options import option
from drivers.picture.method import Deinterlace

ENCODINGS = ("lossless", "jpeg")

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StillOptions:
    """How stills of one source are made, and from what they are never made."""

    encoding: str = option("lossless", sentence="lossless (native pixels) or jpeg (baseline, 8 bits).")
    quality: int = option(90, sentence="JPEG quality, 1 to 100.")
    colour: str = option("colour", sentence="colour (as the device gives it) or grey.")
    deinterlace: str = option("field", sentence="field, blend or weave; for interlaced sources only.")
    crop: Box | None = option(None, unit="pixels", sentence="What is kept: x, y, width, height.")  # noqa: RUF009 - a dataclass field
    mask: tuple[Box, ...] = option((), unit="pixels", sentence="What is blackened: x, y, width, height each.")
    rows: int = option(
        0, unit="pixels", sentence="Height the crop and masks were drawn on; 0: as first opened."
    )
    columns: int = option(
        0, unit="pixels", sentence="Width the crop and masks were drawn on; 0: as first opened."
    )
    rotate: int = option(0, unit="degrees", sentence="Turned clockwise by 0, 90, 180 or 270.")
    mirror: bool = option(False, sentence="Left and right exchanged, after turning.")
    square_pixels: bool = option(False, sentence="Resample to square pixels.")
    accept_frozen: bool = option(False, sentence="Allow stills from a picture that does not move at all.")

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            raise ValueError(f"encoding must be one of {', '.join(ENCODINGS)}")
        if self.colour not in ("colour", "grey"):
            raise ValueError("colour must be colour or grey")
        if self.deinterlace not in list(Deinterlace):
            raise ValueError(f"deinterlace must be one of {', '.join(Deinterlace)}")
        if self.rotate not in (0, 90, 180, 270):
            raise ValueError("rotate must be 0, 90, 180 or 270")
        if not 1 <= self.quality <= 100:
            raise ValueError("quality must be 1 to 100")
        for box in (*self.mask, *([self.crop] if self.crop else [])):
            region(box)


def region(box: Box) -> Region:
    """Return the region of x, y, width, height; raises `ValueError` for an impossible one."""
    return Region(x=box[0], y=box[1], width=box[2], height=box[3])
