"""What is remembered of an update over a start of the box: one small file of root's, written whole or not at all; and
the words for the running service, which may not read it.

The loader's two words decide what starts; this record decides only what a person is told and what a new system is
measured by, so a lost one costs words and no picture.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from agent.spool import fsync_folder
from agent.updating import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One update."""

    stage: Stage
    version: str
    slot: str
    before: tuple[str, ...]
    """Lines of the self-test that the old system passed."""
    within_s: float
    boot_id: str
    """The start of the box in which the installation ran."""
    why: str = ""
    """What the new system did not show."""

    def at(self, stage: Stage, why: str = "") -> Record:
        """Return the record of a later stage."""
        return replace(self, stage=stage, why=why or self.why)


class RecordFile:
    """The record on the data partition."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Record | None:
        """Return the record; None: there is none, or it is not to be read."""
        try:
            told: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
            return Record(**{**told, "stage": Stage(told["stage"]), "before": tuple(told["before"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, record: Record) -> None:
        """Keep `record`; durable on return."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        written(self._path, json.dumps(asdict(record), ensure_ascii=False), 0o600)

    def forget(self) -> None:
        """Drop the record; durable on return."""
        self._path.unlink(missing_ok=True)
        if self._path.parent.is_dir():
            fsync_folder(self._path.parent)


def written(path: Path, text: str, mode: int) -> None:
    """Write a small file whole; durable on return."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        os.fchmod(fd, mode)
        file.write(text)
        file.flush()
        os.fsync(fd)
    new.replace(path)
    fsync_folder(path.parent)


def words_at(path: Path) -> str:
    """Return what a person is to be told about the last update; empty: nothing, or this is no appliance."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
