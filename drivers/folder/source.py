"""The folder as a source of items: settle, take, read, deliver, forget."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from drivers.contract import DriverError
from drivers.folder.content import Content, Refused, read
from drivers.folder.options import Options

TAKING, REFUSED = ".taking", ".refused"


class Source:
    """One folder. An item keeps its name, a UUID of our own, from the rename until it is forgotten."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self._root = Path(self._options.path)
        self._seen: dict[str, tuple[int, int, float]] = {}
        self._names: dict[str, str] = {}

    def open(self) -> None:
        """Make the two folders of our own; raises `DriverError`."""
        try:
            for name in (TAKING, REFUSED):
                (self._root / name).mkdir(exist_ok=True, mode=0o700)
        except PermissionError as e:
            raise DriverError("permission", "the folder cannot be written") from e
        except OSError as e:
            raise DriverError("absent", "the folder is not there") from e

    def waiting(self) -> list[str]:
        """Take what has settled and return every item that is to be delivered, those of before a crash first."""
        try:
            taken = sorted(entry.name for entry in os.scandir(self._root / TAKING) if _is_ours(entry.name))
            return taken + [self._take(name) for name in self._settled()]
        except OSError as e:
            raise DriverError("absent", "the folder went away") from e

    def _settled(self) -> list[str]:
        now, found = monotonic(), {}
        ready = []
        with os.scandir(self._root) as entries:
            for entry in entries:
                if entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
                    continue
                status = entry.stat(follow_symlinks=False)
                state = (status.st_size, status.st_mtime_ns)
                known = self._seen.get(entry.name)
                since = known[2] if known and known[:2] == state else now
                found[entry.name] = (*state, since)
                if status.st_size and now - since >= self._options.settle_s and known:
                    ready.append(entry.name)
        self._seen = found
        return sorted(ready)

    def _take(self, name: str) -> str:
        item = str(uuid.uuid4())
        (self._root / name).rename(self._root / TAKING / item)
        self._seen.pop(name, None)
        self._names[item] = name
        return item

    def name(self, item: str) -> str:
        """Return what the file was called; unknown after a restart."""
        return self._names.get(item, "")

    def read(self, item: str, turn: Callable[[], None]) -> Content:
        """Return what an item is; raises `Refused`."""
        file = self._root / TAKING / item
        try:
            if file.stat().st_size > self._options.largest_mb * 1_000_000:
                raise Refused("The file is larger than is taken.")
            return read(file, self._root / TAKING, turn)
        except OSError as e:
            raise Refused("The file cannot be read from the disk.") from e

    def forget(self, item: str) -> None:
        """The item is durable elsewhere: let the file go."""
        for name in (item, f"{item}.mp4"):
            (self._root / TAKING / name).unlink(missing_ok=True)
        self._names.pop(item, None)

    def refuse(self, item: str) -> None:
        """Put aside what cannot be read; it stays for a person."""
        (self._root / TAKING / f"{item}.mp4").unlink(missing_ok=True)
        file = self._root / TAKING / item
        if file.exists():
            file.rename(self._root / REFUSED / item)


def _is_ours(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False
