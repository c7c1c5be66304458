"""The acceptance reports that the box keeps: looked at and taken away, never changed."""

from __future__ import annotations

from pathlib import Path

from agent import acceptance
from agent.acceptance import Acceptance
from agent.admin_view import ReportView
from agent.errors import NotFound


class AcceptanceReports:
    """Reads what `modality-agent acceptance` kept; `folder` is its place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def list(self) -> tuple[ReportView, ...]:
        """Return every report that can be read, newest first."""
        found = ((name, acceptance.read(self._folder, name)) for name in reversed(acceptance.names(self._folder)))
        return tuple(
            ReportView(name=name, began_at=made.began_at, passed=made.passed)
            for name, made in found
            if made is not None
        )

    def get(self, name: str) -> Acceptance:
        """Return one report; raises `NotFound`."""
        made = acceptance.read(self._folder, name)
        if made is None:
            raise NotFound("There is no acceptance report of that name.")
        return made
