"""What the configuration says about the screens, as a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Size of a millimetre and whether the screens may be heard."""

    pixels_per_mm: float = 3.78
    sounds: bool = True
