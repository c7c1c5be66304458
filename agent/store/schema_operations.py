"""What operating a box needs: when each destination last took something, and which alarm was told to whom."""

from __future__ import annotations

OPERATIONS = (
    "CREATE INDEX job_proven ON job (destination, settled_at) WHERE state IN ('done', 'confirmed')",
    # One row for each alarm, channel and edge (it began, it ended); `given up` after so many tries.
    """CREATE TABLE alert (
        alert_id INTEGER PRIMARY KEY, alarm_id INTEGER NOT NULL REFERENCES alarm, channel TEXT NOT NULL,
        edge TEXT NOT NULL CHECK (edge IN ('begun', 'ended')),
        state TEXT NOT NULL CHECK (state IN ('due', 'told', 'given up')), tries INTEGER NOT NULL DEFAULT 0,
        at TEXT NOT NULL, UNIQUE (alarm_id, channel, edge))""",
    "CREATE INDEX alert_due ON alert (channel, alert_id) WHERE state = 'due'",
)
