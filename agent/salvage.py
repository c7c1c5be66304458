"""Salvage of a dead box's data folder: every picture found, proven, and written as its DICOM object (P1, P3).

The box is brought up beside itself: its files are copied, its database is recovered as a start would do it (or built
anew from the pictures), and objects that were not built yet are built by the one way there is. Nothing is sent.

| in the target | what |
|---|---|
| `unsent/` | objects that some destination did not answer yet: store them |
| `held/` | objects of exams, pictures or jobs that were held: look first |
| `unknown/` | the database was lost: objects of which nobody knows whether they were sent |
| `sent/` | objects that every destination took |
| `box/` | the data folder as a backup, for `modality-agent restore` on another box |
| `aside/` | files that the box could not use |
| `report.json`, `report.txt` | every picture with its patient; readable by the owner alone |
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent import backup, salvage_copy
from agent.building import Building
from agent.clock import Clock
from agent.errors import AgentError, DatabaseDamaged, SchemaTooNew, SpoolDamaged
from agent.frame_file import decode_header
from agent.launcher import ExecLauncher
from agent.lifecycle import ExamState, FrameState, JobState
from agent.model import ExamKind, FrameRecord
from agent.rebuild import Rebuild, set_aside
from agent.recovery import BootScan
from agent.salvage_report import Item, Report, write
from agent.spool import Spool
from agent.store import Captured, Stamp, Store, copying

_GIVEN_UP = (FrameState.TOMBSTONED, FrameState.BOUND, FrameState.REJECTED, FrameState.PURGED)
_TOOK = (JobState.DONE, JobState.CONFIRMED, JobState.DISCARDED)
_SAID = {
    JobState.DONE: "sent", JobState.CONFIRMED: "confirmed", JobState.HELD: "held", JobState.DISCARDED: "given up",
}  # fmt: skip
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the composition root hands over. `migrate` returns 0, 3 (newer) or 4 (damaged), as its process does."""

    stamp: Stamp
    clock: Clock
    version: str
    migrate: Callable[[str], int]


def salvage(source: Path, target: Path, tools: Tools) -> Report:
    """Salvage the data folder `source` into the new folder `target`; on return all of it and the report are durable.

    Raises `NotEmpty`, `AnotherWriter`, `SchemaTooNew`, `StorageError`; then the report says that it is not finished.
    """
    salvage_copy.assert_apart(source, target)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    report = Report(source=str(source), made_at=tools.stamp.at, version=tools.version)
    with salvage_copy.held(source):
        write(target, report)
        report.unreadable = salvage_copy.copy(source, target / "box", target / "aside")
        _Salvage(target, report, tools).run()
        report.finished = True
        write(target, report)
    return report


