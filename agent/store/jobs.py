"""The queue: jobs claimed by one indexed statement, settled with the outcome that justifies it (promise P5)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import NotFound
from agent.lifecycle import JobState
from agent.outcome import Outcome
from agent.store.database import Connection, Database, Row
from agent.store.transition import Stamp, move, note


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One object for one destination."""

    job_id: int
    destination: str
    exam_id: str
    frame_id: str
    state: JobState
    not_before: float
    attempts: int
    instance_tries: int
    """Tries that count against this instance; a dead destination uses up none."""
    code: str
    words: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    size: int
    sha256: str
    settled_at: str


_SELECT = """SELECT job.*, sop_instance.sop_class_uid, sop_instance.sop_instance_uid,
    sop_instance.transfer_syntax_uid, sop_instance.size, sop_instance.sha256
    FROM job JOIN sop_instance USING (frame_id) """

# Two SEARCHes of the partial index: what is due, and what lies implausibly far ahead (a clock that jumped back).
CLAIM = """UPDATE job SET state = 'running', run_id = :run_id, attempts = attempts + 1 WHERE job_id IN (
    SELECT job_id FROM job WHERE state = 'pending' AND destination = :destination AND not_before <= :now
    ORDER BY not_before, job_id LIMIT :limit) RETURNING job_id"""
RESCUE = """UPDATE job SET not_before = :now WHERE state = 'pending' AND destination = :destination
    AND not_before > :horizon"""


def job_from_row(row: Row) -> Job:
    """Return the typed job of one row of `_SELECT`."""
    return Job(
        job_id=row["job_id"],
        destination=row["destination"],
        exam_id=row["exam_id"],
        frame_id=row["frame_id"],
        state=JobState(row["state"]),
        not_before=row["not_before"],
        attempts=row["attempts"],
        instance_tries=row["instance_tries"],
        code=row["code"],
        words=row["words"],
        sop_class_uid=row["sop_class_uid"],
        sop_instance_uid=row["sop_instance_uid"],
        transfer_syntax_uid=row["transfer_syntax_uid"],
        size=row["size"],
        sha256=row["sha256"],
        settled_at=row["settled_at"],
    )


