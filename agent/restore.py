"""`modality-agent restore`: a data folder from a backup, while no service uses it; what comes back is held."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent import backup
from agent.errors import AnotherWriter
from agent.operations_errors import NotEmpty
from agent.rebuild import Rebuild, set_aside
from agent.recovery import lock_data_folder
from agent.spool import Spool
from agent.store import Stamp, Store, copying

WORDS = "The box was restored from a backup: look at the archive, then send what it does not have."


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came back."""

    made_at: str
    exams: int
    frames: int
    jobs: int
    newer: int
    """Pictures that the data folder had and the backup did not know; held as well."""
    aside: str
    """Where the old database is now; empty: there was none."""


def restore(
    folder: Path, root: Path, *, replace: bool, stamp: Stamp, migrate: Callable[[str], int]
) -> Restored:
    """Bring the backup in `folder` back into the data folder `root`; every part is durable on return.

    A crash in between leaves the old database aside and the copying to be repeated. Raises `AnotherWriter` while a
    service runs on the folder, `NotEmpty` where a database is there and `replace` is not said, `BackupUnusable`.
    """
    lock = lock_data_folder(root, lambda: AnotherWriter("The service is running: stop it before a restore."))
    try:
        told = backup.read(folder)
        copying.inspect(folder / backup.DATABASE)
        database, aside = root / backup.DATABASE, ""
        if database.exists():
            if not replace:
                raise NotEmpty(f"{root} has a database: say --replace, and it is set aside.")
            aside = str(set_aside(database, stamp.run_id))
        backup.put_back(folder, told, root)
        migrate(str(database))
        return _settled(told, root, aside, stamp)
    finally:
        os.close(lock)


def _settled(told: backup.Backup, root: Path, aside: str, stamp: Stamp) -> Restored:
    store = Store(root / backup.DATABASE)
    try:
        held = store.restoring.settle(told.made_at, WORDS, stamp)
        spool = Spool(root / "spool")
        known = frozenset(store.frames.files())
        newer = Rebuild(store, spool, stamp, known=known).run().frames
    finally:
        store.close()
    return Restored(
        made_at=told.made_at, exams=held["exam"], frames=held["frame"], jobs=held["job"], newer=newer, aside=aside
    )
