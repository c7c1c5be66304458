"""Tests of the other sides."""

from __future__ import annotations

from agent.delivery import Destination
from agent.errors import NotFound
from agent.outcome import Outcome
from agent.view import EchoView
from agent.worklist import Worklist


class Connections:
    """Asks destinations and the worklist server whether they answer."""

    def __init__(self, destinations: dict[str, Destination], worklist: Worklist) -> None:
        self._destinations, self._worklist = destinations, worklist

    def echo(self, destination: str) -> EchoView:
        """Test one destination, or `worklist`, with C-ECHO and name the failing phase; raises `NotFound`."""
        tester = self._destinations.get(destination)
        outcome = tester.echo() if tester else self._echo_worklist(destination)
        return EchoView(
            destination=destination,
            ok=outcome.sent,
            phase=outcome.phase.value,
            code=outcome.code,
            words=outcome.words,
            blame=outcome.blame.value,
        )

    def _echo_worklist(self, name: str) -> Outcome:
        if name != "worklist" or self._worklist.peer is None:
            raise NotFound("There is no destination of that name.")
        return self._worklist.echo()
