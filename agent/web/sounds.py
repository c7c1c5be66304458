"""The three sounds of the box, made from a table: told apart by rhythm and pitch, not by pitch alone."""

from __future__ import annotations

import io
import math
import wave
from array import array
from collections.abc import Mapping
from functools import cache

_RATE = 22050
_EDGE_S = 0.006
"""Each tone swells and fades this long, or it would click."""
_LOUD = 0.32

SOUNDS: Mapping[str, tuple[tuple[float, float, float], ...]] = {
    "captured": ((1318.5, 0.05, 0.0), (1760.0, 0.11, 0.0)),
    "refused": ((220.0, 0.14, 0.07), (220.0, 0.2, 0.0)),
    "attention": ((659.3, 0.12, 0.05), (659.3, 0.12, 0.05), (880.0, 0.22, 0.0)),
}
"""Name → tones: pitch in Hz, length and the silence after it in seconds."""


@cache
def wav(name: str) -> bytes:
    """Return one sound as a WAV file (16 bit, mono)."""
    samples = array("h")
    for pitch, length, silence in SOUNDS[name]:
        samples.extend(_tone(pitch, length))
        samples.extend([0] * round(silence * _RATE))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(samples.tobytes())
    return out.getvalue()


def _tone(pitch: float, length: float) -> list[int]:
    count = round(length * _RATE)
    return [round(32767 * _LOUD * _envelope(i, count) * _wave(pitch, i)) for i in range(count)]


def _wave(pitch: float, i: int) -> float:
    angle = 2 * math.pi * pitch * i / _RATE
    return 0.8 * math.sin(angle) + 0.2 * math.sin(2 * angle)


def _envelope(i: int, count: int) -> float:
    edge = _EDGE_S * _RATE
    return min(1.0, i / edge, (count - i) / edge)
