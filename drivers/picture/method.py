"""How interlaced pictures are treated: the word in the settings, without numpy."""

from __future__ import annotations

from enum import StrEnum


class Deinterlace(StrEnum):
    """How; `field` is right for whatever moves, `weave` only for what stands still."""

    FIELD = "field"
    """The earlier field alone, every line doubled: no combs, half the vertical resolution."""
    BLEND = "blend"
    """The mean of both fields: no combs, but what moves is seen twice."""
    WEAVE = "weave"
    """Both fields as they came: full resolution, combs on whatever moves."""
