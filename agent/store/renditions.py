"""Renditions: the same SOP Instance in another transfer syntax, made once, stored and hashed (ruling 4)."""

from __future__ import annotations

import json

from agent.model import BuiltObject, Route
from agent.outcome import Outcome
from agent.sop_classes import KEY_OBJECT, SOP_CLASSES
from agent.store.database import Connection, Database
from agent.store.jobs import Job, make_ready, record_attempt, wait_for
from agent.store.transition import Stamp, move
from agent.transfer_syntaxes import NATIVE

_KNOWN_S = 24 * 3600.0
"""What a destination accepts is believed for a day (dicom.md 2.2)."""


class Renditions:
    """Every statement about renditions, those who wait for them, and what destinations accept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def choose(self, job: Job, transfer_syntax_uid: str, outcome: Outcome, stamp: Stamp) -> None:
        """Have a running job sent in another syntax; it waits until that rendition exists. Durable on return.

        For a day the destination's other objects of this class and syntax take the same way.
        """

        def work(connection: Connection) -> None:
            record_attempt(connection, job.job_id, outcome, stamp)
            _remember(connection, job, transfer_syntax_uid, stamp)
            as_built = _built_in(connection, job.frame_id) == transfer_syntax_uid
            connection.execute(
                "UPDATE job SET syntax = ?, retried = 1, not_before = ?, code = ?, words = ?, run_id = ''"
                " WHERE job_id = ?",
                ("" if as_built else transfer_syntax_uid, stamp.unix, outcome.code, outcome.words, job.job_id),
            )
            wait_for(connection, job.job_id, "rendition", stamp)
            if as_built or _exists(connection, job.frame_id, transfer_syntax_uid):
                make_ready(connection, [job.job_id], stamp)

        self._database.write(work)

    def wanted(self, limit: int = 20) -> list[tuple[str, str]]:
        """Return (frame id, transfer syntax) of the renditions that jobs wait for."""
        query = """SELECT DISTINCT frame_id, syntax FROM job WHERE state = 'waiting' AND waits_for = 'rendition'
            LIMIT ?"""
        with self._database.read() as connection:
            return [(row["frame_id"], row["syntax"]) for row in connection.execute(query, (limit,))]

    def built(self, built: BuiltObject, stamp: Stamp) -> None:
        """Record a durable, compared rendition and let those go who wait for it, in one transaction."""

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO rendition (frame_id, transfer_syntax_uid, size, sha256, built_at) VALUES (?, ?, ?, ?, ?)",
                (built.frame_id, built.transfer_syntax_uid, built.size, built.sha256, stamp.at),
            )
            make_ready(connection, _waiting(connection, built.frame_id, built.transfer_syntax_uid), stamp)

        self._database.write(work)

    def failed(self, frame_id: str, transfer_syntax_uid: str, code: str, words: str, stamp: Stamp) -> None:
        """Hold those who wait for a rendition that cannot be made; durable on return."""

        def work(connection: Connection) -> None:
            for job_id in _waiting(connection, frame_id, transfer_syntax_uid):
                move(connection, "job", job_id, "hold", stamp, code=code)
                connection.execute(
                    "UPDATE job SET code = ?, words = ?, settled_at = ? WHERE job_id = ?",
                    (code, words, stamp.at, job_id),
                )

        self._database.write(work)

    def files(self) -> dict[tuple[str, str], int]:
        """Return (frame id, transfer syntax) → size of every rendition whose file must exist."""
        query = """SELECT rendition.* FROM rendition JOIN frame USING (frame_id) WHERE frame.state <> 'purged'"""
        with self._database.read() as connection:
            return {(r["frame_id"], r["transfer_syntax_uid"]): r["size"] for r in connection.execute(query)}


def _remember(connection: Connection, job: Job, transfer_syntax_uid: str, stamp: Stamp) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO accepted_syntax SELECT ?, sop_class_uid, ?, ?, ? FROM sop_instance WHERE frame_id = ?",
        (job.destination, job.transfer_syntax_uid, transfer_syntax_uid, stamp.unix + _KNOWN_S, job.frame_id),
    )


def _built_in(connection: Connection, frame_id: str) -> str:
    query = "SELECT transfer_syntax_uid FROM sop_instance WHERE frame_id = ?"
    return str(connection.execute(query, (frame_id,)).fetchone()[0])


def preferred(connection: Connection, frame_id: str, planned: Route, stamp: Stamp) -> str:
    """Return the syntax that a new object is to be changed into for `planned`; empty: it is sent as built.

    Only native pixels of several bits are worth it, and not where the destination refused that syntax today.
    """
    if not planned.prefers or _built_in(connection, frame_id) not in NATIVE:
        return ""
    record = json.loads(connection.execute("SELECT record FROM frame WHERE frame_id = ?", (frame_id,)).fetchone()[0])
    document = record.get("sop_class_uid") in (SOP_CLASSES["encapsulated-pdf"], KEY_OBJECT)
    refused = connection.execute(
        "SELECT 1 FROM accepted_syntax WHERE destination = ? AND stored_uid = ? AND until > ?",
        (planned.destination, planned.prefers, stamp.unix),
    ).fetchone()
    return "" if document or record["bits_allocated"] == 1 or refused else planned.prefers


def _exists(connection: Connection, frame_id: str, transfer_syntax_uid: str) -> bool:
    query = "SELECT 1 FROM rendition WHERE frame_id = ? AND transfer_syntax_uid = ?"
    return connection.execute(query, (frame_id, transfer_syntax_uid)).fetchone() is not None


def _waiting(connection: Connection, frame_id: str, transfer_syntax_uid: str) -> list[int]:
    rows = connection.execute(
        "SELECT job_id FROM job WHERE state = 'waiting' AND waits_for = 'rendition' AND frame_id = ? AND syntax = ?",
        (frame_id, transfer_syntax_uid),
    )
    return [row["job_id"] for row in rows]
