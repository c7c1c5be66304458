"""The anchor of the audit trail: how far it had come, kept beside the database and sealed with the box's own key.

The hash chain shows every changed, removed or moved row but one thing: that the last rows were cut off. The anchor is
what is known from outside: number and hash of a recent row, in a file that the database cannot touch, under an HMAC
whose key it does not hold. It is written after the rows (never ahead of them), every few seconds and at every stop, and
only when the chain still leads through the old anchor, so a cut is never covered up by going on. Who can read the key
can forge both; against that only the copy at the repository helps, whose every message carries number and hash.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from pathlib import Path

from agent.store import Store

ANCHOR_FILE = "audit-anchor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a look through the chain found; `broken_at` zero: nothing is wrong."""

    rows: int
    first: int
    last: int
    sha256: str
    broken_at: int = 0
    why: str = ""


class Anchor:
    """The anchor in the data folder `root`; `key` is the box's own."""

    def __init__(self, root: Path, key: bytes) -> None:
        self._path, self._key = root / ANCHOR_FILE, key

    def read(self) -> tuple[int, str] | None:
        """Return number and hash; None: there is none, or it is not the box's own work."""
        try:
            kept = json.loads(self._path.read_text(encoding="ascii"))
            number, sha256, seal = int(kept["number"]), str(kept["sha256"]), str(kept["seal"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return (number, sha256) if hmac.compare_digest(seal, self._seal(number, sha256)) else None

    @property
    def lost(self) -> bool:
        """Whether there is a file that is not the box's own work."""
        return self._path.exists() and self.read() is None

    def write(self, number: int, sha256: str) -> None:
        """Keep number and hash; durable on return, whole or not at all."""
        text = json.dumps({"number": number, "sha256": sha256, "seal": self._seal(number, sha256)})
        part = self._path.with_name(f".{self._path.name}.part")
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)

    def _seal(self, number: int, sha256: str) -> str:
        return hmac.new(self._key, f"audit {number} {sha256}".encode(), hashlib.sha256).hexdigest()


def leads_through(store: Store, number: int, sha256: str) -> bool:
    """Return whether the chain has this row with this hash, or stands on it (older ones may have left)."""
    base = store.audit.base()
    if number < base.number:
        return True  # it left after its time; what stands on it was verified then
    if number == base.number:
        return base.sha256 == sha256
    row = store.audit.get(number)
    return row is not None and row.sha256 == sha256


def verify(store: Store, anchor: Anchor, against: tuple[int, str] | None = None) -> Finding:
    """Look through the whole chain and name the first row that is not as it was written.

    Found are a change, a removal, an order that was changed, a gap, a tail that was cut off (by the anchor, or by
    `against`: a number and hash from elsewhere), a begin anew after a lost database, and a forged anchor.
    """
    base = store.audit.base()
    rows, number, sha256 = 0, base.number, base.sha256
    for row, expected in store.audit.walk():
        if row.number != number + 1:
            return _broken(store, rows, number, sha256, at=number + 1, why="a row is missing")
        if row.sha256 != expected or row.told.get("number") != row.number:
            return _broken(store, rows, number, sha256, at=row.number, why="a row was changed, moved or put in")
        rows, number, sha256 = rows + 1, row.number, row.sha256
    if base.why == "lost":
        return _broken(store, rows, number, sha256, at=base.number, why="rows were lost with an older database")
    if anchor.lost:
        return _broken(store, rows, number, sha256, at=number + 1, why="the anchor was changed")
    for known in (anchor.read(), against):
        if known is not None and not leads_through(store, *known):
            cut = known[0] > number
            at, why = (number + 1, "the last rows are missing") if cut else (known[0], "rows were changed")
            return _broken(store, rows, number, sha256, at=at, why=why)
    return Finding(rows=rows, first=base.number + 1, last=number, sha256=sha256)


def _broken(store: Store, rows: int, last: int, sha256: str, *, at: int, why: str) -> Finding:
    return Finding(rows=rows, first=store.audit.base().number + 1, last=last, sha256=sha256, broken_at=at, why=why)
