"""Whether a destination answers now, asked so that a person can wait for it: short timeouts, one association."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent.delivery import Destination
from agent.peers import Peers, echo

_MOST_S = 8.0


class AskUp:
    """Asks by name; for what is believed of a destination nothing follows from it."""

    def __init__(self, destinations: Mapping[str, Destination], peers: Peers) -> None:
        self._destinations, self._peers = destinations, peers

    def __call__(self, name: str) -> bool | None:
        """Return whether `name` answers a C-ECHO within a few seconds; None: there is no such destination."""
        destination = self._destinations.get(name)
        if destination is None:
            return None
        peer = destination.peer
        short = replace(
            peer,
            connect_timeout_s=min(_MOST_S, peer.connect_timeout_s),
            association_timeout_s=min(_MOST_S, peer.association_timeout_s),
            response_timeout_s=min(_MOST_S, peer.response_timeout_s),
        )
        return echo(short, self._peers).sent
