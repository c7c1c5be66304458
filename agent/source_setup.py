"""What a source child is told, in the driver host's words, from one table of the configuration."""

from __future__ import annotations

from typing import Any

from agent.config.source import Clip, Picture, SourceConfig
from agent.devices import SourceSetup
from drivers.table import find, over_network


def source_setup(source: SourceConfig) -> SourceSetup:
    """Return what the child of `source` is told."""
    return SourceSetup(
        name=source.name,
        driver=source.driver,
        options=dict(source.options),
        still=_still(source.picture),
        clip=_clip(source.clip),
        delivers=find(source.driver).delivers,
        over_network=over_network(source.driver, source.options),
    )


def _still(picture: Picture) -> dict[str, Any]:
    """Return the picture settings in the driver host's words; `none` leaves both fields as they are: a weave."""
    told = picture.model_dump(mode="json")
    return {
        "encoding": told["encoding"],
        "quality": told["jpeg_quality"],
        "deinterlace": "weave" if told["deinterlace"] == "none" else told["deinterlace"],
        "colour": told["colour"],
        "crop": told["crop"],
        "mask": told["mask"],
        "rotate": told["rotate"],
        "mirror": told["mirror"],
        "accept_frozen": told["accept_still_screen"],
    }


def _clip(clip: Clip) -> dict[str, Any]:
    """Return the clip settings in the driver host's words; a video has square pixels."""
    return {
        "quality": clip.quality,
        "pre_trigger_s": clip.pre_trigger_s,
        "longest_s": clip.longest_s,
        "largest_bytes": clip.largest_mb * 1_000_000,
        "square_pixels": clip.output != "multi-frame",
    }