class Jobs:
    """Every statement about the job and attempt tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, destination: str, limit: int, horizon_s: float, stamp: Stamp) -> list[Job]:
        """Lease up to `limit` due jobs of one destination to this run, oldest first; durable on return."""

        def work(connection: Connection) -> list[Job]:
            at = {"destination": destination, "now": stamp.unix}
            connection.execute(RESCUE, {**at, "horizon": stamp.unix + horizon_s})
            ids = [row[0] for row in connection.execute(CLAIM, {**at, "run_id": stamp.run_id, "limit": limit})]
            for job_id in ids:
                note(connection, "job", job_id, "claim", JobState.PENDING, JobState.RUNNING, stamp)
            marks = ",".join("?" * len(ids))
            rows = connection.execute(_SELECT + f"WHERE job_id IN ({marks}) ORDER BY created_at, job_id", ids)
            return [job_from_row(row) for row in rows]

        return self._database.write(work) if self.next_due(destination, stamp.unix + horizon_s) <= stamp.unix else []

    def next_due(self, destination: str, horizon: float) -> float:
        """Return when the next pending job is due (Unix seconds; infinity: none; minus infinity: beyond `horizon`)."""
        ends = "SELECT not_before FROM job WHERE state = 'pending' AND destination = :name ORDER BY not_before"
        with self._database.read() as connection:
            query = f"SELECT ({ends} LIMIT 1) AS first, ({ends} DESC LIMIT 1) AS last"
            row = connection.execute(query, {"name": destination}).fetchone()
        if row["first"] is None:
            return float("inf")
        return float("-inf") if row["last"] > horizon else float(row["first"])

    def settle(
        self, job_id: int, event: str, outcome: Outcome, not_before: float, stamp: Stamp, *, counts: bool = False
    ) -> None:
        """Record how one try ended and move the job by `event` (`sent`, `later` or `hold`); durable on return.

        `sent` is accepted with a success or warning outcome only. `counts` adds to the instance's own tries.
        """
        if event == "sent" and not outcome.sent:
            raise ValueError("a job is sent only with a success or warning status")

        def work(connection: Connection) -> None:
            move(connection, "job", job_id, event, stamp, code=outcome.code)
            connection.execute(
                "UPDATE job SET not_before = ?, instance_tries = instance_tries + ?, code = ?, words = ?,"
                " run_id = '', settled_at = CASE WHEN ? = 'later' THEN '' ELSE ? END WHERE job_id = ?",
                (not_before, int(counts), outcome.code, outcome.words, event, stamp.at, job_id),
            )
            connection.execute(
                "INSERT INTO attempt (job_id, at, run_id, phase, action, code, words, blame, comment, ambiguous)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    job_id,
                    stamp.at,
                    stamp.run_id,
                    outcome.phase.value,
                    outcome.action.value,
                    outcome.code,
                    outcome.words,
                    outcome.blame.value,
                    outcome.comment,
                    int(outcome.ambiguous),
                ),
            )

        self._database.write(work)

    def release_leases(self, stamp: Stamp) -> int:
        """Return every lease of an older run to pending (ruling 2) and say how many there were."""

        def work(connection: Connection) -> int:
            rows = connection.execute(
                "SELECT job_id FROM job WHERE state = 'running' AND run_id <> ?", (stamp.run_id,)
            ).fetchall()
            for row in rows:
                move(connection, "job", row["job_id"], "run over", stamp)
                connection.execute("UPDATE job SET run_id = '' WHERE job_id = ?", (row["job_id"],))
            return len(rows)

        return self._database.write(work)

    def apply(self, job_id: int, event: str, stamp: Stamp, *, reason: str = "") -> None:
        """Apply a person's act (`hold`, `retry now`, `discard`); durable on return."""

        def work(connection: Connection) -> None:
            move(connection, "job", job_id, event, stamp, code=reason)
            if event == "retry now":
                connection.execute(
                    "UPDATE job SET not_before = ?, instance_tries = 0, settled_at = '' WHERE job_id = ?",
                    (stamp.unix, job_id),
                )
            else:
                connection.execute("UPDATE job SET words = ? WHERE job_id = ?", (reason, job_id))

        self._database.write(work)

    def get(self, job_id: int) -> Job:
        """Return one job; raises `NotFound`."""
        with self._database.read() as connection:
            row = connection.execute(_SELECT + "WHERE job_id = ?", (job_id,)).fetchone()
        if row is None:
            raise NotFound("There is no such job.")
        return job_from_row(row)

    def of_exam(self, exam_id: str) -> list[Job]:
        """Return the jobs of one exam."""
        return self._list("WHERE job.exam_id = ? ORDER BY job_id", (exam_id,))

    def recent(self, limit: int = 500) -> list[Job]:
        """Return the newest jobs: first those that are not done, then the others."""
        return self._list("ORDER BY job.state = 'done', job_id DESC LIMIT ?", (limit,))

    def unsent(self) -> dict[str, int]:
        """Return destination → number of jobs that are neither done nor discarded."""
        query = """SELECT destination, count(*) AS n FROM job WHERE state IN ('pending', 'running', 'held')
            GROUP BY destination"""
        with self._database.read() as connection:
            return {row["destination"]: row["n"] for row in connection.execute(query)}

    def attempts(self, job_id: int) -> list[dict[str, str]]:
        """Return every try of one job, oldest first, as plain text values."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT * FROM attempt WHERE job_id = ? ORDER BY attempt_id", (job_id,))
            return [{key: str(row[key]) for key in row.keys()} for row in rows]  # noqa: SIM118

    def _list(self, tail: str, values: tuple[object, ...]) -> list[Job]:
        with self._database.read() as connection:
            return [job_from_row(row) for row in connection.execute(_SELECT + tail, values)]
