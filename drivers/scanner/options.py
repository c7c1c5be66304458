"""What the scanner driver may be told: settings only, no hardware and no numpy."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.options import option

FEEDS = ("flatbed", "feeder", "duplex", "manual-duplex", "film")
MODES = ("colour", "grey", "line")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the scanner may be told; "" takes whatever fits."""

    device: str = option("", sentence="SANE's name of the device, or a part of it such as its serial number.")
    vendor: str = option("", sentence="Part of the vendor's name as SANE tells it.")
    model: str = option("", sentence="Part of the model's name as SANE tells it.")
    feed: str = option(
        "flatbed", sentence="Where sheets lie: flatbed, feeder, duplex, film, or manual-duplex (turn the pile over)."
    )
    mode: str = option("grey", sentence="colour, grey or line (black and white).")
    depth: int = option(8, unit="bits", sentence="Bits of each sample: 8 or 16; line art has one.")
    resolution: int = option(300, unit="dpi", sentence="Dots per inch; the nearest that the device offers is taken.")
    area: tuple[float, float, float, float] | None = option(
        None, unit="mm", sentence="Part of the bed that is scanned: x, y, width, height; absent: all of it."
    )
    rotation_degrees: float = option(0.0, unit="degrees", sentence="How the film is turned, -45 to 45.")
    more: tuple[str, ...] = option((), sentence="Further settings of the device, each name=value.")
    configuration_dir: str = option("", sentence="SANE's configuration folder, where it is not the system's.")
    page_timeout_s: float = option(120.0, unit="s", sentence="How long one page may take.")
    list_timeout_s: float = option(30.0, unit="s", sentence="How long looking for the device may take.")

    def __post_init__(self) -> None:
        if self.feed not in FEEDS:
            raise ValueError(f"feed must be one of {', '.join(FEEDS)}")
        if self.mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}")
        if self.depth not in (8, 16) or not 50 <= self.resolution <= 9600:
            raise ValueError("depth must be 8 or 16, resolution 50 to 9600")
        if not 1 <= self.page_timeout_s <= 3600 or not 1 <= self.list_timeout_s <= 300:
            raise ValueError("page_timeout_s must be 1 to 3600, list_timeout_s 1 to 300")
        if any("=" not in word or not word[0].isalpha() for word in self.more):
            raise ValueError("more holds words such as swcrop=yes")
        if not -45 <= self.rotation_degrees <= 45:
            raise ValueError("rotation_degrees must be -45 to 45")
