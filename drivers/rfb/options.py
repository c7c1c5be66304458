"""What the screen driver may be told: settings only."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Which screen, and how often."""

    host: str = option("127.0.0.1", sentence="Name or address of the workstation.")
    port: int = option(5900, sentence="Port of its VNC server.")
    password_file: str = option("", sentence="File with the VNC password in its first line; empty: none is asked for.")
    frames_per_s: float = option(5.0, unit="1/s", sentence="At most so many pictures a second.")
    timeout_s: float = option(10.0, unit="s", sentence="How long the workstation may be silent while it answers.")
    image_format: str = option("", sentence="What is recorded as the digital format; empty: VNC and the size.")

    def __post_init__(self) -> None:
        if not self.host or not 1 <= self.port <= 65535:
            raise ValueError("host must be given, port must be 1 to 65535")
        if not 0.1 <= self.frames_per_s <= 30 or not 0.5 <= self.timeout_s <= 60:
            raise ValueError("frames_per_s must be 0.1 to 30, timeout_s 0.5 to 60")
