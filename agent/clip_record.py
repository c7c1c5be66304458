"""From a clip's index to what its record says: sizes, times and lossy history of the frames that are really there."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from itertools import pairwise
from statistics import fmean

from agent.errors import SpoolDamaged
from agent.model import FrameRecord
from drivers.clip_index import Indexed, decode, whole

_BUFFER = 1 << 20
_REGULAR = 0.02
"""A clip is regular when no interval differs by more than this share from the mean."""
_LONGEST_VECTOR = 3000
"""Values of a Frame Time Vector that surely fit 65534 bytes (PS3.5 7.1.2)."""


def complete(record: FrameRecord, index: bytes, payload_fd: int, *, sha256: str = "") -> FrameRecord:
    """Return the record of the whole frames of a clip; `sha256` is that of its payload where it is known.

    Raises `SpoolDamaged` when not one frame is whole.
    """
    frames = decode(index)
    if not sha256:
        frames = whole(frames, payload_fd)
    if not frames:
        raise SpoolDamaged("Nothing of this clip is on the disk.")
    size = frames[-1].offset + frames[-1].size
    return replace(
        record,
        number_of_frames=len(frames),
        frame_sizes=tuple(frame.size for frame in frames),
        payload_size=size,
        payload_sha256=sha256 or _sha256(payload_fd, size),
        lossy=_history(record, size, len(frames)),
        frame_time_ms=regular_ms(frames),
        frame_times_ms=vector_ms(frames),
    )


def _gaps_ms(frames: list[Indexed]) -> list[float]:
    return [(b.captured_ns - a.captured_ns) / 1e6 for a, b in pairwise(frames)]


def regular_ms(frames: list[Indexed]) -> float:
    """Return the Frame Time of a regular clip, or of one too long for a vector; else 0 (PS3.3 C.7.6.5)."""
    gaps = _gaps_ms(frames)
    mean = fmean(gaps) if gaps else 40.0
    regular = len(gaps) >= _LONGEST_VECTOR or all(abs(gap - mean) <= mean * _REGULAR for gap in gaps)
    return round(mean, 3) if regular else 0.0


def vector_ms(frames: list[Indexed]) -> tuple[float, ...]:
    """Return the Frame Time Vector of an irregular clip: 0, then the time since the frame before; else nothing."""
    if regular_ms(frames):
        return ()
    return (0.0, *(round(gap, 3) for gap in _gaps_ms(frames)))


def _history(record: FrameRecord, size: int, frames: int) -> tuple[tuple[str, float], ...]:
    """Return the lossy stages; the last one is ours and is measured over the whole clip."""
    raw = record.rows * record.columns * record.samples_per_pixel * frames
    return (*record.lossy[:-1], ("ISO_10918_1", round(raw / size, 2)))


def _sha256(fd: int, size: int) -> str:
    whole_payload, at = hashlib.sha256(), 0
    while at < size:
        part = os.pread(fd, min(_BUFFER, size - at), at)
        if not part:
            raise SpoolDamaged("A clip is shorter than its index says.")
        whole_payload.update(part)
        at += len(part)
    return whole_payload.hexdigest()
