"""What the watched folder may be told: settings only."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is watched and how."""

    path: str = option("/var/lib/modality-agent/inbox", sentence="The folder that is watched.")
    settle_s: float = option(2.0, unit="s", sentence="A file is taken when it has not changed for so long.")
    every_s: float = option(1.0, unit="s", sentence="How often the folder is looked at.")
    largest_mb: int = option(1900, unit="MB", sentence="Larger files are refused.")
    ratio: float = option(0.0, sentence="Lossy compression ratio of what the other software wrote; 0: not known.")

    def __post_init__(self) -> None:
        if not self.path.startswith("/"):
            raise ValueError("path must be absolute")
        if not 0 <= self.settle_s <= 600 or not 0.1 <= self.every_s <= 60:
            raise ValueError("settle_s must be 0 to 600, every_s 0.1 to 60")
        if not 1 <= self.largest_mb <= 1900 or self.ratio < 0:
            raise ValueError("largest_mb must be 1 to 1900, ratio not negative")
