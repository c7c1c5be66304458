"""The live picture on the screen: small JPEGs, at most so many a second, only while somebody looks.

Frames are left out, never queued: where the core has not read the last ones, the next one is skipped.
"""

from __future__ import annotations

import fcntl
import struct
import termios
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.contract import Frame, PixelFormat
from drivers.options import option
from drivers.picture.convert import decode_jpeg, to_native
from drivers.picture.deinterlace import Deinterlace, deinterlace
from drivers.picture.region import mask
from drivers.picture.scale import thumbnail
from drivers.still import compress
from drivers.still_options import Box, region

MAX_UNREAD = 4096
_QUALITY = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewOptions:
    """How much preview is wanted."""

    on: bool = option(True, sentence="Whether somebody looks.")
    max_fps: float = option(10.0, unit="1/s", sentence="At most so many pictures a second.")
    max_width: int = option(640, unit="pixels", sentence="At most so wide.")

    def __post_init__(self) -> None:
        if not 0 < self.max_fps <= 60 or not 16 <= self.max_width <= 4096:
            raise ValueError("max_fps must be above 0 and at most 60, max_width 16 to 4096")


class Preview:
    """Decides which frames are shown, and makes them small."""

    def __init__(self, masks: tuple[Box, ...] = ()) -> None:
        self._masks = masks
        self._options = PreviewOptions(on=False)
        self._next_ns = 0
        self.skipped = 0

    def set(self, options: PreviewOptions) -> None:
        self._options, self._next_ns = options, 0

    def due(self, frame: Frame, channel_fd: int) -> bool:
        """Return whether this frame is to be shown."""
        if not self._options.on or frame.captured_ns < self._next_ns:
            return False
        if unread(channel_fd) > MAX_UNREAD:
            self.skipped += 1
            return False
        # half a frame of slack, or 25 frames a second at 12.5 wanted would become 8.3
        self._next_ns = frame.captured_ns + round(1e9 / self._options.max_fps) - 10_000_000
        return True

    def picture(self, frame: Frame) -> bytes | None:
        """Return the small JPEG of `frame`: masked like a still, one field of an interlaced picture.

        None where that is impossible: the masks were drawn on another size, or the frame is a broken JPEG.
        """
        try:
            return compress(thumbnail(self._shown(frame), self._options.max_width), _QUALITY)
        except ValueError:
            self.skipped += 1
            return None

    def _shown(self, frame: Frame) -> npt.NDArray[np.uint8]:
        geometry = frame.geometry
        if geometry.pixel_format is PixelFormat.MJPEG and not self._masks:
            return decode_jpeg(
                np.asarray(frame.data, np.uint8), small=min(self._options.max_width, geometry.rows)
            )
        whole: npt.NDArray[Any] = mask(to_native(frame), [region(box) for box in self._masks])
        if whole.dtype == np.uint16:
            whole = np.right_shift(whole, max(0, geometry.bits_stored - 8)).astype(np.uint8)
        if geometry.interlaced:
            whole = deinterlace(whole, Deinterlace.FIELD, top_field_first=geometry.top_field_first)
        return np.asarray(whole, dtype=np.uint8)


def unread(channel_fd: int) -> int:
    """Return how many bytes sent into this socket nobody has read yet (SIOCOUTQ)."""
    return int(struct.unpack("i", fcntl.ioctl(channel_fd, termios.TIOCOUTQ, b"\0\0\0\0"))[0])
