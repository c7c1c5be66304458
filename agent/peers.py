"""Peer children: one association each, then gone; one warm spare waits so that nobody waits for Python to start."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import Any

from agent.child import PEER, Answer, Child, Progress
from agent.errors import AgentError, Blame
from agent.launcher import Launcher
from agent.model import PeerAddress
from agent.outcome import Action, Outcome, Phase, outcome_from_wire


class Peers:
    """Hands out peer children."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._spare: Child | None = None
        self._lock = threading.Lock()
        self._closed = False

    def call(
        self,
        do: str,
        params: dict[str, Any],
        *,
        deadline_s: float,
        idle_s: float | None = None,
        on_progress: Progress | None = None,
    ) -> Answer:
        """Have one peer child do one thing and end it; raises what `Child.request` raises."""
        child = self._take()
        try:
            child.wait_ready()
            return child.request(do, params, deadline_s=deadline_s, idle_s=idle_s, on_progress=on_progress)
        finally:
            child.stop()
            self._warm()

    def _take(self) -> Child:
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is not None and spare.death is None:
            return spare
        if spare is not None:
            spare.stop()
        return Child(PEER, self._launcher)

    def _warm(self) -> None:
        with self._lock:
            if self._spare is None and not self._closed:
                try:
                    self._spare = Child(PEER, self._launcher)
                except AgentError:
                    self._spare = None

    def close(self) -> None:
        """End the spare."""
        with self._lock:
            self._closed = True
            spare, self._spare = self._spare, None
        if spare is not None:
            spare.stop()


def echo(peer: PeerAddress, peers: Peers) -> Outcome:
    """Verify one peer with C-ECHO (PS3.4 Annex A) and return how far it came."""
    limit = peer.connect_timeout_s + peer.association_timeout_s + peer.response_timeout_s + 10
    try:
        answer, _ = peers.call("echo", {"peer": asdict(peer)}, deadline_s=limit)
        return outcome_from_wire(answer["outcome"])
    except (AgentError, KeyError, ValueError) as e:
        return child_failed(e)


def child_failed(error: Exception) -> Outcome:
    """Return the outcome of a try whose child did not report one: unknown, so the same is sent again."""
    return Outcome(
        phase=Phase.SENDING,
        action=Action.RETRY_LATER,
        code=error.code if isinstance(error, AgentError) else AgentError.code,
        words=error.message if isinstance(error, AgentError) else "The sender answered what was not understood.",
        blame=Blame.BOX,
        ambiguous=True,
    )
