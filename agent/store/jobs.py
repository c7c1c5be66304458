"""The queue: jobs claimed by one indexed statement, settled with the outcome that justifies it (promise P5).

New work (`retried` 0) and work that was tried before (`retried` 1) are two lanes of one index; the worker takes
them in turn, so that neither a backlog nor a row of failures starves the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import NotFound
from agent.lifecycle import JobState
from agent.outcome import Outcome
from agent.store import commitments, removals, steps
from agent.store.database import Connection, Database, Row
from agent.store.transition import Stamp, move, note

STORE, N_CREATE, N_SET, COMMIT = "store", "n-create", "n-set", "commit"
"""The kinds of job. Their subject is a frame, a step, a step and an exam."""
UNSENT = ("waiting", "pending", "running", "held")
UNSENT_BY_DESTINATION = f"""SELECT destination, count(*) AS n FROM job INDEXED BY job_unsent
    WHERE state IN {UNSENT} AND kind = 'store' GROUP BY destination"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work for one destination."""

    job_id: int
    kind: str
    destination: str
    exam_id: str
    subject: str
    frame_id: str
    """Empty for anything but `store`."""
    state: JobState
    waits_for: str
    required: bool
    """False: a mirror, which no exam waits for."""
    commits: bool
    """True: the destination is asked to take responsibility for the object."""
    not_before: float
    attempts: int
    instance_tries: int
    """Tries that count against this instance; a dead destination uses up none."""
    code: str
    words: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    """Of the file that is sent: the object as built, or one of its renditions."""
    is_rendition: bool
    size: int
    sha256: str
    created_at: str
    settled_at: str


SELECT = """SELECT job.*, o.sop_class_uid, o.sop_instance_uid, r.frame_id AS rendition,
    coalesce(r.transfer_syntax_uid, o.transfer_syntax_uid) AS transfer_syntax_uid,
    coalesce(r.size, o.size) AS size, coalesce(r.sha256, o.sha256) AS sha256
    FROM job LEFT JOIN sop_instance o ON o.frame_id = job.frame_id
    LEFT JOIN rendition r ON r.frame_id = job.frame_id AND r.transfer_syntax_uid = job.syntax """

# Two SEARCHes of the partial index: what is due in one lane, and what lies implausibly far ahead (a clock that
# jumped back).
CLAIM = """UPDATE job SET state = 'running', run_id = :run_id, attempts = attempts + 1 WHERE job_id IN (
    SELECT job_id FROM job WHERE state = 'pending' AND destination = :destination AND retried = :retried
    AND not_before <= :now ORDER BY not_before, job_id LIMIT :limit) RETURNING job_id"""
RESCUE = """UPDATE job SET not_before = :now WHERE state = 'pending' AND destination = :destination
    AND retried IN (0, 1) AND not_before > :horizon"""
_LANE = """SELECT not_before FROM job WHERE state = 'pending' AND destination = :name AND retried = {}
    ORDER BY not_before"""
NEXT_DUE = " UNION ALL ".join(
    f"SELECT ({_LANE.format(lane)} LIMIT 1) AS first, ({_LANE.format(lane)} DESC LIMIT 1) AS last" for lane in (0, 1)
)


def job_from_row(row: Row) -> Job:
    """Return the typed job of one row of `SELECT`."""
    return Job(
        job_id=row["job_id"],
        kind=row["kind"],
        destination=row["destination"],
        exam_id=row["exam_id"],
        subject=row["subject"],
        frame_id=row["frame_id"] or "",
        state=JobState(row["state"]),
        waits_for=row["waits_for"],
        required=bool(row["required"]),
        commits=bool(row["commits"]),
        not_before=row["not_before"],
        attempts=row["attempts"],
        instance_tries=row["instance_tries"],
        code=row["code"],
        words=row["words"],
        sop_class_uid=row["sop_class_uid"] or "",
        sop_instance_uid=row["sop_instance_uid"] or "",
        transfer_syntax_uid=row["transfer_syntax_uid"] or "",
        is_rendition=row["rendition"] is not None,
        size=row["size"] or 0,
        sha256=row["sha256"] or "",
        created_at=row["created_at"],
        settled_at=row["settled_at"],
    )


