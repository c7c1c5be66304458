"""How large everything on a screen is that a finger has to hit, in millimetres, and whether it can be reached at all.

Numbers from technician.md B1 and B3: what matters most 20 mm, a row 15 mm, CAPTURE 30 mm, nothing below 44 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

LEAST_PX = 44.0
LEAST_MM = {"capture": 30.0, "primary": 20.0, "row": 15.0, "strip": 9.0, "control": 11.0}
FAR_MM = 20.0
"""FINISH is at least so far from CAPTURE."""
_SLACK = 0.6
"""Pixels that rounding may take."""
PICTURE_SHARE = 0.4

_SCRIPT = (Path(__file__).parent / "measure.js").read_text(encoding="utf-8")
_PLACES = """() => Object.fromEntries(["banner", "stage", "strip", "picture"]
  .filter((id) => document.getElementById(id))
  .map((id) => [id, document.getElementById(id).getBoundingClientRect().toJSON()]))"""


@dataclass(frozen=True)
class Control:
    """One thing to be hit, in pixels."""

    name: str
    kind: str
    x: float
    y: float
    width: float
    height: float
    cut: bool
    covered: str

    def faults(self, mm: float) -> list[str]:
        """Return what is wrong with it where a millimetre has `mm` pixels."""
        least = max(LEAST_PX, LEAST_MM[self.kind] * mm) - _SLACK
        small = f"{self.width / mm:.1f} × {self.height / mm:.1f} mm"
        found = (
            [f"{self.name}: {small}, {self.kind} needs {least / mm:.1f}"]
            if min(self.width, self.height) < least
            else []
        )
        found += [f"{self.name}: cut off where nothing scrolls"] if self.cut else []
        return found + ([f"{self.name}: {self.covered} lies on it"] if self.covered else [])

    def overlaps(self, other: Control) -> bool:
        return (
            self.x + self.width > other.x + 1
            and other.x + other.width > self.x + 1
            and self.y + self.height > other.y + 1
            and other.y + other.height > self.y + 1
        )


def controls(page: Page) -> tuple[list[Control], list[str]]:
    """Return everything that can be hit now, and what is wider than its place."""
    seen: dict[str, Any] = page.evaluate(_SCRIPT)
    return [Control(**one) for one in seen["controls"]], seen["wide"]


def faults(page: Page, mm: float) -> list[str]:
    """Return everything that is too small, cut off, covered or wider than its place on the screen as it is now."""
    found, wide = controls(page)
    assert found, "nothing can be hit on this screen"
    told = [fault for one in found for fault in one.faults(mm)]
    told += [f"scrolls sideways: {one}" for one in wide]
    if any(one.kind == "capture" for one in found):
        told += picture_faults(page) + _apart(found, mm)
    return told


def _apart(found: list[Control], mm: float) -> list[str]:
    capture = next(one for one in found if one.kind == "capture")
    finish = next(one for one in found if one.name.startswith("#finish"))
    gap_mm = (capture.y - finish.y - finish.height) / mm
    return [] if gap_mm >= FAR_MM else [f"CAPTURE and FINISH are {gap_mm:.0f} mm apart"]


def picture_faults(page: Page) -> list[str]:
    """Return what is wrong with the place of the live picture: from banner to strip, two fifths of the screen."""
    places: dict[str, Any] = page.evaluate(_PLACES)
    if "picture" not in places:
        return []
    size = page.viewport_size or {"width": 0, "height": 0}
    stage = places["stage"]
    aspect = page.evaluate("document.getElementById('picture').width / document.getElementById('picture').height")
    height = min(stage["height"], stage["width"] / aspect)
    share = height * height * aspect / (size["width"] * size["height"])
    found = []
    if abs(stage["top"] - places["banner"]["bottom"]) > 1 or abs(stage["bottom"] - places["strip"]["top"]) > 1:
        found.append(f"the live picture does not reach from banner to strip: {places}")
    if share < PICTURE_SHARE:
        found.append(f"the live picture has {share:.0%} of the screen")
    return found
