"""Which alarm was told to whom: derived from the alarms, one row for each channel and edge, a bounded number due."""

from __future__ import annotations

from dataclasses import dataclass

from agent.store.database import Connection, Database
from agent.store.transition import Stamp

MOST_DUE = 200
"""So many rows of one channel are due at once; the alarms beyond them wait in their own table."""
_BEGUN = """INSERT OR IGNORE INTO alert (alarm_id, channel, edge, state, at)
    SELECT alarm_id, :channel, 'begun', 'due', :at FROM alarm
    WHERE cleared_at = '' AND CAST(strftime('%s', at) AS REAL) <= :until AND NOT (code = :own AND subject = :channel)
      AND alarm_id NOT IN (SELECT alarm_id FROM alert WHERE channel = :channel AND edge = 'begun')
    ORDER BY alarm_id LIMIT :room"""
_ENDED = """INSERT OR IGNORE INTO alert (alarm_id, channel, edge, state, at)
    SELECT begun.alarm_id, :channel, 'ended', 'due', :at FROM alert begun JOIN alarm USING (alarm_id)
    WHERE begun.channel = :channel AND begun.edge = 'begun' AND begun.state <> 'given up' AND alarm.cleared_at <> ''
      AND NOT EXISTS (SELECT 1 FROM alert WHERE alarm_id = begun.alarm_id AND channel = :channel AND edge = 'ended')
    ORDER BY begun.alarm_id LIMIT :room"""
_DUE = """SELECT alert_id, edge, tries, code, subject, words, alarm.at AS began_at, cleared_at, alarm.alarm_id
    FROM alert JOIN alarm USING (alarm_id) WHERE channel = ? AND state = 'due' ORDER BY alert_id LIMIT ?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alarm that is to be told, or its end."""

    alert_id: int
    alarm_id: int
    edge: str
    tries: int
    code: str
    subject: str
    words: str
    began_at: str
    cleared_at: str


class Alerts:
    """Every statement about the alert table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, channel: str, own_code: str, older_than: float, stamp: Stamp) -> int:
        """Make due what the channel does not know: alarms that began before `older_than` (Unix seconds) and are open,
        and the end of those that it was told of. `own_code`: alarms about the channel itself, not told by it.

        Returns how many became due; durable.
        """
        room = MOST_DUE - self.waiting().get(channel, 0)
        if room <= 0:
            return 0
        facts = {"channel": channel, "at": stamp.at, "until": older_than, "own": own_code, "room": room}

        def work(connection: Connection) -> int:
            begun = connection.execute(_BEGUN, facts).rowcount
            return begun + connection.execute(_ENDED, {**facts, "room": max(0, room - begun)}).rowcount

        return self._database.write(work) if self._is_behind(facts) else 0

    def _is_behind(self, facts: dict[str, object]) -> bool:
        """Return whether planning would write anything, so that nothing is written every few seconds for nothing."""
        with self._database.read() as connection:
            return any(
                connection.execute("SELECT 1 " + query[query.index("FROM ") :], facts).fetchone()
                for query in (_BEGUN, _ENDED)
            )

    def due(self, channel: str, limit: int) -> list[Alert]:
        """Return what is to be told, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(_DUE, (channel, limit))
            return [Alert(**{key: row[key] for key in row.keys()}) for row in rows]  # noqa: SIM118

    def told(self, alerts: list[Alert], stamp: Stamp) -> None:
        """Note that the channel took these; durable on return."""
        self._settle("UPDATE alert SET state = 'told', tries = tries + 1, at = ? WHERE alert_id = ?", alerts, stamp)

    def failed(self, alerts: list[Alert], most: int, stamp: Stamp) -> None:
        """Note that the channel did not take these; after `most` tries they are given up. Durable on return."""
        query = f"""UPDATE alert SET tries = tries + 1, at = ?,
            state = CASE WHEN tries + 1 >= {int(most)} THEN 'given up' ELSE 'due' END WHERE alert_id = ?"""
        self._settle(query, alerts, stamp)

    def _settle(self, query: str, alerts: list[Alert], stamp: Stamp) -> None:
        rows = [(stamp.at, alert.alert_id) for alert in alerts]
        self._database.write(lambda c: c.executemany(query, rows))

    def waiting(self) -> dict[str, int]:
        """Return channel → how many rows are due."""
        return self._count("due")

    def given_up(self) -> dict[str, int]:
        """Return channel → how many rows were given up."""
        return self._count("given up")

    def _count(self, state: str) -> dict[str, int]:
        query = f"SELECT channel, count(*) AS n FROM alert WHERE state = '{state}' GROUP BY channel"
        with self._database.read() as connection:
            return {str(row["channel"]): int(row["n"]) for row in connection.execute(query)}
