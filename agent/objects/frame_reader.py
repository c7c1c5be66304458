"""The frames of a written image object, one at a time: where each lies in the file, and its decoded pixels.

Our own objects have one fragment for each frame (PS3.5 A.4), so that a frame is found by walking the items; nobody
holds more than one frame in memory, however long a clip is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import FileDataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag

from agent.errors import ObjectCorrupt, ObjectError
from agent.objects import codec
from agent.objects.strict import FOREIGN, strict

PIXEL_DATA = 0x7FE00010
NATIVE = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"})
_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"


class FrameReader:
    """One object file, open for reading. `data_set` is everything before the pixels."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        try:
            os.lseek(fd, 0, os.SEEK_SET)
            with os.fdopen(os.dup(fd), "rb") as file, strict():
                self.data_set: FileDataset = read_partial(file, stop_when=_at_pixels)
                self._start = file.tell()
            self.syntax = str(self.data_set.file_meta.TransferSyntaxUID)
            self.count = int(self.data_set.get("NumberOfFrames", 1))
            self._spans = list(self._native() if self.syntax in NATIVE else self._items())
        except FOREIGN as e:
            raise ObjectCorrupt("An object cannot be read.", reason=type(e).__name__) from None
        if len(self._spans) != self.count:
            raise ObjectCorrupt("An object does not have the frames that it says.")

    def _native(self) -> Iterator[tuple[int, int]]:
        d = self.data_set
        bits = d.Rows * d.Columns * d.SamplesPerPixel * d.BitsAllocated
        if bits % 8:
            raise ObjectError("Line art of this size cannot be changed into another syntax.")
        head = 8 if self.syntax == "1.2.840.10008.1.2" else 12
        told = int.from_bytes(os.pread(self._fd, 4, self._start + head - 4), "little")
        size, at = bits // 8, self._start + head
        if told != size * self.count + size * self.count % 2 or os.fstat(self._fd).st_size != at + told:
            raise ObjectCorrupt("The pixels of an object are not whole.")
        yield from ((at + number * size, size) for number in range(self.count))

    def _items(self) -> Iterator[tuple[int, int]]:
        at, first = self._start + 12, True
        while (head := os.pread(self._fd, 8, at))[:4] == _ITEM:
            size = int.from_bytes(head[4:], "little")
            if not first:
                yield at + 8, size
            at, first = at + 8 + size, False
        if head[:4] != _END or os.fstat(self._fd).st_size != at + 8:
            raise ObjectCorrupt("The pixels of an object are not whole.")

    def encoded(self, number: int) -> bytes:
        """Return one frame as it is in the file."""
        at, size = self._spans[number]
        return os.pread(self._fd, size, at)

    def pixels(self, number: int) -> npt.NDArray[Any]:
        """Return one frame decoded: rows, columns[, samples], colour as RGB; raises `ObjectCorrupt`."""
        d = self.data_set
        kind = np.dtype("<u2") if d.BitsAllocated == 16 else np.dtype("u1")
        shape = (d.Rows, d.Columns, 3) if d.SamplesPerPixel == 3 else (d.Rows, d.Columns)
        try:
            if self.syntax in NATIVE:
                raw = np.frombuffer(self.encoded(number), kind)
                return raw.reshape(shape) if d.BitsAllocated != 1 else raw
            return codec.decode(self.syntax, self.encoded(number), shape, kind)
        except FOREIGN as e:
            raise ObjectCorrupt("The pixels of an object cannot be decoded.", reason=type(e).__name__) from None


def _at_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return bool(tag == PIXEL_DATA)
