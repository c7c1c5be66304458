"""The log of a disk's writes and flushes, as QEMU's blklogwrites keeps it, and the disks that a power cut can leave.

The format is that of the kernel's dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst): a super
block, then for each request a sector of head and its data. A flush is logged when it is done, so every write that
was done before it was asked for stands before it in the log. Whatever stands behind the last flush may, after a power
cut, be on the disk, not be there, or be there in part: a disk with a volatile cache promises nothing else.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

SECTOR = 512
_HEAD = struct.Struct("<QQQQ")
FLUSH, FUA, DISCARD = 1, 2, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request: where it wrote, and where its data and its end are in the log."""

    sector: int
    sectors: int
    flags: int
    data: int
    end: int


def entries(path: Path) -> list[Entry]:
    """Return every whole entry of a log."""
    found, size = [], path.stat().st_size
    with path.open("rb") as log:
        at = SECTOR
        while at + SECTOR <= size:
            log.seek(at)
            sector, sectors, flags, length = _HEAD.unpack(log.read(_HEAD.size))
            if not any((sector, sectors, flags, length)):
                break
            end = at + SECTOR + (0 if flags & DISCARD else sectors * SECTOR)
            if end > size:
                break
            found.append(Entry(sector=sector, sectors=sectors, flags=flags, data=at + SECTOR, end=end))
            at = end
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashState:
    """A disk as it may be after power went at one point of the log."""

    point: int
    log_end: int
    """Offset in the log of the cut: what was acknowledged at a smaller or equal offset must be there."""
    kept: int
    dropped: int
    torn: int


class Replay:
    """Builds crash states in order of time: `image` follows the log, `state` is made of it and what was in flight."""

    def __init__(self, log: Path, blank: Path, folder: Path, luck: random.Random) -> None:
        self.entries = entries(log)
        self._log, self._luck = log.open("rb"), luck
        self._image, self.state = folder / "image.raw", folder / "state.raw"
        copy_sparse(blank, self._image)
        self._done = 0

    def points(self, number: int, start: int) -> list[int]:
        """Return `number` points of time behind entry `start`, in order; some come twice, with another luck.

        The more writes are in flight at a point, the more often it is chosen: there is more that can go wrong.
        """
        in_flight, count = [], 0
        for entry in self.entries:
            count = 0 if entry.flags & FLUSH else count + 1
            in_flight.append(1 + 4 * count)
        return sorted(self._luck.choices(range(start, len(self.entries)), weights=in_flight[start:], k=number))

    def states(self, points: Sequence[int]) -> Iterator[CrashState]:
        """Yield a crash state for each point; the disk is in the file `state` until the next one is asked for."""
        for point in points:
            flushed = self._last_flush(point)
            with self._image.open("r+b") as image:
                for entry in self.entries[self._done : flushed + 1]:
                    self._write(image, entry)
            self._done = max(self._done, flushed + 1)
            copy_sparse(self._image, self.state)
            yield self._cut(point, self.entries[flushed + 1 : point + 1])

    def _last_flush(self, point: int) -> int:
        return next((i for i in range(point, self._done - 1, -1) if self.entries[i].flags & FLUSH), self._done - 1)

    def _cut(self, point: int, pending: Sequence[Entry]) -> CrashState:
        """Let each write that no flush covers be kept, dropped or torn, in any order."""
        keep = self._luck.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        kept = dropped = torn = 0
        with self.state.open("r+b") as state:
            for entry in self._luck.sample(pending, len(pending)):
                if entry.flags & FUA or self._luck.random() < keep:
                    self._write(state, entry)
                    kept += 1
                elif entry.sectors > 1 and self._luck.random() < 0.5:
                    self._tear(state, entry)
                    torn += 1
                else:
                    dropped += 1
        log_end = self.entries[point].end
        return CrashState(point=point, log_end=log_end, kept=kept, dropped=dropped, torn=torn)

    def _write(self, disk: BinaryIO, entry: Entry) -> None:
        disk.seek(entry.sector * SECTOR)
        if entry.flags & DISCARD:
            disk.write(bytes(entry.sectors * SECTOR))
            return
        self._log.seek(entry.data)
        disk.write(self._log.read(entry.sectors * SECTOR))

    def _tear(self, disk: BinaryIO, entry: Entry) -> None:
        """Write some sectors of an entry: a beginning, an end, or any that chance takes."""
        way, cut = self._luck.randrange(3), self._luck.randrange(1, entry.sectors)
        for number in range(entry.sectors):
            if (number < cut, number >= cut, self._luck.random() < 0.5)[way]:
                self._log.seek(entry.data + number * SECTOR)
                disk.seek((entry.sector + number) * SECTOR)
                disk.write(self._log.read(SECTOR))

    def close(self) -> None:
        self._log.close()


def copy_sparse(source: Path, target: Path) -> None:
    """Copy what a file holds and leave its holes holes."""
    with source.open("rb") as read, target.open("wb") as write:
        size = os.fstat(read.fileno()).st_size
        at = 0
        while at < size:
            try:
                begin = os.lseek(read.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            at = os.lseek(read.fileno(), begin, os.SEEK_HOLE)
            os.lseek(read.fileno(), begin, os.SEEK_SET)
            os.lseek(write.fileno(), begin, os.SEEK_SET)
            left = at - begin
            while left:
                left -= os.sendfile(write.fileno(), read.fileno(), None, min(left, 1 << 30))
        os.ftruncate(write.fileno(), size)
