"""What a person, or the plan for a destination that is down, does to jobs: never to their content."""

from __future__ import annotations

from agent.errors import WrongState
from agent.model import Route
from agent.store.database import Connection, Database
from agent.store.transition import Stamp, move

_MOVABLE = """SELECT job.job_id FROM job JOIN exam USING (exam_id)
    WHERE job.state = 'pending' AND job.destination = :name AND job.kind = 'store' AND job.retried IN (0, 1)
    AND NOT EXISTS (SELECT 1 FROM job j JOIN exam e USING (exam_id)
        WHERE e.study_instance_uid = exam.study_instance_uid AND j.destination = :name AND j.kind = 'store'
        AND j.state IN ('done', 'confirmed', 'running'))
    AND job.frame_id NOT IN (SELECT frame_id FROM key_object WHERE purpose = 'removal')
    AND NOT EXISTS (SELECT 1 FROM job k WHERE k.kind = 'store' AND k.destination = :standby
        AND k.subject = job.subject) LIMIT 500"""


class Desk:
    """Acts on the queue."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def apply(self, job_id: int, event: str, stamp: Stamp, *, reason: str = "") -> None:
        """Apply a person's act (`hold`, `retry now`, `discard`); durable on return. Raises `WrongState`."""

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

    def redirect(self, job_id: int, target: Route, stamp: Stamp, *, reason: str) -> None:
        """Send one object elsewhere than planned; durable on return.

        Raises `WrongState` if it is queued there, or is no object: a report on a step or a request for commitment is
        for the one peer that it was made for, and no archive's worker knows what to do with it.
        """
        self._database.write(lambda connection: _redirect(connection, job_id, target, stamp, reason))

    def fail_over(self, name: str, standby: Route, stamp: Stamp) -> int:
        """Give the pending objects of `name` to its standby and return how many (500 at most); durable on return.

        A study stays where its first object was answered or is on its way: it is never split.
        """

        def work(connection: Connection) -> int:
            values = {"name": name, "standby": standby.destination}
            ids = [row["job_id"] for row in connection.execute(_MOVABLE, values)]
            for job_id in ids:
                _redirect(connection, job_id, standby, stamp, "standby")
            return len(ids)

        return self._database.write(work)


def _redirect(connection: Connection, job_id: int, target: Route, stamp: Stamp, reason: str) -> None:
    if connection.execute("SELECT 1 FROM job WHERE job_id = ? AND kind <> 'store'", (job_id,)).fetchone() is not None:
        raise WrongState("Only pictures and documents can go to another destination.")
    there = connection.execute(
        "SELECT 1 FROM job JOIN job me ON me.kind = job.kind AND me.subject = job.subject"
        " WHERE me.job_id = ? AND job.destination = ?",
        (job_id, target.destination),
    ).fetchone()
    if there is not None:
        raise WrongState("It is in the queue of that destination already.")
    move(connection, "job", job_id, "redirect", stamp, code=reason)
    connection.execute(
        "UPDATE job SET destination = ?, commits = ?, not_before = ?, retried = 0, instance_tries = 0, syntax = '',"
        " waits_for = '', code = '', words = '', settled_at = '' WHERE job_id = ?",
        (target.destination, int(target.commits), stamp.unix, job_id),
    )


def route(connection: Connection, planned: Route, study_instance_uid: str) -> str:
    """Return where the objects of a study go by `planned`: to the standby, once its study was moved there."""
    if planned.standby is None:
        return planned.destination
    names = (planned.destination, planned.standby.destination)
    row = connection.execute(
        "SELECT job.destination FROM job JOIN exam USING (exam_id) WHERE exam.study_instance_uid = ?"
        " AND job.kind = 'store' AND job.destination IN (?, ?) ORDER BY job.job_id DESC LIMIT 1",
        (study_instance_uid, *names),
    ).fetchone()
    return row["destination"] if row else planned.destination
