"""What an image holds, read from its one file: the table by sfdisk, FAT by mtools, a system by unsquashfs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One row of the table; offset and size in bytes."""

    number: int
    offset: int
    size: int
    kind: str
    active: bool


class Contents:
    """The file of an image; nothing in it is mounted or changed."""

    def __init__(self, disk: Path) -> None:
        self.disk = disk
        told = subprocess.run(["sfdisk", "-J", disk], check=True, capture_output=True, text=True).stdout
        self.table = dict(json.loads(told)["partitiontable"])
        rows = [
            Partition(
                number=int(row["node"].removeprefix(str(disk)).lstrip("p")),
                offset=row["start"] * SECTOR,
                size=row["size"] * SECTOR,
                kind=str(row["type"]),
                active=bool(row.get("bootable")),
            )
            for row in self.table["partitions"]
        ]
        self.partitions = {row.number: row for row in rows}

    def read(self, number: int, size: int | None = None, skip: int = 0) -> bytes:
        """Return bytes of a partition, all of them without `size`."""
        place = self.partitions[number]
        with self.disk.open("rb") as file:
            file.seek(place.offset + skip)
            return file.read(place.size - skip if size is None else size)

    def empty(self, number: int) -> bool:
        """Tell whether a partition holds nothing but zeros."""
        place = self.partitions[number]
        return all(not any(self.read(number, 1 << 20, skip)) for skip in range(0, place.size, 1 << 20))

    def names(self, number: int) -> set[str]:
        """Return the files of a FAT partition."""
        told = self._mtool("mdir", number, "-/", "-b", "::")
        return {line.removeprefix("::/") for line in told.decode().splitlines() if not line.endswith("/")}

    def file(self, number: int, name: str) -> bytes:
        """Return a file of a FAT partition."""
        return self._mtool("mtype", number, f"::{name}")

    def _mtool(self, tool: str, number: int, *words: str) -> bytes:
        line = [tool, "-i", f"{self.disk}@@{self.partitions[number].offset}", *words]
        env = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
        return subprocess.run(line, check=True, capture_output=True, env=env).stdout

    def unpack(self, number: int, out: Path, paths: Sequence[str] = ()) -> Path:
        """Unpack paths of a system's squashfs, or all of it."""
        shutil.rmtree(out, ignore_errors=True)
        at = str(self.partitions[number].offset)
        line = ["unsquashfs", "-q", "-n", "-o", at, "-d", str(out), str(self.disk), *paths]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
        return out
