"""What a person says about one picture before it is sent: which side, and what it shows.

It is kept beside the frame, whose record is final at capture (ruling 12), and frozen when its object is first built:
the object is built, read again and compared with exactly these words (promises P2, P3).
"""

from __future__ import annotations

from dataclasses import dataclass

LATERALITIES = ("R", "L", "B", "U")
"""Image Laterality (0020,0062): right, left, both, unpaired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """Both empty: the object says what the source's own configuration says."""

    laterality: str = ""
    description: str = ""


NOTHING_SAID = Annotation()
