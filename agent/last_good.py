"""The last good configuration (ruling 14): after three quick failures with a file the one that worked before is used.

A configuration is good once a run with it was ready for a minute; it is then kept whole, its profiles filled in, in
the state folder that the service manager gives. A start is counted before the file is even read, and forgotten by a
good run or a clean stop; a file that is changed begins anew. Without a service manager nobody restarts the process,
and nothing is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.config import profile, toml_file
from agent.config.load import load, validate
from agent.config.schema import Configuration

QUICK_FAILURES = 3
GOOD_AFTER_S = 60.0
_KEPT, _STARTS = "last-good-configuration.json", "starts.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """With what this run goes on."""

    configuration: Configuration
    is_last_good: bool = False
    """The file at hand failed again and again; `configuration` is the one before."""


class LastGood:
    """What is remembered about configurations in `folder`; None: nothing is."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._digest, self._told = "", {"file": "", "folder": "", "tables": {}}

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> LastGood:
        """Return the memory in the state folder of the unit (systemd.exec(5), StateDirectory=)."""
        told = environment.get("STATE_DIRECTORY", "").partition(":")[0]
        return cls(Path(told) if told else None)

    def choose(self, path: Path) -> Chosen:
        """Count this start and return the configuration to run with: the file's, or the last good one.

        Raises `ConfigurationError` when the file has mistakes and has not failed three times yet, or when nothing
        good is known.
        """
        if self._folder is None:
            return Chosen(configuration=load(path))
        path = path.absolute()
        self._take_up(path)
        kept = self._read(_KEPT)
        failed = self._failed()
        if failed >= QUICK_FAILURES and kept and kept.get("digest") != self._digest:
            was = validate(kept["tables"], str(kept["file"]), Path(kept["folder"]))
            return Chosen(configuration=was, is_last_good=True)
        self._write(_STARTS, {"digest": self._digest, "count": failed + 1})
        return Chosen(configuration=load(path))

    def proven(self, chosen: Chosen) -> None:
        """The run was ready for a minute: durably keep what it runs with; a last good one is kept already."""
        if self._folder is None or chosen.is_last_good:
            return
        self._write(_KEPT, {"digest": self._digest, **self._told})
        self.stopped()

    def stopped(self) -> None:
        """The run ended because it was told to: this was no failure."""
        if self._folder is not None:
            (self._folder / _STARTS).unlink(missing_ok=True)

    def _take_up(self, path: Path) -> None:
        """Remember what the file says now, profiles filled in; a broken one counts by its bytes."""
        raw, _wrong = toml_file.read(path)
        tables = _without_profiles(profile.merge(raw, str(path), path.parent).raw)
        self._told = {"file": str(path), "folder": str(path.parent), "tables": tables}
        content = path.read_bytes() if path.is_file() else b""
        self._digest = hashlib.sha256(content + _json(tables)).hexdigest()

    def _failed(self) -> int:
        starts = self._read(_STARTS)
        count = starts.get("count", 0) if starts.get("digest") == self._digest else 0
        return count if isinstance(count, int) else 0

    def _read(self, name: str) -> dict[str, Any]:
        """Return what was written, or nothing: a torn file is as good as none."""
        try:
            value = json.loads(((self._folder or Path()) / name).read_bytes())
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    def _write(self, name: str, value: Mapping[str, Any]) -> None:
        final = (self._folder or Path()) / name
        part = final.with_suffix(".part")
        try:
            with part.open("wb") as f:
                f.write(_json(value))
                f.flush()
                os.fsync(f.fileno())
            part.replace(final)
        except OSError:
            return  # a full or broken disk is told by the store; a start must not fail for a memory


def _without_profiles(tables: dict[str, Any]) -> dict[str, Any]:
    rows = tables.get("source")
    if not isinstance(rows, list):
        return tables
    cut = [{k: v for k, v in row.items() if k != "profile"} if isinstance(row, dict) else row for row in rows]
    return {**tables, "source": cut}


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str).encode()
