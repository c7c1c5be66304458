"""A backup of one box: database, pictures, its own identity, and a manifest that proves each file; and the way back.

A backup holds patients and the box's own key: it is kept as carefully as the box. The manifest is written last, so a
folder without one is no backup. A restored box does nothing by itself: what was not sent when the backup was made may
have been sent since, so all of it is held for a person, under the same UIDs (promises P2, P3).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import __version__
from agent.operations_errors import BackupUnusable, NotEmpty
from agent.spool import fsync_folder
from agent.store import copying

DATABASE, MANIFEST = "agent.sqlite3", "manifest.json"
OWN = ("device-uid", "box.key", "audit-anchor")
"""Files of the data folder that are the box itself, where they are there."""
SPOOL = ("frames", "clips", "tray", "objects", "renditions")
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What a manifest says."""

    box: str
    made_at: str
    version: str
    schema: int
    pictures: bool
    files: dict[str, tuple[int, str]]
    """Name below the folder → size and SHA-256."""


def make(root: Path, target: Path, *, box: str, made_at: str, pictures: bool) -> Backup:
    """Write a backup of the data folder `root` into the new folder `target`; may run beside the service.

    On return every file and the manifest are on the disk. Raises `NotEmpty`, `DatabaseDamaged`, `StorageError`.
    """
    if target.exists() and any(target.iterdir()):
        raise NotEmpty(f"{target} is not empty: a backup goes into a folder of its own.")
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in OWN:  # the anchor before the database: it must not be ahead of it
        with suppress(FileNotFoundError):
            _copied(root / name, target / name)
    schema = copying.copy(root / DATABASE, target / DATABASE)
    _sync(target / DATABASE)
    for name in _spooled(root) if pictures else ():
        with suppress(FileNotFoundError):  # purged meanwhile: every destination has it
            _copied(root / name, target / name)
    backup = Backup(
        box=box, made_at=made_at, version=__version__, schema=schema, pictures=pictures, files=dict(_listed(target))
    )
    _write(target / MANIFEST, backup)
    return backup


def read(folder: Path) -> Backup:
    """Return what the manifest in `folder` says after every file was compared with it; raises `BackupUnusable`."""
    try:
        told: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in told.pop("files").items()}
        backup = Backup(**told, files=files)
    except (OSError, ValueError, TypeError, KeyError) as e:
        raise BackupUnusable(f"{folder} has no manifest: it is no backup, or one that was not finished.") from e
    _assert_inside(backup)
    there = dict(_listed(folder))
    wrong = [name for name, proof in backup.files.items() if there.get(name) != proof]
    if wrong or DATABASE not in backup.files:
        first = min(wrong, default=DATABASE)
        raise BackupUnusable(f"{len(wrong)} files of the backup are missing or changed, among them {first}.")
    return backup


def put_back(folder: Path, backup: Backup, root: Path) -> None:
    """Copy a backup that was read into the data folder `root`, which has no database; the database comes last."""
    for name in sorted(backup.files):
        if name != DATABASE and not (name.startswith("spool/") and (root / name).exists()):
            (root / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _copied(folder / name, root / name)
    part = root / f".{DATABASE}.part"
    _copied(folder / DATABASE, part)
    part.rename(root / DATABASE)
    fsync_folder(root)


def _assert_inside(backup: Backup) -> None:
    allowed = {DATABASE, *OWN}
    for name in backup.files:
        parts = name.split("/")
        spooled = len(parts) in (3, 4) and parts[0] == "spool" and parts[1] in SPOOL and ".." not in parts
        if name not in allowed and not spooled:
            raise BackupUnusable("The manifest names a file that no backup has.")


def _spooled(root: Path) -> Iterator[str]:
    for folder in SPOOL:
        # The index of a clip before its bytes: what it points to is there.
        files = sorted((root / "spool" / folder).rglob("*"), key=lambda file: (file.suffix != ".idx", file.name))
        yield from (file.relative_to(root).as_posix() for file in files if file.is_file() and not file.is_symlink())


def _listed(folder: Path) -> Iterator[tuple[str, tuple[int, str]]]:
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.is_file() and not file.is_symlink() and name != MANIFEST:
            with file.open("rb") as opened:
                yield name, (file.stat().st_size, hashlib.file_digest(opened, "sha256").hexdigest())


def _copied(source: Path, target: Path) -> None:
    mode = source.stat().st_mode & 0o640
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = target.with_name(f".{target.name}.copy")
    part.unlink(missing_ok=True)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as written, source.open("rb") as opened:
        shutil.copyfileobj(opened, written, _BLOCK)
        written.flush()
        os.fchmod(written.fileno(), mode)
        os.fsync(written.fileno())
    part.rename(target)
    fsync_folder(target.parent)


def _sync(file: Path) -> None:
    fd = os.open(file, os.O_RDONLY)
    try:
        os.fchmod(fd, 0o600)
        os.fsync(fd)
    finally:
        os.close(fd)


def _write(file: Path, backup: Backup) -> None:
    told = {name: getattr(backup, name) for name in Backup.__dataclass_fields__}
    part = file.with_name(f".{file.name}.part")
    part.write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
    _sync(part)
    part.rename(file)
    fsync_folder(file.parent)

