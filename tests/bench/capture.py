"""F7: what a durable still costs beyond what any durable still must cost."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from agent.frame_file import encode_header
from agent.spool import Spool
from agent.store import Store
from agent.store.migrations import migrate
from drivers.wire import seal
from tests.bench.report import Row, row
from tests.unit.core.test_core_store import EQUIPMENT, STAMP, frame, open_exam, snapshot

SIZE = 1_244_160
"""720 x 576 RGB."""


def f7(folder: Path, count: int) -> Iterator[Row]:
    """A complete frame in the source child to the tick: hash, descriptor, file, row; against the bare syncs."""
    migrate(str(folder / "f7.sqlite3"))
    store, spool = Store(folder / "f7.sqlite3"), Spool(folder / "f7-spool")
    open_exam(store)
    floor = _Floor(folder / "f7-floor")
    pixels = os.urandom(SIZE)
    mine, bare = [], []
    for number in range(max(count, 5) * 12):
        mine.append(_tick(store, spool, pixels, number + 1))
        bare.append(floor.store(pixels, number))
    store.close()
    yield row("F7", "1.2 MB frame to tick, ms, the same bytes synced and one WAL commit", mine, bare, "<= 1.3")


def _tick(store: Store, spool: Spool, pixels: bytes, number: int) -> float:
    began = perf_counter()
    payload = seal([pixels])
    digest = hashlib.sha256(pixels).hexdigest()
    record = replace(frame(number), payload_sha256=digest, payload_size=SIZE, rows=576, columns=720)
    try:
        size = spool.write_frame(record.frame_id, encode_header(record, snapshot(), EQUIPMENT, {}), payload, SIZE)
    finally:
        os.close(payload)
    store.frames.commit(record, size, STAMP)
    return 1000 * (perf_counter() - began)


class _Floor:
    """write, fsync, rename, folder fsync, one row in WAL with synchronous=FULL: less is not durable."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._database = sqlite3.connect(folder / "db", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("CREATE TABLE frame (number INTEGER PRIMARY KEY)")

    def store(self, pixels: bytes, number: int) -> float:
        began = perf_counter()
        part, final = self._folder / f"{number}.part", self._folder / f"{number}.frm"
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(fd, pixels)
        os.fsync(fd)
        os.close(fd)
        part.rename(final)
        folder = os.open(self._folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        self._database.execute("INSERT INTO frame VALUES (?)", (number,))
        return 1000 * (perf_counter() - began)
