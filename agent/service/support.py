"""Versions, logs and the support bundle."""

from __future__ import annotations

from typing import Any

from agent import support
from agent.admin_view import LogView, VersionView
from agent.config.schema import Configuration
from agent.config.secrets import masked
from agent.ops import journal
from agent.plain import to_plain
from agent.service.acceptance import AcceptanceReports
from agent.service.overview import Overview
from agent.store import Store

_ENOUGH = 500


class Support:
    """Everything that helps whoever helps; nothing of a patient."""

    def __init__(
        self, configuration: Configuration, overview: Overview, store: Store, reports: AcceptanceReports
    ) -> None:
        self._configuration, self._overview, self._store, self._reports = configuration, overview, store, reports
        peers = ("worklist", "procedure-steps")
        names = (
            *(source.name for source in configuration.source),
            *(destination.name for destination in configuration.destination),
            *(trigger.name for trigger in configuration.trigger),
        )
        self._names = frozenset({*peers, *names})

    def versions(self) -> tuple[VersionView, ...]:
        """Return the software, what it stands on, and its libraries."""
        told = support.versions(self._store.records.library())
        return tuple(VersionView(name=name, version=version) for name, version in told)

    def logs(self, limit: int = _ENOUGH) -> LogView:
        """Return the newest lines of this run's log, oldest first."""
        return LogView(lines=journal.RING.lines(limit), dropped=journal.RING.dropped)

    def bundle(self) -> bytes:
        """Return a zip file with versions, masked configuration, state, figures, history and logs."""
        return support.bundle({
            "versions.json": lambda: [to_plain(view) for view in self.versions()],
            "configuration.json": self._masked,
            "status.json": self._status,
            "process.json": lambda: to_plain(self._overview.process()),
            "acceptance.json": self._accepted,
            "metrics.txt": self._overview.metrics,
            "history.jsonl": lambda: support.history(self._store.records.newest(support.EVENTS), self._names),
            "tries.jsonl": lambda: support.tries(self._store.records.tries(support.TRIES), self._names),
            "log.txt": lambda: "\n".join(journal.RING.lines()) + "\n",
        })

    def _masked(self) -> Any:
        return masked(self._configuration.model_dump(mode="json"))

    def _accepted(self) -> Any:
        """The newest acceptance report: what was looked at and with which result; words may quote what a peer said."""
        found = self._reports.list()[:1]
        return [
            {
                "began_at": told.began_at,
                "passed": told.passed,
                "checks": [
                    {"what": c.what, "name": c.name if c.name in self._names else "", "result": c.result,
                     "took_s": c.took_s}
                    for c in self._reports.get(told.name).checks
                ],
            }
            for told in found
        ]  # fmt: skip

    def _status(self) -> Any:
        """The status as screens see it; an alarm keeps its code, its words may quote what a peer said."""
        told = to_plain(self._overview.status())
        return {**told, "alarms": [{key: alarm[key] for key in ("at", "code")} for alarm in told["alarms"]]}
