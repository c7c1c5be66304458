"""Misbehaviour on demand: what the sandbox does wrong from the next association on.

A control file is read whenever a decision is due, so that a test or a curious person can switch faults while
everything runs. A missing or broken file means no faults.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.plain import from_plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The faults that can be asked for; the defaults are good behaviour."""

    status: int = 0
    """Answer C-STORE with this status and keep nothing, unless it is 0 or a warning (Bxxx)."""
    delay_s: float = 0.0
    """Wait so long before each answer."""
    drop_after_store: bool = False
    """Keep the object, then cut the connection without an answer."""
    abort: bool = False
    """Cut the connection when an object has arrived, and keep nothing."""
    refuse_association: bool = False
    """Reject every association: called AE title not recognised."""
    refuse: str = ""
    """Reject those that call this AE title only (`RIS`, `PACS`)."""
    ignore_keys: bool = False
    """Answer a worklist query with every entry, whatever was asked."""
    n_create: int = 0
    n_set: int = 0
    """Answer N-CREATE or N-SET with this status and change nothing, unless it is 0."""
    commitment: str = ""
    """`twice`, `without roles`, `never`: how the report comes; `refuse`: the request is; `forget`: all is lost."""


class FaultFile:
    """The control file of one sandbox."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> Faults:
        """Return the faults that are asked for at this moment."""
        try:
            asked = json.loads(self._path.read_bytes())
            return from_plain(Faults, {**asdict(Faults()), **asked})
        except (OSError, ValueError, TypeError):
            return Faults()

    def set(self, faults: Faults) -> None:
        """Ask for `faults` from now on."""
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(faults)))
        fresh.replace(self._path)
