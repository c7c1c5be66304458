"""One SQLite file, one writing connection on one thread, readers that never wait for it.

SQLite before 3.51.3 can corrupt a WAL file when two connections write at once, so exactly one does (finding 6).
`synchronous=FULL` is asserted at open: a committed row survives a power cut (finding 7). sqlite3's exceptions end
here.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from agent.errors import AgentError, DatabaseDamaged, DiskFull, ExamClosed, IdentityBlocked, SchemaTooNew, StorageError
from agent.store.schema import SCHEMA_VERSION, works_with

T = TypeVar("T")
Connection = sqlite3.Connection
Row = sqlite3.Row
_WRITE_TIMEOUT_S = 60.0
_READ_AHEAD_BYTES = 1 << 20

_ABORTS: dict[str, Callable[[], AgentError]] = {
    "exam is not open": ExamClosed,
    "identity is not readable": lambda: IdentityBlocked("The patient's name or number is not readable."),
    "patient id is missing": lambda: IdentityBlocked("The patient has no number."),
    "study of another patient": lambda: IdentityBlocked("This study already belongs to another patient."),
}


def translated(error: sqlite3.Error) -> AgentError:
    """Return our error for sqlite3's; the caller raises it from the original."""
    text = str(error)
    if text in _ABORTS:
        return _ABORTS[text]()
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        return DiskFull()
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return DatabaseDamaged()
    return StorageError(f"The database answered {name or type(error).__name__}.")


def _connect(path: Path, *, read_only: bool) -> Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    connection.row_factory = Row
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -2000")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def _read_ahead(path: Path) -> None:
    """Read the file once from end to end, so that the check after a power cut does not jump about a slow card.

    The check of a million rows that no cache has takes a third of the time then: 1.1 s instead of 3.0 s, measured.
    Only before SQLite opens it: closing any descriptor of a file drops the locks that the process has on it, and then
    the next program that looks into the database and goes would take the WAL away under the writer.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while os.read(fd, _READ_AHEAD_BYTES):
            pass
    finally:
        os.close(fd)


def _assert_durable(connection: Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
    synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
    if (journal, synchronous) != ("wal", 2):
        raise StorageError(f"The database does not promise durability ({journal}, {synchronous}).")


def _assert_version(connection: Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if not works_with(version, connection.execute("PRAGMA application_id").fetchone()[0]):
        raise SchemaTooNew(found=version, known=SCHEMA_VERSION)
    if version < SCHEMA_VERSION:
        raise StorageError(f"The database has schema {version}, this software needs {SCHEMA_VERSION}.")


class Database:
    """Runs units of work: `write` on the writer's thread in one transaction, `read` on the caller's. `synced` hears how
    many seconds each commit took."""

    def __init__(
        self,
        path: Path,
        *,
        on_broken: Callable[[AgentError], None] = lambda _error: None,
        make_room: Callable[[], bool] = lambda: False,
        synced: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._path, self._synced = path, synced
        self._on_broken, self._make_room = on_broken, make_room
        self._work: queue.SimpleQueue[tuple[Callable[[Connection], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._readers = threading.local()
        self._all_readers: list[Connection] = []
        self._writer = self._open()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def _open(self) -> Connection:
        try:
            _read_ahead(self._path)
            writer = _connect(self._path, read_only=False)
            _assert_version(writer)
            _assert_durable(writer)
            if writer.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise DatabaseDamaged
        except sqlite3.Error as e:
            raise translated(e) from e
        except OSError as e:
            raise StorageError(f"The database cannot be read ({e.errno}).") from e
        return writer

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one IMMEDIATE transaction; on return its rows are on the disk, fsync included.

        Raises what `work` raises (nothing is written then), `DiskFull` or `StorageError`.
        """
        future: Future[T] = Future()
        self._work.put((work, future))
        return future.result(timeout=_WRITE_TIMEOUT_S)

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            work, future = item
            try:
                result = self._with_room(work)
            except BaseException as e:  # noqa: BLE001 - the caller's thread raises it
                future.set_exception(e)
            else:
                future.set_result(result)

    def _with_room(self, work: Callable[[Connection], T]) -> T:
        """Run `work`; on a full disk once more, if the reserve could be given up for it."""
        try:
            return self._transaction(work)
        except DiskFull:
            if not self._make_room():
                raise
            return self._transaction(work)

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        writer = self._writer
        try:
            writer.execute("BEGIN IMMEDIATE")
            try:
                result = work(writer)
                began = monotonic()
                writer.execute("COMMIT")
                self._synced(monotonic() - began)
            except BaseException:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise
        except sqlite3.Error as e:
            error = translated(e)
            # After a failed fsync the kernel may have dropped the pages: no retry, the service restarts.
            if getattr(e, "sqlite_errorname", "").startswith(("SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB")):
                self._on_broken(error)
            raise error from e
        return result

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a query-only connection of this thread's own; one snapshot for the whole `with` block."""
        connection = getattr(self._readers, "connection", None)
        if connection is None:
            connection = self._readers.connection = _connect(self._path, read_only=True)
            self._all_readers.append(connection)
        try:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("COMMIT")
        except sqlite3.Error as e:
            raise translated(e) from e

    def close(self) -> None:
        """Finish the writes that were asked for and close every connection."""
        self._work.put(None)
        self._thread.join(timeout=_WRITE_TIMEOUT_S)
        for connection in (*self._all_readers, self._writer):
            connection.close()
