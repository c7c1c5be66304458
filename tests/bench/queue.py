"""F10: the claim of the next jobs, the real statements without their commit, in queues of four sizes."""

from __future__ import annotations

import sqlite3
import statistics
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from agent.store.jobs import CLAIM, NEXT_DUE, RESCUE
from agent.store.migrations import migrate
from tests.bench.report import Row, row

SIZES = (1_000, 10_000, 100_000, 1_000_000)
_FILL = """INSERT INTO job (kind, destination, exam_id, subject, state, not_before, retried, attempts, created_at)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    SELECT 'store', CASE i % 3 WHEN 0 THEN 'other' ELSE 'pacs' END, 'e' || (i / 10), 'f' || i,
        CASE i % 10 WHEN 9 THEN 'done' ELSE 'pending' END, 1000.0 + i / 10.0, i % 4 = 0, 0, '' FROM n"""
VALUES = {"run_id": "r", "destination": "pacs", "now": 2e6, "limit": 50, "retried": 0, "horizon": 3e6, "name": "pacs"}


def f10(folder: Path, count: int) -> Iterator[Row]:
    """Fill one database for each size and take turns between them."""
    queues = {size: _queue(folder / f"queue-{size}.sqlite3", size) for size in SIZES}
    times: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(max(count, 5) * 20):
        for size, connection in queues.items():
            times[size].append(_claim(connection))
    plans = [step for query in (CLAIM, RESCUE, NEXT_DUE) for step in _plan(queues[SIZES[0]], query)]
    assert not [step for step in plans if "SCAN job" in step], plans
    for size in SIZES[1:]:
        micro = [1e6 * statistics.median(times[s]) for s in (size, SIZES[0])]
        work = f"claim of 50 of {size:,} jobs, microseconds, of a thousand; its plan only searches"
        yield row(f"F10-{size}", work, [micro[0]], [micro[1]], "<= 1.5")
    for connection in queues.values():
        connection.close()


def _queue(path: Path, size: int) -> sqlite3.Connection:
    migrate(str(path))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")
    connection.execute(_FILL, (size,))
    connection.execute("COMMIT")
    connection.execute("ANALYZE")
    return connection


def _claim(connection: sqlite3.Connection) -> float:
    connection.execute("BEGIN IMMEDIATE")
    began = perf_counter()
    connection.execute(NEXT_DUE, VALUES).fetchall()
    connection.execute(RESCUE, VALUES)
    taken = connection.execute(CLAIM, VALUES).fetchall()
    took = perf_counter() - began
    connection.execute("ROLLBACK")
    assert len(taken) == 50
    return took


def _plan(connection: sqlite3.Connection, query: str) -> list[str]:
    return [step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {query}", VALUES)]
