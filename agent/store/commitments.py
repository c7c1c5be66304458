"""Storage Commitment transactions: stored before they are asked, believed only for what they asked (PS3.4 Annex J).

One `commit` job for each exam and destination. It is `done` while its report is awaited (`not_before` is how long)
and `confirmed` once the destination took responsibility for every object it answered for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.lifecycle import CommitmentState, JobState
from agent.store.database import Connection, Database, Row
from agent.store.transition import Stamp, move, note

LARGEST_REQUEST = 500
"""References in one request (dicom.md 6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One request: its UID is durable before the N-ACTION leaves. `references`: (SOP Class, SOP Instance) UIDs."""

    transaction_uid: str
    job_id: int
    destination: str
    state: CommitmentState
    references: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one report means, decided by the room above: references by what is to be done about them."""

    committed: Sequence[tuple[str, str]] = ()
    store_again: Sequence[tuple[str, str]] = ()
    ask_again: Sequence[tuple[str, str]] = ()
    hold: Sequence[tuple[str, str, str]] = ()
    """(SOP Class, SOP Instance, words)."""
    wait_s: float = 0.0
    """How long to wait before what is stored or asked again."""


class Commitments:
    """Every statement about the commitment tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, job_id: int, transaction_uid: str, stamp: Stamp) -> Transaction:
        """Begin a transaction for what is sent and not confirmed of a running job's exam; durable on return."""

        def work(connection: Connection) -> Transaction:
            job = connection.execute("SELECT * FROM job WHERE job_id = ?", (job_id,)).fetchone()
            _give_up(connection, job_id, "overdue", stamp)
            connection.execute(
                "INSERT INTO commitment (transaction_uid, job_id, destination, state, asked_at) VALUES (?, ?, ?, ?, ?)",
                (transaction_uid, job_id, job["destination"], CommitmentState.REQUESTED.value, stamp.at),
            )
            note(connection, "commitment", transaction_uid, "request", "", CommitmentState.REQUESTED, stamp)
            connection.execute(
                "INSERT INTO commitment_item (transaction_uid, frame_id, sop_class_uid, sop_instance_uid)"
                " SELECT ?, frame_id, o.sop_class_uid, o.sop_instance_uid FROM job JOIN sop_instance o USING (frame_id)"
                " WHERE exam_id = ? AND destination = ? AND kind = 'store' AND state = 'done' ORDER BY job_id LIMIT ?",
                (transaction_uid, job["exam_id"], job["destination"], LARGEST_REQUEST),
            )
            return _transaction(connection, transaction_uid)

        return self._database.write(work)

    def refused(self, transaction_uid: str, stamp: Stamp) -> None:
        """The N-ACTION was not accepted: the transaction is dead, unless its report came before. Durable on return."""

        def work(connection: Connection) -> None:
            row = connection.execute("SELECT state FROM commitment WHERE transaction_uid = ?", (transaction_uid,))
            if row.fetchone()["state"] == CommitmentState.REQUESTED:
                move(connection, "commitment", transaction_uid, "refused", stamp)

        self._database.write(work)

    def get(self, transaction_uid: str) -> Transaction | None:
        """Return one transaction; None: we never asked it."""
        with self._database.read() as connection:
            row = connection.execute("SELECT 1 FROM commitment WHERE transaction_uid = ?", (transaction_uid,))
            return _transaction(connection, transaction_uid) if row.fetchone() else None

    def settle(self, transaction: Transaction, verdict: Verdict, stamp: Stamp) -> str:
        """Apply a report and return the exam's id; durable on return. The same report again changes nothing.

        Only objects that this transaction asked about are touched. An object sent anew since is confirmed by a late
        report as well: it is the same object (promise P3).
        """

        def work(connection: Connection) -> str:
            job = connection.execute("SELECT * FROM job WHERE job_id = ?", (transaction.job_id,)).fetchone()
            uid = transaction.transaction_uid
            for pair in verdict.committed:
                _object(connection, uid, job, pair, "committed", "confirmed", stamp)
            for pair in verdict.store_again:
                _object(connection, uid, job, pair, "store again", "again", stamp, wait_s=verdict.wait_s)
            for pair in verdict.ask_again:
                _object(connection, uid, job, pair, "ask again", "", stamp)
            for sop_class, instance, words in verdict.hold:
                _object(connection, uid, job, (sop_class, instance), words, "hold", stamp)
            _close(connection, transaction, job, stamp, verdict)
            return str(job["exam_id"])

        return self._database.write(work)

    def overdue(self, destination: str, most: int, stamp: Stamp) -> list[int]:
        """Ask again whose report did not come in time; after `most` tries hold it. Returns the held jobs' ids."""
        query = """SELECT * FROM job WHERE kind = 'commit' AND state = 'done' AND destination = ?
            AND not_before <= ?"""
        with self._database.read() as connection:
            late = connection.execute(query, (destination, stamp.unix)).fetchall()
        if not late:
            return []

        def work(connection: Connection) -> list[int]:
            held = []
            for job in connection.execute(query, (destination, stamp.unix)).fetchall():
                _give_up(connection, job["job_id"], "overdue", stamp)
                if job["instance_tries"] + 1 >= most:
                    held.append(int(job["job_id"]))
                    move(connection, "job", job["job_id"], "hold", stamp, code="no report")
                    words = "The archive accepted the request but never reported."
                    connection.execute(
                        "UPDATE job SET code = 'no report', words = ? WHERE job_id = ?", (words, job["job_id"])
                    )
                else:
                    again(connection, job["job_id"], stamp, counts=True)
            return held

        return self._database.write(work)

    def next_overdue(self, destination: str) -> float:
        """Return when the first awaited report is overdue (Unix seconds; infinity: none is awaited)."""
        query = """SELECT min(not_before) AS due FROM job WHERE kind = 'commit' AND state = 'done'
            AND destination = ?"""
        with self._database.read() as connection:
            due = connection.execute(query, (destination,)).fetchone()["due"]
        return float("inf") if due is None else float(due)


def queue_request(connection: Connection, exam_id: str, destination: str, stamp: Stamp) -> None:
    """Queue the request for what was sent of an exam, unless more of it is still to be sent there."""
    unsent = connection.execute(
        "SELECT 1 FROM job WHERE exam_id = ? AND destination = ? AND kind = 'store'"
        " AND state IN ('waiting', 'pending', 'running')",
        (exam_id, destination),
    ).fetchone()
    sent = connection.execute(
        "SELECT 1 FROM job WHERE exam_id = ? AND destination = ? AND kind = 'store' AND state = 'done'",
        (exam_id, destination),
    ).fetchone()
    if unsent is not None or sent is None:
        return
    job = connection.execute(
        "SELECT * FROM job WHERE kind = 'commit' AND destination = ? AND subject = ?", (destination, exam_id)
    ).fetchone()
    if job is None:
        connection.execute(
            "INSERT INTO job (kind, destination, exam_id, subject, state, not_before, required, created_at)"
            " VALUES ('commit', ?, ?, ?, 'pending', ?, 0, ?)",
            (destination, exam_id, exam_id, stamp.unix, stamp.at),
        )
    elif job["state"] in (JobState.DONE, JobState.CONFIRMED):
        _give_up(connection, job["job_id"], "overdue", stamp)
        again(connection, job["job_id"], stamp)


def after_request(connection: Connection, job_id: int, stamp: Stamp) -> None:
    """Draw the conclusion where the report came before the request's own answer."""
    query = "SELECT 1 FROM commitment WHERE job_id = ? AND state = 'requested'"
    if connection.execute(query, (job_id,)).fetchone() is None:
        job = connection.execute("SELECT * FROM job WHERE job_id = ?", (job_id,)).fetchone()
        _go_on(connection, job, stamp, wait_s=0.0)


def again(connection: Connection, job_id: int, stamp: Stamp, *, wait_s: float = 0.0, counts: bool = False) -> None:
    """Take up a job that was done: the archive does not have it, or did not report."""
    move(connection, "job", job_id, "again", stamp)
    connection.execute(
        "UPDATE job SET not_before = ?, retried = 1, settled_at = '', instance_tries = instance_tries + ?"
        " WHERE job_id = ?",
        (stamp.unix + wait_s, int(counts), job_id),
    )


def _give_up(connection: Connection, job_id: int, event: str, stamp: Stamp) -> None:
    rows = connection.execute(
        "SELECT transaction_uid FROM commitment WHERE job_id = ? AND state = 'requested'", (job_id,)
    ).fetchall()
    for row in rows:
        move(connection, "commitment", row["transaction_uid"], event, stamp)


def _object(
    connection: Connection,
    uid: str,
    job: Row,
    pair: tuple[str, str],
    answer: str,
    event: str,
    stamp: Stamp,
    *,
    wait_s: float = 0.0,
) -> None:
    """Write the answer for one reference and move its store job; a reference that was not asked for is ignored."""
    item = connection.execute(
        "UPDATE commitment_item SET answer = ? WHERE transaction_uid = ? AND sop_class_uid = ?"
        " AND sop_instance_uid = ? RETURNING frame_id",
        (answer, uid, *pair),
    ).fetchone()
    if item is None or not event:
        return
    store = connection.execute(
        "SELECT job_id FROM job WHERE kind = 'store' AND destination = ? AND subject = ? AND state = 'done'",
        (job["destination"], item["frame_id"]),
    ).fetchone()
    rejected = connection.execute("SELECT 1 FROM removal_item WHERE frame_id = ?", (item["frame_id"],)).fetchone()
    if store is None or (rejected is not None and event != "confirmed"):
        return  # an archive that follows a rejection note may no longer answer for what the note names
    if event == "again":
        again(connection, store["job_id"], stamp, wait_s=wait_s)
        return
    move(connection, "job", store["job_id"], event, stamp)
    if event == "hold":
        connection.execute("UPDATE job SET words = ? WHERE job_id = ?", (answer, store["job_id"]))


def _close(connection: Connection, transaction: Transaction, job: Row, stamp: Stamp, verdict: Verdict) -> None:
    failed = bool(verdict.store_again or verdict.ask_again or verdict.hold)
    state = connection.execute(
        "SELECT state FROM commitment WHERE transaction_uid = ?", (transaction.transaction_uid,)
    ).fetchone()["state"]
    if state not in (CommitmentState.REQUESTED, CommitmentState.OVERDUE):
        return
    move(connection, "commitment", transaction.transaction_uid, "failed" if failed else "committed", stamp)
    connection.execute(
        "UPDATE commitment SET answered_at = ? WHERE transaction_uid = ?", (stamp.at, transaction.transaction_uid)
    )
    _go_on(connection, job, stamp, wait_s=verdict.wait_s if verdict.ask_again else 0.0)


def _go_on(connection: Connection, job: Row, stamp: Stamp, *, wait_s: float) -> None:
    """Confirm the exam's request when nothing is left; ask for the rest, unless that is to be sent first."""
    counts = {
        row["state"]: row["n"]
        for row in connection.execute(
            "SELECT state, count(*) AS n FROM job WHERE exam_id = ? AND destination = ? AND kind = 'store'"
            " GROUP BY state",
            (job["exam_id"], job["destination"]),
        )
    }
    now = connection.execute("SELECT state FROM job WHERE job_id = ?", (job["job_id"],)).fetchone()["state"]
    if now == JobState.RUNNING or any(counts.get(s) for s in ("waiting", "pending", "running")):
        return  # whoever is on the way decides at its end
    if counts.get(JobState.DONE):
        if now == JobState.DONE:
            again(connection, job["job_id"], stamp, wait_s=wait_s, counts=wait_s > 0)
    elif now in (JobState.DONE, JobState.PENDING) and counts.get(JobState.CONFIRMED):
        move(connection, "job", job["job_id"], "confirmed", stamp)


def _transaction(connection: Connection, transaction_uid: str) -> Transaction:
    row = connection.execute("SELECT * FROM commitment WHERE transaction_uid = ?", (transaction_uid,)).fetchone()
    items = connection.execute(
        "SELECT sop_class_uid, sop_instance_uid FROM commitment_item WHERE transaction_uid = ? ORDER BY rowid",
        (transaction_uid,),
    )
    return Transaction(
        transaction_uid=transaction_uid,
        job_id=row["job_id"],
        destination=row["destination"],
        state=CommitmentState(row["state"]),
        references=tuple((item[0], item[1]) for item in items),
    )
