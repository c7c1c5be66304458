"""How worn the card is, as it says itself (eMMC 5.0, DEVICE_LIFE_TIME_EST_TYP_A and _B; SD cards do not tell)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_BLOCK = Path("/sys/block")


def life_used(block: Path = _BLOCK) -> dict[str, float]:
    """Return device → part of its life that is used, 0.1 steps, the worse of its two kinds of cells; may be empty."""
    return dict(_found(block))


def _found(block: Path) -> Iterator[tuple[str, float]]:
    for file in sorted(block.glob("mmcblk*/device/life_time")):
        try:
            steps = [int(word, 16) for word in file.read_text(encoding="ascii").split()]
        except (OSError, ValueError):
            continue
        if steps and max(steps) > 0:  # 0: not defined
            yield file.parent.parent.name, min(1.1, max(steps) / 10)