class Jobs:
    """Every statement about the job and attempt tables that workers and views need."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(
        self, destination: str, limit: int, horizon_s: float, stamp: Stamp, *, retried_first: bool = False
    ) -> list[Job]:
        """Lease up to `limit` due jobs of one lane to this run, oldest first; durable on return.

        The other lane is taken when the wanted one has nothing due. A store job whose destination is known to
        refuse its syntax waits for a rendition instead and is not returned, one whose picture was rejected is given up:
        by whatever way it came back into the queue, it does not leave.
        """

        def work(connection: Connection) -> list[Job]:
            at = {"destination": destination, "now": stamp.unix}
            connection.execute(RESCUE, {**at, "horizon": stamp.unix + horizon_s})
            ids: list[int] = []
            for lane in (retried_first, not retried_first):
                values = {**at, "run_id": stamp.run_id, "limit": limit, "retried": int(lane)}
                ids = ids or [row[0] for row in connection.execute(CLAIM, values)]
            for job_id in ids:
                note(connection, "job", job_id, "claim", JobState.PENDING, JobState.RUNNING, stamp)
            ids = removals.give_up(connection, ids, stamp)
            _await_renditions(connection, ids, stamp)
            marks = ",".join("?" * len(ids))
            rows = connection.execute(
                SELECT + f"WHERE job.job_id IN ({marks}) AND job.state = 'running' ORDER BY created_at, job.job_id", ids
            )
            return [job_from_row(row) for row in rows]

        return self._database.write(work) if self.next_due(destination, stamp.unix + horizon_s) <= stamp.unix else []

    def next_due(self, destination: str, horizon: float) -> float:
        """Return when the next pending job is due (Unix seconds; infinity: none; minus infinity: beyond `horizon`)."""
        with self._database.read() as connection:
            lanes = [r for r in connection.execute(NEXT_DUE, {"name": destination}) if r["first"] is not None]
        if any(lane["last"] > horizon for lane in lanes):
            return float("-inf")
        return min((float(lane["first"]) for lane in lanes), default=float("inf"))

    def settle(
        self, job: Job, event: str, outcome: Outcome, not_before: float, stamp: Stamp, *, counts: bool = False
    ) -> None:
        """Record how one try ended and move the job by `event` (`sent`, `later` or `hold`); durable on return.

        `sent` is accepted with a success or warning outcome only. `counts` adds to the instance's own tries. What
        waited for this job becomes pending in the same transaction.
        """
        if event == "sent" and not outcome.sent:
            raise ValueError("a job is sent only with a success or warning status")

        def work(connection: Connection) -> None:
            move(connection, "job", job.job_id, event, stamp, code=outcome.code)
            connection.execute(
                "UPDATE job SET not_before = ?, retried = 1, instance_tries = instance_tries + ?, code = ?, words = ?,"
                " run_id = '', settled_at = CASE WHEN ? = 'later' THEN '' ELSE ? END WHERE job_id = ?",
                (not_before, int(counts), outcome.code, outcome.words, event, stamp.at, job.job_id),
            )
            record_attempt(connection, job.job_id, outcome, stamp)
            _after(connection, job, event, stamp)

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

    def give_back(self, destination: str, stamp: Stamp) -> int:
        """Return every lease at one destination to pending: its worker begins anew. Say how many there were."""

        def work(connection: Connection) -> int:
            query = "SELECT job_id FROM job WHERE state = 'running' AND destination = ?"
            rows = connection.execute(query, (destination,)).fetchall()
            for row in rows:
                move(connection, "job", row["job_id"], "run over", stamp)
                connection.execute("UPDATE job SET run_id = '' WHERE job_id = ?", (row["job_id"],))
            return len(rows)

        query = "SELECT 1 FROM job WHERE state = 'running' AND destination = ? LIMIT 1"
        with self._database.read() as connection:
            leased = connection.execute(query, (destination,)).fetchone() is not None
        return self._database.write(work) if leased else 0

    def get(self, job_id: int) -> Job:
        """Return one job; raises `NotFound`."""
        found = self._list("WHERE job.job_id = ?", (job_id,))
        if not found:
            raise NotFound("There is no such job.")
        return found[0]

    def of_exam(self, exam_id: str) -> list[Job]:
        """Return the jobs of one exam."""
        return self._list("WHERE job.exam_id = ? ORDER BY job.job_id", (exam_id,))

    def recent(self, limit: int = 500) -> list[Job]:
        """Return the newest jobs: first those that are not done, then the others."""
        unsent = f"job.state IN {UNSENT}"
        first = self._list(f"WHERE {unsent} ORDER BY job.job_id DESC LIMIT ?", (limit,))
        rest = self._list(f"WHERE NOT {unsent} ORDER BY job.job_id DESC LIMIT ?", (limit - len(first),))
        return first + rest

    def unsent(self) -> dict[str, int]:
        """Return destination → number of objects that are neither sent nor discarded."""
        with self._database.read() as connection:
            return {row["destination"]: row["n"] for row in connection.execute(UNSENT_BY_DESTINATION)}

    def attempts(self, job_id: int) -> list[dict[str, str]]:
        """Return every try of one job, oldest first, as plain text values."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT * FROM attempt WHERE job_id = ? ORDER BY attempt_id", (job_id,))
            return [{key: str(row[key]) for key in row.keys()} for row in rows]  # noqa: SIM118

    def _list(self, tail: str, values: tuple[object, ...]) -> list[Job]:
        with self._database.read() as connection:
            return [job_from_row(row) for row in connection.execute(SELECT + tail, values)]


