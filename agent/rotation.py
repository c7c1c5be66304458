"""Copies of the box that are made by themselves (`modality-agent-backup.timer`): each read again, so many kept, and
what came of the last one written down for the core, which tells when none was made (`agent.backup_watch`)."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent import backup as backups
from agent.errors import AgentError, StorageError
from agent.operations_errors import BackupBusy, BackupNowhere
from agent.spool import fsync_folder

STATE = "backup.json"
"""In the data folder: the last outcome."""
_LOCK = "backup.lock"
_NAME = re.compile(r"\d{8}T\d{6}Z")
_PART = ".part"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Where copies go and how many stay."""

    folder: Path
    keep: int
    pictures: bool
    mounted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of the last copy; `whole_unix` of the last one that is whole, 0: none was made yet."""

    at: str
    code: str = ""
    words: str = ""
    whole_unix: float = 0.0
    copies: int = 0


def turn(root: Path, rotation: Rotation, *, box: str, now: datetime) -> backups.Backup:
    """Make a copy of the data folder `root`, read it again and let the oldest go; the outcome is written down.

    On return the copy is whole and on its disk. Raises `BackupNowhere`, `BackupBusy`, `BackupUnusable` or another
    `AgentError`, and then every older copy is still there.
    """
    before = outcome(root)
    whole_unix = before.whole_unix if before else 0.0
    at = now.isoformat(timespec="seconds")
    try:
        with _alone(root), _translated():
            made = _made(root, rotation, box, now)
            copies = _let_go(rotation)
    except AgentError as e:
        with suppress(OSError):  # a disk that is full; that no copy was made is told by its age then
            copies = len(_whole(rotation))
            note(root, Outcome(at=at, code=e.code, words=e.message, whole_unix=whole_unix, copies=copies))
        raise
    note(root, Outcome(at=at, whole_unix=now.timestamp(), copies=copies))
    return made


def outcome(root: Path) -> Outcome | None:
    """Return what was written down last; None: nothing, or nothing that can be read."""
    try:
        return Outcome(**json.loads((root / STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def note(root: Path, told: Outcome) -> None:
    """Write an outcome down, whole or not at all."""
    part = root / f".{STATE}.part"
    part.write_text(json.dumps(asdict(told), ensure_ascii=False), encoding="utf-8")
    part.replace(root / STATE)


def _made(root: Path, rotation: Rotation, box: str, now: datetime) -> backups.Backup:
    if not rotation.folder.is_dir() or (rotation.mounted and not os.path.ismount(rotation.folder)):
        raise BackupNowhere(f"No disk or share is mounted at {rotation.folder}.")
    for left in rotation.folder.glob(f"*{_PART}"):  # of a run that was cut off
        shutil.rmtree(left)
    name = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    part = rotation.folder / f"{name}{_PART}"
    try:
        at = now.isoformat(timespec="milliseconds")
        made = backups.make(root, part, box=box, made_at=at, pictures=rotation.pictures)
        if backups.read(part) != made:
            raise StorageError("What was written is not what can be read.")
        part.rename(rotation.folder / name)
        fsync_folder(rotation.folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return made


def _whole(rotation: Rotation) -> list[Path]:
    """Return the whole copies, oldest first."""
    try:
        found = [f for f in rotation.folder.iterdir() if _NAME.fullmatch(f.name) and (f / backups.MANIFEST).is_file()]
    except OSError:
        return []
    return sorted(found)


def _let_go(rotation: Rotation) -> int:
    whole = _whole(rotation)
    for old in whole[: -rotation.keep]:
        (old / backups.MANIFEST).unlink()  # without it nobody takes the rest for a copy
        shutil.rmtree(old)
    return min(len(whole), rotation.keep)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    with (root / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            raise BackupBusy from e
        yield


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise StorageError(f"The copy could not be written ({e.strerror}).", errno=e.errno) from e


def age_s(root: Path, unix: Callable[[], float]) -> float:
    """Return how old the last whole copy is; where none was made yet, since when one is expected.

    The first to ask writes down that one is expected from now on.
    """
    told = outcome(root)
    if told is None:
        told = Outcome(at=datetime.fromtimestamp(unix(), UTC).isoformat(timespec="seconds"))
        note(root, told)
    since = told.whole_unix or datetime.fromisoformat(told.at).timestamp()
    return max(0.0, unix() - since)