class _Salvage:
    """One salvage, on the copy."""

    def __init__(self, target: Path, report: Report, tools: Tools) -> None:
        self._target, self._report, self._tools = target, report, tools
        self._box = target / "box"
        self._spool = Spool(self._box / "spool")
        self._known = True

    def run(self) -> None:
        """Recover, build what is missing, write the objects, and seal the copy for another box."""
        self._recover()
        work = self._target / "work.sqlite3"
        copying.copy(self._box / backup.DATABASE, work)
        store, launcher = Store(work), ExecLauncher()
        building = self._building(store, launcher)
        try:
            for captured in store.inventory.all():
                self._report.pictures.append(self._one(store, building, captured))
        finally:
            building.close()
            launcher.close()
            store.close()
        for part in self._target.glob("work.sqlite3*"):
            part.unlink()
        self._seal()

    # --- the database ---------------------------------------------------------------------------------------

    def _recover(self) -> None:
        """Do what a start does; a database that is lost, damaged or not wholly readable is built anew."""
        path = self._box / backup.DATABASE
        self._report.database = "intact" if path.exists() else "missing"
        if any(name.startswith(backup.DATABASE) for name in self._report.unreadable):
            self._report.database = "damaged"
            set_aside(path, self._tools.stamp.run_id)
        try:
            store = self._open(path)
        except DatabaseDamaged:
            self._report.database = "damaged"
            set_aside(path, self._tools.stamp.run_id)
            store = self._open(path)
        try:
            self._known = self._report.database == "intact"
            if self._known:
                BootScan(store, self._spool, self._tools.stamp).run()
            else:
                Rebuild(store, self._spool, self._tools.stamp).run()
        finally:
            store.close()
        self._put_aside()

    def _open(self, path: Path) -> Store:
        found = self._tools.migrate(str(path))
        if found == 3:
            raise SchemaTooNew("This data folder is of a newer version: salvage it with that one.")
        if found == 4:
            raise DatabaseDamaged
        return Store(path)

    def _put_aside(self) -> None:
        for file in (*self._spool.aside.iterdir(), *self._box.glob(f"{backup.DATABASE}.damaged-*")):
            salvage_copy.place(file, self._target / "aside" / file.name)
            file.unlink()

    def _seal(self) -> None:
        """Leave a backup: one closed database, files of known folders, a manifest."""
        path, part = self._box / backup.DATABASE, self._target / "sealed.sqlite3"
        schema = copying.copy(path, part)
        for suffix in ("-wal", "-shm", ""):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        part.rename(path)
        for folder in (self._spool.incoming, self._spool.aside):
            for file in folder.iterdir():
                file.unlink()
        backup.seal(self._box, box="salvaged", made_at=self._tools.stamp.at, schema=schema, pictures=True)

    # --- one picture ----------------------------------------------------------------------------------------

    def _building(self, store: Store, launcher: ExecLauncher) -> Building:
        def broken(error: AgentError) -> None:
            raise error

        return Building(
            store, self._spool, launcher, self._tools.clock, routes=(), test_routes=(), undo_window_s=0.0,
            stamp=lambda: self._tools.stamp, notice=lambda *_: None, queued=lambda: None, dated=lambda frame: frame,
            turned=lambda: None, steps=lambda _: None, on_broken=broken,
        )  # fmt: skip

    def _one(self, store: Store, building: Building, captured: Captured) -> Item:
        item = Item.of(captured, self._destinations(captured))
        try:
            item.hash = self._hash(captured)
            if not self._stays(captured):
                item.why = _why_not(captured)
                return item
            sha256 = self._object(store, building, captured)
            item.folder = self._folder(captured)
            item.file = f"{item.folder}/{captured.frame_id}.dcm"
            salvage_copy.place(self._spool.object_path(captured.frame_id), self._target / item.file)
            if _sha256(self._target / item.file) != sha256:
                raise SpoolDamaged("What was written is not what was read.")
        except AgentError as e:
            item.folder = item.file = ""
            item.why = f"{e.code} {e.message}"
        return item

    def _destinations(self, captured: Captured) -> dict[str, str]:
        if not self._known:
            return {"": "unknown"}
        return {name: _SAID.get(state, "unsent") for name, state in captured.destinations.items()}

    def _stays(self, captured: Captured) -> bool:
        """Return whether an object of it is to be written."""
        given_up = captured.state in _GIVEN_UP or captured.exam_state is ExamState.DISCARDED
        unmade = captured.record is None and captured.state is not FrameState.BUILT
        return not given_up and not unmade and captured.exam_kind is not ExamKind.TEST

    def _folder(self, captured: Captured) -> str:
        if not self._known:
            return "unknown"
        states = set(captured.destinations.values())
        if states and states <= set(_TOOK) and states != {JobState.DISCARDED}:
            return "sent"
        held = captured.state is FrameState.HELD or captured.exam_state is ExamState.HELD or JobState.HELD in states
        return "held" if held or captured.exam_state in (ExamState.OPEN, ExamState.FINISHING) else "unsent"

    def _hash(self, captured: Captured) -> str:
        """Return whether the bytes are those that were captured: `ok`, `changed`, `missing`, `none` (a document)."""
        if captured.record is None or captured.state is FrameState.PURGED:
            return "none"
        try:
            return "ok" if self._payload(captured.record) == captured.record.payload_sha256 else "changed"
        except (OSError, AgentError):
            return "missing"

    def _payload(self, record: FrameRecord) -> str:
        with _opened(self._spool.open_frame(record.frame_id)) as frame:
            header = decode_header(lambda size: os.read(frame, size))
            if not record.payload_file:
                return _digest(frame, header.record.payload_size)
        with _opened(self._spool.open_clip(record.frame_id)) as clip:
            return _digest(clip, record.payload_size)

    def _object(self, store: Store, building: Building, captured: Captured) -> str:
        """See that the object is there and proven; return its SHA-256. Raises when it cannot be."""
        frame_id = captured.frame_id
        if captured.sha256:
            if _sha256(self._spool.object_path(frame_id)) != captured.sha256:
                raise SpoolDamaged("The object is missing or changed on the disk; the picture itself is in box/.")
            return captured.sha256
        if not self._known and self._spool.has_object(frame_id):
            return building.proven(frame_id).sha256
        if captured.state is FrameState.HELD:
            store.frames.apply(frame_id, "accept", self._tools.stamp)
        store.inventory.let_build(captured.exam_id, self._tools.stamp)
        building.build_now(frame_id)
        frame = store.frames.get(frame_id)
        if frame.state is not FrameState.BUILT:
            raise SpoolDamaged(f"No object could be made of it: {frame.reason}")
        return store.frames.sop_instance(frame_id).sha256


def _why_not(captured: Captured) -> str:
    if captured.exam_kind is ExamKind.TEST:
        return "a test picture of nobody"
    if captured.exam_state is ExamState.DISCARDED:
        return "its exam was discarded by a person"
    return f"it is {captured.state}"


@contextmanager
def _opened(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


def _digest(fd: int, size: int) -> str:
    digest = hashlib.sha256()
    while size > 0 and (block := os.read(fd, min(size, _BLOCK))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