def record_attempt(connection: Connection, job_id: int, outcome: Outcome, stamp: Stamp) -> None:
    """Write one try's row; never changed afterwards."""
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


def _after(connection: Connection, job: Job, event: str, stamp: Stamp) -> None:
    if job.kind == COMMIT and event != "hold":
        commitments.after_request(connection, job.job_id, stamp)
    elif job.kind == STORE and job.commits and event != "later":
        commitments.queue_request(connection, job.exam_id, job.destination, stamp)
    elif job.kind == N_CREATE and event == "sent":
        steps.let_go(connection, job.exam_id, stamp)


def _await_renditions(connection: Connection, ids: list[int], stamp: Stamp) -> None:
    """Send those whose destination refused their syntax before in the syntax it takes, once that rendition is there."""
    marks = ",".join("?" * len(ids))
    rows = connection.execute(
        f"""SELECT job.job_id, a.chosen_uid, r.frame_id AS made FROM job JOIN sop_instance o USING (frame_id)
        JOIN accepted_syntax a ON a.destination = job.destination AND a.sop_class_uid = o.sop_class_uid
            AND a.stored_uid = o.transfer_syntax_uid AND a.until > ?
        LEFT JOIN rendition r ON r.frame_id = job.frame_id AND r.transfer_syntax_uid = a.chosen_uid
        WHERE job.job_id IN ({marks}) AND job.kind = 'store' AND job.syntax = ''""",
        (stamp.unix, *ids),
    ).fetchall()
    for row in rows:
        connection.execute("UPDATE job SET syntax = ? WHERE job_id = ?", (row["chosen_uid"], row["job_id"]))
        if row["made"] is None:
            wait_for(connection, row["job_id"], "rendition", stamp)


def wait_for(connection: Connection, job_id: int, what: str, stamp: Stamp) -> None:
    """Let a running job wait for something else."""
    move(connection, "job", job_id, "wait", stamp, code=what)
    connection.execute("UPDATE job SET waits_for = ?, run_id = '' WHERE job_id = ?", (what, job_id))


def make_ready(connection: Connection, job_ids: list[int], stamp: Stamp) -> None:
    """Let waiting jobs go: what they waited for is there."""
    for job_id in job_ids:
        move(connection, "job", job_id, "ready", stamp)
        connection.execute("UPDATE job SET waits_for = '', not_before = ? WHERE job_id = ?", (stamp.unix, job_id))
