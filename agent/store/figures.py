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
_PROVEN = """SELECT destination, max(settled_at) AS at FROM job WHERE state IN ('done', 'confirmed')
    GROUP BY destination"""
_AUDIT = """SELECT json_extract(row, '$.utc') AS utc FROM audit
    WHERE number > (SELECT delivered FROM audit_base) ORDER BY number LIMIT 1"""
_ASKED_SINCE = """SELECT destination, min(settled_at) AS at FROM job WHERE kind = 'commit' AND state = 'done'
    GROUP BY destination"""
_LOST = "SELECT count(*) FROM alarm WHERE code = 'D-04' AND words = ?"
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

    def proven(self) -> dict[str, str]:
        """Return destination → when it last took something (ISO 8601).

        The newest by its text: where the clocks went back meanwhile it may be an hour too old, never too new.
        """
        with self._database.read() as connection:
            return {str(r["destination"]): str(r["at"]) for r in connection.execute(_PROVEN)}

    def undelivered_audit(self) -> str:
        """Return when the oldest audit row that the repository does not have was written (UTC); empty: none."""
        with self._database.read() as connection:
            row = connection.execute(_AUDIT).fetchone()
        return str(row["utc"] or "") if row else ""

    def asked_since(self) -> dict[str, str]:
        """Return destination → since when the oldest report of Storage Commitment is awaited (ISO 8601)."""
        with self._database.read() as connection:
            return {str(r["destination"]): str(r["at"]) for r in connection.execute(_ASKED_SINCE)}

    def lost(self, words: str) -> float:
        """Return how many alarms ever said `words` of a picture (D-04); it never falls."""
        with self._database.read() as connection:
            return float(connection.execute(_LOST, (words,)).fetchone()[0])

    def single(self, name: str) -> float:
        """Return one number of `_SINGLE`."""
        with self._database.read() as connection:
            return float(connection.execute(_SINGLE[name]).fetchone()[0] or 0)


def _counts(connection: Connection, query: str) -> Counts:
    return {tuple(str(v) for v in tuple(row)[:-1]): float(row["n"] or 0) for row in connection.execute(query)}
