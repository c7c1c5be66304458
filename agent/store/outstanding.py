"""What a box still owes: everything that no destination has taken responsibility for, counted from its database file.

Read without the service, by whoever is about to remove the data; the file is only read. Nothing here names a patient.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import DatabaseDamaged, SchemaTooNew
from agent.store.database import translated
from agent.store.schema import SCHEMA_VERSION

_UNBUILT = """SELECT count(*) FROM frame JOIN exam USING (exam_id)
    WHERE frame.state IN ('captured', 'composed') AND exam.state <> 'discarded'"""
_HELD = """SELECT count(*) FROM frame JOIN exam USING (exam_id) WHERE exam.state <> 'discarded' AND
    (frame.state = 'held' OR (frame.state = 'built' AND EXISTS
        (SELECT 1 FROM job WHERE job.frame_id = frame.frame_id AND job.kind = 'store' AND job.state = 'held')))"""
_NOWHERE = """SELECT count(*) FROM frame WHERE state = 'built' AND NOT EXISTS
    (SELECT 1 FROM job WHERE job.frame_id = frame.frame_id AND job.kind = 'store')"""
_UNSENT = """SELECT destination, count(*) FROM job WHERE kind = 'store' AND state IN ('waiting', 'pending', 'running')
    GROUP BY destination ORDER BY destination"""
_UNCONFIRMED = """SELECT destination, count(*) FROM job WHERE kind = 'store' AND state = 'done'
    AND (commits = 1 OR code = '0x0111') GROUP BY destination ORDER BY destination"""
_MESSAGES = """SELECT count(*) FROM job WHERE kind NOT IN ('store', 'commit')
    AND state IN ('waiting', 'pending', 'running', 'held')"""
_AUDIT = "SELECT count(*) FROM audit WHERE number > (SELECT delivered FROM audit_base)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outstanding:
    """What is not taken responsibility for. `known` False: the database cannot say, so every file counts."""

    known: bool = True
    unbuilt: int = 0
    """Pictures that are no objects yet: exams that are open, not released or waiting for the clock."""
    held: int = 0
    unsent: dict[str, int] = field(default_factory=dict)
    """Destination → objects that it did not answer yet."""
    unconfirmed: dict[str, int] = field(default_factory=dict)
    """Destination → objects that were sent and are not confirmed by Storage Commitment."""
    nowhere: int = 0
    """Objects without any destination."""
    tray: int = 0
    recordings: int = 0
    messages: int = 0
    """Procedure steps that the RIS was not told of."""
    audit: int = 0
    """Rows of the audit trail that the repository does not have; counted where there is one."""
    strays: int = 0
    """Files of pictures that the database does not know, or that were set aside."""

    @property
    def nothing(self) -> bool:
        """Whether all of it may go."""
        return self == Outstanding()

    def sentences(self) -> tuple[str, ...]:
        """Return what is outstanding in words, one sentence each."""
        counted = {
            "{} pictures of which no object was made yet": self.unbuilt,
            "{} pictures are held for a person": self.held,
            "{} objects have no destination": self.nowhere,
            "{} files in the tray belong to nobody yet": self.tray,
            "{} clips were being recorded": self.recordings,
            "{} messages to the RIS are not delivered": self.messages,
            "{} rows of the audit trail are not delivered": self.audit,
            "{} files of pictures are unknown to the database or were set aside": self.strays,
        }
        told = [] if self.known else ["the database cannot be read: nobody knows what was sent"]
        told += [f"{n} objects are not sent to {name}" for name, n in self.unsent.items()]
        told += [f"{n} objects are sent to {name}, which did not confirm them" for name, n in self.unconfirmed.items()]
        return (*told, *(sentence.format(n) for sentence, n in counted.items() if n))


def count(database: Path, files: frozenset[str], *, aside: int, audit: bool) -> Outstanding:
    """Return what the box owes; `files`: our names of the picture files that are there, `aside`: files set aside.

    `audit` says that a repository is to have the trail. A database that is missing, damaged or of another version is
    no proof of anything: then every file counts. Raises `StorageError` when the disk does not answer.
    """
    unknown = Outstanding(known=False, strays=len(files) + aside)
    if not database.exists():
        return unknown if unknown.strays else Outstanding()
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return _counted(connection, files, aside=aside, audit=audit)
    except (DatabaseDamaged, SchemaTooNew):
        return unknown
    except sqlite3.Error as e:
        error = translated(e)
        if isinstance(error, DatabaseDamaged):
            return unknown
        raise error from e


def _counted(connection: sqlite3.Connection, files: frozenset[str], *, aside: int, audit: bool) -> Outstanding:
    connection.execute("PRAGMA busy_timeout = 5000")
    if connection.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
        raise DatabaseDamaged
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version != SCHEMA_VERSION:
        raise SchemaTooNew(found=version, known=SCHEMA_VERSION)

    def one(query: str) -> int:
        return int(connection.execute(query).fetchone()[0])

    rows = connection.execute("SELECT frame_id FROM frame UNION SELECT frame_id FROM recording")
    known = {str(row[0]) for row in rows}
    return Outstanding(
        unbuilt=one(_UNBUILT),
        held=one(_HELD),
        unsent={str(name): int(n) for name, n in connection.execute(_UNSENT)},
        unconfirmed={str(name): int(n) for name, n in connection.execute(_UNCONFIRMED)},
        nowhere=one(_NOWHERE),
        tray=one("SELECT count(*) FROM tray_item WHERE state = 'waiting'"),
        recordings=one("SELECT count(*) FROM recording"),
        messages=one(_MESSAGES),
        audit=one(_AUDIT) if audit else 0,
        strays=len(files - known) + aside,
    )
