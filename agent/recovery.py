"""The boot scan: after any crash, every file and every row find each other again, or a person is told.

Compares names and sizes only (ruling 14), so it is quick with many thousand objects. Nothing that was
acknowledged is lost (P1); what cannot be proven is held, never sent by itself (P2).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent.clips import Salvage
from agent.errors import AgentError, IdentityError, NotFound, SnapshotMismatch, SpoolDamaged
from agent.frame_file import MOVED_FROM, FrameHeader, decode_header
from agent.lifecycle import FrameState
from agent.spool import FRAME, OBJECT, PART, Spool
from agent.store import Store
from agent.store.transition import Stamp

FOUND = "found after power loss"
LOST = "The file of a captured picture is missing or has another size."
"""Must never be said: what was acknowledged is not there (promise P1)."""


@dataclass(slots=True, kw_only=True)
class BootReport:
    """What the scan did, in numbers and file names of our own."""

    unfinished_removed: int = 0
    adopted: list[str] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    leases_returned: int = 0
    purged_removed: int = 0


class BootScan:
    """One scan; run once, before anybody else touches store or spool."""

    def __init__(self, store: Store, spool: Spool, stamp: Stamp) -> None:
        self._store, self._spool, self._stamp = store, spool, stamp
        self.report = BootReport()

    def run(self) -> BootReport:
        """Bring files and rows together and return what was found; idempotent, so a crash repeats it."""
        self.report.leases_returned = self._store.jobs.release_leases(self._stamp)
        self._remove_unfinished()
        self._remove_purged()
        self._clips()
        self._frames()
        self._objects()
        return self.report

    def _remove_unfinished(self) -> None:
        for name in self._spool.sizes(self._spool.incoming, PART):
            self._spool.remove(self._spool.incoming / f"{name}{PART}")  # nobody was told "captured"
            self.report.unfinished_removed += 1

    def _remove_purged(self) -> None:
        for name in self._store.retention.purged(set(self._spool.sizes(self._spool.frames, FRAME))):
            for path in self._spool.files_of(name):
                self._spool.remove(path)
            self.report.purged_removed += 1

    def _clips(self) -> None:
        salvage = Salvage(self._store, self._spool, self._stamp)
        salvage.run()
        for name in self._spool.linked_clips() - self._store.frames.files().keys():
            if not (self._spool.frames / f"{name}{FRAME}").exists():
                self._spool.drop_clip(name)  # the second name of a clip that was about to be moved
                self.report.unfinished_removed += 1
        self.report.adopted.extend(salvage.kept)
        self.report.missing.extend(salvage.lost)

    def _frames(self) -> None:
        known = self._store.frames.files()
        found = self._spool.sizes(self._spool.frames, FRAME)
        for name in found.keys() - known.keys():
            self._adopt(name, found[name])
        for name, (state, size) in known.items():
            if found.get(name) != size and state in (FrameState.CAPTURED, FrameState.BUILT):
                self._alarm(name, LOST)

    def _adopt(self, name: str, size: int) -> None:
        path = self._spool.frames / f"{name}{FRAME}"
        try:
            with path.open("rb") as f:
                header = decode_header(f.read)
            if self._is_half_a_move(header):
                for file in self._spool.files_of(name):
                    self._spool.remove(file)  # nobody was told "moved"; the picture is where it was
                self.report.unfinished_removed += 1
                return
            self._insert(name, header, size)
        except (SpoolDamaged, SnapshotMismatch, IdentityError, NotFound) as e:
            self._spool.set_aside(path)
            self.report.set_aside.append(name)
            self._store.records.raise_alarm("D-04", name, f"A stray file was set aside: {e.message}", self._stamp)

    def _is_half_a_move(self, header: FrameHeader) -> bool:
        """Return whether a file was written for a move to another patient that never happened."""
        if MOVED_FROM not in header.extra or self._exists(header.record.exam_id):
            return False
        return str(header.extra[MOVED_FROM]) in self._store.frames.files()

    def _exists(self, exam_id: str) -> bool:
        try:
            self._store.exams.get(exam_id)
        except NotFound:
            return False
        return True

    def _insert(self, name: str, header: FrameHeader, size: int) -> None:
        record = header.record
        exam = self._store.exams.get(record.exam_id)
        if record.frame_id != name or size != self._spool.size_of(record, header.payload_offset):
            raise SpoolDamaged("A stored file is not what its name says.")
        if record.snapshot_digest != exam.snapshot_sha256:
            raise SnapshotMismatch("A stored file names another patient than its exam.")
        try:
            self._store.frames.adopt(record, size, FOUND, self._stamp)
        except AgentError as e:
            raise SpoolDamaged(f"A stored file could not be adopted: {e.message}") from e
        self.report.adopted.append(name)

    def _objects(self) -> None:
        """Miss no recorded object. One without a row was built whole: building proves it and records it."""
        known = self._store.frames.objects()
        found = self._spool.sizes(self._spool.objects, OBJECT)
        for name, size in known.items():
            if found.get(name) != size and name not in self.report.missing:
                self._alarm(name, "A built object is missing or has another size.")

    def _alarm(self, name: str, words: str) -> None:
        self.report.missing.append(name)
        self._store.frames.apply(name, "hold", self._stamp, reason=f"D-04 {words}")
        self._store.records.raise_alarm("D-04", name, words, self._stamp)


def lock_data_folder(root: Path, refuse: Callable[[], AgentError]) -> int:
    """Take the one lock of a data folder and return its descriptor, to be kept open; raises what `refuse` makes."""
    import fcntl

    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        os.close(fd)
        raise refuse() from e
    return fd
