"""A new database from the files of the pictures, when the old one is lost or damaged (promises P1, P2).

A frame file says whose picture it is and proves it. What it cannot say is whether the picture was sent, deleted or
discarded: every exam and every picture comes back held, and a person decides. Sent again it is the same object under
the same UID, which an archive takes as the one it has (promise P3).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import AgentError, SpoolDamaged
from agent.frame_file import MOVED_FROM, FrameHeader, decode_header
from agent.spool import FRAME, Spool
from agent.store import Store
from agent.store.transition import Stamp

REBUILT = "found when the database was rebuilt"
CODE = "D-05"


@dataclass(slots=True, kw_only=True)
class RebuildReport:
    """What came back."""

    exams: int = 0
    frames: int = 0
    set_aside: int = 0


class Rebuild:
    """One rebuild; run once before anybody else touches store or spool, on an empty database or, after a restore, for
    the pictures that are not `known` to it."""

    def __init__(self, store: Store, spool: Spool, stamp: Stamp, *, known: frozenset[str] | None = None) -> None:
        self._store, self._spool, self._stamp, self._known = store, spool, stamp, known
        self.report = RebuildReport()

    def run(self) -> RebuildReport:
        """Bring back exams and pictures, all held; idempotent, so a crash repeats it. One alarm tells a person.

        A picture that was moved to another patient comes back there alone; the old file is set aside.
        """
        names = self._spool.sizes(self._spool.frames, FRAME).keys() - (self._known or frozenset())
        headers = [h for name in sorted(names) if (h := self._header(name)) is not None]
        moved = {str(h.extra[MOVED_FROM]) for h in headers if MOVED_FROM in h.extra}
        for header in [h for h in headers if h.record.frame_id in moved]:
            self._spool.set_aside(self._spool.frames / f"{header.record.frame_id}{FRAME}")
            self.report.set_aside += 1
            headers.remove(header)
        for header in sorted(headers, key=lambda h: (h.record.exam_id, h.record.instance_number)):
            self._bring_back(header)
        if self._known is not None:
            return self.report  # whoever restored the rest of it tells
        words = f"The database was lost and rebuilt: {self.report.frames} pictures are held for a person."
        self._store.records.raise_alarm(CODE, "database", words, self._stamp)
        return self.report

    def _header(self, name: str) -> FrameHeader | None:
        path = self._spool.frames / f"{name}{FRAME}"
        try:
            with path.open("rb") as f:
                header = decode_header(f.read)
            if header.record.frame_id != name:
                raise SpoolDamaged
        except (OSError, AgentError):
            self._spool.set_aside(path)
            self.report.set_aside += 1
            return None
        return header

    def _bring_back(self, header: FrameHeader) -> None:
        try:
            size = self._spool.size_of(header.record, header.payload_offset)
            told = _told(header)
            new = self._store.exams.bring_back(header.record, header.snapshot, header.equipment, told, self._stamp)
            self.report.exams += new
            self._store.frames.adopt(header.record, size, REBUILT, self._stamp)
            self.report.frames += 1
        except AgentError:
            self._spool.set_aside(self._spool.frames / f"{header.record.frame_id}{FRAME}")
            self.report.set_aside += 1


def _told(header: FrameHeader) -> dict[str, Any]:
    """Return what the file says of its exam beyond patient and equipment."""
    extra = header.extra
    return {
        "opened_at": str(extra.get("opened_at", header.record.acquired_at)),
        "series_number": int(extra.get("series_number", 1)),
        "reason": REBUILT,
    }


def set_aside(database: Path, run_id: str) -> Path:
    """Rename a damaged database, with its log, and return its new name; nothing is ever deleted."""
    for suffix in ("-wal", "-shm", ""):
        part = database.with_name(database.name + suffix)
        if part.exists():
            part.rename(database.with_name(f"{database.name}.damaged-{run_id}{suffix}"))
    return database.with_name(f"{database.name}.damaged-{run_id}")
