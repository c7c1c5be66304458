"""A rectangle in a picture, in pixels of the source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A rectangle in pixels of the source's picture; x to the right, y down."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if min(self.x, self.y) < 0 or min(self.width, self.height) < 1:
            raise ValueError("a region needs x and y of at least 0, width and height of at least 1")

    def within(self, rows: int, columns: int) -> bool:
        return self.x + self.width <= columns and self.y + self.height <= rows

    def __str__(self) -> str:
        return f"{self.width}x{self.height}+{self.x}+{self.y}"
