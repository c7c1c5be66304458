"""What a reset and an erase take away, as data: every file of the box belongs to one group, and a group goes or stays.

| group | what | reset | erase |
|---|---|---|---|
| inbox | what other software put there for a watched folder | goes | goes |
| identity | the box's keys, its page's certificate, its own UID | stays unless told | goes |
| patients | database (accounts too), every picture, journal, old databases that were set aside | goes | goes |
| audit | where the audit trail had come to: its numbers go on there | stays with the identity | goes |
| configuration | box's and site's layer, their versions, keys and secrets that they name | stays unless told | goes |

The image's layer, profiles and the example came with the system and always stay.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Group(StrEnum):
    """Groups in the order in which they go: what only another user may remove first, then what opens all else."""

    INBOX = "inbox"
    IDENTITY = "identity"
    PATIENTS = "patients"
    AUDIT = "audit"
    CONFIGURATION = "configuration"


_PLACES = {
    "inbox": Group.INBOX,
    "box.key": Group.IDENTITY,
    "device-uid": Group.IDENTITY,
    "page.crt": Group.IDENTITY,
    "page.key": Group.IDENTITY,
    "tls": Group.IDENTITY,
    "failure": Group.IDENTITY,
    "audit-anchor": Group.AUDIT,
}
"""First part of a name in the data folder → its group; everything else is the patients'."""
LOCK = "lock"
_KINDS = {".frm": "pictures", ".clp": "clips", ".dcm": "objects", ".itm": "tray"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """One file that goes. `name`: group and place, for the list whose digest the certificate bears."""

    path: Path
    group: Group
    name: str
    size: int


def groups(*, identity: bool, configuration: bool) -> tuple[Group, ...]:
    """Return which groups go."""
    told = {Group.IDENTITY: identity, Group.AUDIT: identity, Group.CONFIGURATION: configuration}
    return tuple(group for group in Group if told.get(group, True))


def going(root: Path | None, configured: Iterable[Path], wanted: Iterable[Group]) -> list[Going]:
    """Return every file of the data folder and of the configuration that goes, in order; raises `OSError`."""
    chosen = set(wanted)
    there = (*(_in_data(root) if root else ()), *_in_configuration(configured))
    found = [item for item in there if item.group in chosen]
    order = {group: number for number, group in enumerate(Group)}
    return sorted(found, key=lambda item: (order[item.group], item.name))


def _in_data(root: Path) -> Iterator[Going]:
    for path in _files(root) if root.is_dir() else ():
        name = path.relative_to(root).as_posix()
        if name != LOCK:
            group = _PLACES.get(name.partition("/")[0], Group.PATIENTS)
            yield Going(path=path, group=group, name=f"data/{name}", size=path.lstat().st_size)


def _files(folder: Path) -> Iterator[Path]:
    """Yield everything below `folder` that is no folder; unlike glob it does not pass over what it may not read."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            else:
                yield Path(entry.path)


def _in_configuration(configured: Iterable[Path]) -> Iterator[Going]:
    for path in sorted(set(configured)):
        if path.is_symlink() or path.is_file():
            size = path.lstat().st_size
            yield Going(path=path, group=Group.CONFIGURATION, name=f"configuration/{path.name}", size=size)


def digest(items: Iterable[Going]) -> str:
    """Return the SHA-256 of the list: one line with size and name for each file, in order."""
    lines = "".join(f"{item.size} {item.name}\n" for item in items)
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()


def counts(items: Iterable[Going]) -> dict[str, int]:
    """Return how many files of each kind there are; nothing of a patient."""
    counted: dict[str, int] = {}
    for item in items:
        kind = _KINDS.get(item.path.suffix, str(item.group)) if item.group is Group.PATIENTS else str(item.group)
        kind = "other" if kind == Group.PATIENTS else kind
        counted[kind] = counted.get(kind, 0) + 1
    return counted


def is_plain(path: Path) -> bool:
    """Return whether it is a file with bytes of its own: not a link, not a socket."""
    return stat.S_ISREG(path.lstat().st_mode)
