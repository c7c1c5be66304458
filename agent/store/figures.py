"""Numbers about the whole box, each one query on an index; nothing here names a patient."""

from __future__ import annotations

from agent.store.database import Connection, Database

Counts = dict[tuple[str, ...], float]
"""Label values → number."""

_QUEUE = """SELECT destination, state, count(*) AS n FROM job
    WHERE state IN ('waiting', 'pending', 'running', 'held') AND kind = 'store' GROUP BY destination, state"""
_BYTES = """SELECT destination, sum(o.size) AS n FROM job JOIN sop_instance o USING (frame_id)
    WHERE state IN ('waiting', 'pending', 'running', 'held') AND kind = 'store' GROUP BY destination"""
_OLDEST = """SELECT destination, min(CAST(strftime('%s', created_at) AS REAL)) AS n FROM job
    WHERE state IN ('waiting', 'pending', 'running', 'held') AND kind = 'store' GROUP BY destination"""
_HELD = """SELECT code, count(*) AS n FROM job WHERE state IN ('waiting', 'pending', 'running', 'held')
    AND state = 'held' GROUP BY code"""
_ASKED = "SELECT destination, count(*) AS n FROM job WHERE kind = 'commit' AND state = 'done' GROUP BY destination"
_ATTEMPTS = """SELECT job.destination, attempt.action, count(*) AS n FROM attempt JOIN job USING (job_id)
    GROUP BY job.destination, attempt.action"""
_SINGLE = {
    "captured": "SELECT count(*) FROM frame WHERE composed = 0",
    "frames_held": "SELECT count(*) FROM frame WHERE state = 'held'",
    "open": "SELECT count(*) FROM exam WHERE state = 'open'",
    "emergency": "SELECT count(*) FROM exam WHERE kind = 'emergency'",
    "worklist": "SELECT count(*) FROM worklist_entry",
    "largest": "SELECT max(file_size) FROM (SELECT file_size FROM frame ORDER BY rowid DESC LIMIT 50)",
}


class Figures:
    """Every statement that only counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def queue(self) -> dict[str, Counts]:
        """Return what waits: `objects` by destination and state, `bytes`, `oldest` (Unix seconds), `asked`; `held`."""
        queries = {"objects": _QUEUE, "bytes": _BYTES, "oldest": _OLDEST, "held": _HELD, "asked": _ASKED}
        with self._database.read() as connection:
            return {name: _counts(connection, query) for name, query in queries.items()}

    def attempts(self) -> Counts:
        """Return how many tries there were, by destination and outcome."""
        with self._database.read() as connection:
            return _counts(connection, _ATTEMPTS)

    def single(self, name: str) -> float:
        """Return one number of `_SINGLE`."""
        with self._database.read() as connection:
            return float(connection.execute(_SINGLE[name]).fetchone()[0] or 0)


def _counts(connection: Connection, query: str) -> Counts:
    return {tuple(str(v) for v in tuple(row)[:-1]): float(row["n"] or 0) for row in connection.execute(query)}
