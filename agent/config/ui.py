"""What the screens look and sound like."""

from __future__ import annotations

from agent.config.section import Section
from agent.config.values import setting


class Screens(Section):
    """What the screens look and sound like."""

    pixels_per_mm: float = setting(
        3.78,
        "CSS pixels of one millimetre on the screens of this box, so that buttons have their size in the hand.",
        unit="px/mm",
        ge=2.0,
        le=12.0,
    )
    sounds: bool = setting(True, "Whether the screens may be heard: captured, refused, attention.")
