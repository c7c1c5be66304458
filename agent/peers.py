"""Peer children: one association each, then gone; one warm spare waits so that nobody waits for Python to start."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic
from typing import Any

from agent.child import PEER, Answer, Child, Progress
from agent.errors import AgentError, Blame
from agent.launcher import Launcher
from agent.model import PeerAddress
from agent.outcome import Action, Outcome, Phase, outcome_from_wire

_DAY_S = 86400.0
_CIPHER_CODES = frozenset({"tls no common cipher", "tls"})


class Peers:
    """Hands out peer children.

    `chacha`: OpenSSL configuration that offers ChaCha20 alone, for processors without AES instructions; a peer that
    has no such cipher is called as usual for a day. None: everybody is.
    """

    def __init__(
        self, launcher: Launcher, *, chacha: Path | None = None, monotonic: Callable[[], float] = monotonic
    ) -> None:
        self._launcher, self._monotonic = launcher, monotonic
        self._usual = PEER
        self._first = replace(PEER, environment=(("OPENSSL_CONF", str(chacha)),)) if chacha else PEER
        self._wants_aes: dict[str, float] = {}
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
        name = str(params.get("peer", {}).get("name", ""))
        if self._first is not self._usual and self._wants_aes.get(name, 0.0) <= self._monotonic():
            heard = _NoCommonCipher(on_progress)
            answer = self._call(self._take(), do, params, deadline_s, idle_s, heard.progress)
            if not heard.refused(answer[0]):
                return answer
            self._wants_aes[name] = self._monotonic() + _DAY_S
        usual = self._take() if self._first is self._usual else Child(self._usual, self._launcher)
        return self._call(usual, do, params, deadline_s, idle_s, on_progress)

    def _call(
        self,
        child: Child,
        do: str,
        params: dict[str, Any],
        deadline_s: float,
        idle_s: float | None,
        on_progress: Progress | None,
    ) -> Answer:
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
        return Child(self._first, self._launcher)

    def _warm(self) -> None:
        with self._lock:
            if self._spare is None and not self._closed:
                try:
                    self._spare = Child(self._first, self._launcher)
                except AgentError:
                    self._spare = None

    def close(self) -> None:
        """End the spare."""
        with self._lock:
            self._closed = True
            spare, self._spare = self._spare, None
        if spare is not None:
            spare.stop()


class _NoCommonCipher:
    """Keeps back the outcomes of a try that failed for want of a common cipher: nothing was sent in it."""

    def __init__(self, on_progress: Progress | None) -> None:
        self._on_progress = on_progress
        self._refused = False

    def progress(self, value: dict[str, Any], fds: list[int]) -> dict[str, Any] | None:
        """Pass on everything else."""
        if value.get("outcome", {}).get("code") in _CIPHER_CODES:
            self._refused = True
            return None
        return self._on_progress(value, fds) if self._on_progress else None

    def refused(self, answer: dict[str, Any]) -> bool:
        """Return whether the peer has no such cipher; `answer` is the child's last word."""
        return self._refused or answer.get("outcome", {}).get("code") in _CIPHER_CODES


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
