"""How clips of one source are recorded: settings only, so that the core may check them without numpy."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.options import option

LARGEST_BYTES = 1_900_000_000
"""A clip is split before 2 GB (PS3.5 A.4: a fragment and an offset have 32 bits; many archives stop at 2^31)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipOptions:
    """How clips of one source are recorded."""

    quality: int = option(90, sentence="JPEG quality of each frame, 50 to 100.")
    pre_trigger_s: float = option(0.0, unit="s", sentence="How much from before the press is kept; 0: nothing.")
    longest_s: float = option(120.0, unit="s", sentence="A clip ends by itself after this time.")
    largest_bytes: int = option(LARGEST_BYTES, unit="bytes", sentence="A clip is split before it is larger than this.")
    square_pixels: bool = option(False, sentence="Resample to square pixels (a video object must have them).")
    ring_bytes: int = option(48_000_000, unit="bytes", sentence="Memory for what is from before the press.")

    def __post_init__(self) -> None:
        if not 50 <= self.quality <= 100:
            raise ValueError("quality must be 50 to 100")
        if not 0 <= self.pre_trigger_s <= 30 or not 1 <= self.longest_s <= 3600:
            raise ValueError("pre_trigger_s must be 0 to 30, longest_s 1 to 3600")
        if not 100_000 <= self.largest_bytes <= LARGEST_BYTES:
            raise ValueError("largest_bytes must be 100000 to 1900000000")
