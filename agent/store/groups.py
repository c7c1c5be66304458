"""The queue by exam, as its page shows it: counts in two statements, however long the queue is."""

from __future__ import annotations

from dataclasses import dataclass

from agent.store.database import Connection, Database
from agent.store.jobs import UNSENT

CHOSEN = f"""SELECT exam_id, max(job_id) AS newest, sum(state = 'held') AS held
    FROM job INDEXED BY job_group WHERE state IN {UNSENT} AND kind = 'store' GROUP BY exam_id
    ORDER BY held > 0 DESC, newest DESC LIMIT ?"""
_NEWEST = "SELECT exam_id FROM exam WHERE state IN ('released', 'delivered', 'committed') ORDER BY rowid DESC LIMIT ?"
COUNTS = """SELECT exam_id, count(*) AS total, sum(state IN ('pending', 'waiting')) AS waiting,
    sum(state = 'running') AS sending, sum(state = 'held') AS held, sum(state = 'done') AS sent,
    sum(state = 'confirmed') AS confirmed, sum(state = 'discarded') AS discarded
    FROM job INDEXED BY job_group WHERE kind = 'store' AND exam_id IN ({marks}) GROUP BY exam_id"""
_TROUBLES = """SELECT exam_id, destination, state, code, words, min(not_before) AS not_before, count(*) AS number,
    min(job_id) AS job_id FROM job WHERE kind = 'store' AND state IN ('pending', 'waiting', 'held') AND code <> ''
    AND exam_id IN ({marks}) GROUP BY exam_id, destination, state, code ORDER BY state, destination"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why some objects of one exam did not go to one destination yet."""

    destination: str
    state: str
    code: str
    words: str
    not_before: float
    number: int
    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The objects of one exam in the queue, counted over all destinations."""

    exam_id: str
    total: int
    waiting: int
    sending: int
    held: int
    sent: int
    confirmed: int
    discarded: int
    troubles: tuple[Trouble, ...] = ()


class Groups:
    """Looks at the queue by exam."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, limit: int) -> list[Group]:
        """Return at most `limit` groups: first what needs a person, then what waits, then the newest that is sent."""
        with self._database.read() as connection:
            chosen = [row["exam_id"] for row in connection.execute(CHOSEN, (limit,))]
            others = [row["exam_id"] for row in connection.execute(_NEWEST, (limit,)) if row["exam_id"] not in chosen]
            return _groups(connection, (chosen + others)[:limit])

    def of(self, exam_id: str) -> Group | None:
        """Return the group of one exam; None: nothing of it was queued yet."""
        with self._database.read() as connection:
            return next(iter(_groups(connection, [exam_id])), None)

    def jobs_in(self, exam_id: str, states: tuple[str, ...]) -> list[int]:
        """Return the jobs of one exam in one of `states`, oldest first."""
        marks = ", ".join("?" * len(states))
        query = f"SELECT job_id FROM job WHERE exam_id = ? AND state IN ({marks}) ORDER BY job_id"
        with self._database.read() as connection:
            return [row["job_id"] for row in connection.execute(query, (exam_id, *states))]


def _groups(connection: Connection, ids: list[str]) -> list[Group]:
    marks = ", ".join("?" * len(ids))
    troubles: dict[str, list[Trouble]] = {}
    for row in connection.execute(_TROUBLES.format(marks=marks), ids):
        values = {name: row[name] for name in Trouble.__slots__}
        troubles.setdefault(row["exam_id"], []).append(Trouble(**values))
    names = [name for name in Group.__slots__ if name != "troubles"]
    found = {
        row["exam_id"]: Group(**{name: row[name] for name in names}, troubles=tuple(troubles.get(row["exam_id"], ())))
        for row in connection.execute(COUNTS.format(marks=marks), ids)
    }
    return [found[exam_id] for exam_id in ids if exam_id in found]
