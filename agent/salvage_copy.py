"""Copies what can be read of a dead box: file by file, whole or not at all, and what cannot be read is named.

The source may be mounted read-only and its card may answer with errors; nothing is ever written there but the one word
that a salvage is under way, and that only where it can be.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.backup import DATABASE, OWN, SPOOL
from agent.clearing import SALVAGING
from agent.errors import AnotherWriter
from agent.operations_errors import NotEmpty
from agent.recovery import lock_data_folder
from agent.spool import fsync_folder

ASIDE = "aside"
_BLOCK = 1 << 20


def assert_apart(source: Path, target: Path) -> None:
    """Raise `NotEmpty` unless `target` is new or empty and neither folder is inside the other."""
    one, other = source.resolve(), target.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise NotEmpty("What is salvaged goes into a folder elsewhere, not into the dead box's own.")
    if target.exists() and any(target.iterdir()):
        raise NotEmpty(f"{target} is not empty: a salvage never writes over anything.")


@contextmanager
def held(source: Path) -> Iterator[None]:
    """Keep a service, a reset and an erase away from the folder, where it can be written; raises `AnotherWriter`.

    Left by an error, the folder stays marked: nothing of it may go before a salvage has ended.
    """
    if not _writable(source):
        yield
        return
    lock = lock_data_folder(source, lambda: AnotherWriter("The service is running on this folder: stop it first."))
    mark = source / SALVAGING
    try:
        mark.touch(mode=0o644)
        fsync_folder(source)
        yield
        mark.unlink(missing_ok=True)
        fsync_folder(source)
    finally:
        os.close(lock)


def _writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and not os.statvfs(folder).f_flag & os.ST_RDONLY


def copy(source: Path, target: Path, aside: Path) -> list[str]:
    """Copy database, identity and spool into the data folder `target` and what was set aside into `aside`.

    Returns the names of the files that could not be read. Raises `OSError` when the target cannot be written.
    """
    unreadable: list[str] = []
    named = [DATABASE, f"{DATABASE}-wal", *OWN]
    for name in named:
        _one(source / name, target / name, name, unreadable)
    for folder in (*SPOOL, ASIDE):
        for path in _below(source / "spool" / folder, unreadable):
            name = path.relative_to(source).as_posix()
            goal = aside / path.name if folder == ASIDE else target / name
            _one(path, goal, name, unreadable)
    return unreadable


def _below(folder: Path, unreadable: list[str]) -> Iterator[Path]:
    try:
        yield from sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    except OSError:
        unreadable.append(folder.name)


def _one(source: Path, target: Path, name: str, unreadable: list[str]) -> None:
    try:
        opened = source.open("rb")
    except FileNotFoundError:
        return
    except OSError:
        unreadable.append(name)
        return
    with opened:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as written:
            whole = _bytes(opened.fileno(), written.fileno())
            os.fsync(fd)
    if not whole:
        unreadable.append(name)
        with suppress(OSError):
            target.unlink()


def _bytes(source: int, target: int) -> bool:
    """Copy to the end; False: the card did not give all of it."""
    while True:
        try:
            block = os.read(source, _BLOCK)
        except OSError as e:
            if e.errno in (errno.EIO, errno.EBADMSG, errno.EUCLEAN):
                return False
            raise
        if not block:
            return True
        left = memoryview(block)
        while left:
            left = left[os.write(target, left) :]


def place(source: Path, target: Path) -> None:
    """Give a durable file a second place that nobody had before: a name of the same bytes, or a copy of them."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # a stick's file system has no second names
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as written, source.open("rb") as opened:
            _bytes(opened.fileno(), written.fileno())
            os.fsync(fd)
    fsync_folder(target.parent)
