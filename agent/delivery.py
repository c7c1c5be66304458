"""One worker for each destination: claim, hand to a peer child, record every outcome, decide, wait.

A dead destination stops only itself and uses up no instance's tries; a refused instance is held and the next
goes on. A job is `sent` only by an outcome with a success or warning status (promise P5); a try whose end is
unknown sends the same UID again (promise P3).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from agent.clock import Clock
from agent.errors import AgentError, ChildError
from agent.lifecycle import DestinationState
from agent.model import ClockTrust, PeerAddress, StoreItem
from agent.outcome import Action, Outcome, outcome_from_wire
from agent.peers import Peers, child_failed, echo
from agent.retry import RetryPolicy, decide
from agent.spool import Spool, Steps
from agent.store import Job, Store
from agent.store.transition import Stamp

_TURN_S = 10.0
_SLOWEST_BYTES_PER_S = 50_000


class Destination:
    """The worker of one destination."""

    def __init__(
        self,
        peer: PeerAddress,
        store: Store,
        spool: Spool,
        peers: Peers,
        clock: Clock,
        *,
        policy: RetryPolicy,
        batch: int,
        luck: Callable[[], float],
        stamp: Callable[[], Stamp],
        notice: Callable[[str, str], None],
        turned: Callable[[], None],
        steps: Steps,
    ) -> None:
        self.peer = peer
        self._store, self._spool, self._peers, self._clock = store, spool, peers, clock
        self._policy, self._batch, self._luck = policy, batch, luck
        self._stamp, self._notice, self._turned, self._steps = stamp, notice, turned, steps
        self._wake = threading.Event()

    @property
    def name(self) -> str:
        return self.peer.name

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Send what is due until `stop`; the thread's main loop."""
        while not stop.is_set():
            self._turned()
            self._wake.clear()
            wait_s = self._turn()
            if wait_s > 0 and not stop.is_set():
                self._wake.wait(min(wait_s, _TURN_S))

    def _turn(self) -> float:
        """Do one piece of work and return how long there is none (seconds)."""
        now = self._stamp().unix
        first = self._store.jobs.next_due(self.name, now + self._horizon_s)
        if first == float("inf"):
            return _TURN_S
        if self._clock.trust() is ClockTrust.UNTRUSTED and self.peer.tls is not None:
            return _TURN_S
        closed_s = self._closed_for(now)
        if closed_s > 0:
            return closed_s
        if first > now:
            return first - now
        if self._belief_state() is not DestinationState.UP and not self._probe():
            return 0.0
        jobs = self._store.jobs.claim(self.name, self._batch, self._horizon_s, self._stamp())
        if jobs:
            self._send(jobs)
        return 0.0

    @property
    def _horizon_s(self) -> float:
        # Nothing waits longer than this on purpose: a later time is a clock that jumped back.
        return 2 * max(self._policy.longest_s, self._policy.suspended_probe_s, 300.0)

    def _belief_state(self) -> DestinationState:
        belief = self._store.destinations.get(self.name)
        return belief.state if belief else DestinationState.UP

    def _closed_for(self, now: float) -> float:
        belief = self._store.destinations.get(self.name)
        if belief is None or belief.state is DestinationState.UP or belief.until > now + self._horizon_s:
            return 0.0
        return belief.until - now

    # --- probing --------------------------------------------------------------------------------------------

    def echo(self) -> Outcome:
        """Ask the destination with C-ECHO and return what came of it (PS3.4 Annex A)."""
        return echo(self.peer, self._peers)

    def _probe(self) -> bool:
        outcome = self.echo()
        self._learn(outcome)
        return outcome.sent

    def _learn(self, outcome: Outcome) -> None:
        belief = self._store.destinations.get(self.name)
        failures = belief.failures if belief else 0
        decision = decide(outcome, 0, failures, self._policy, self._luck())
        self._believe(decision.belief, decision.belief_wait_s, outcome)

    def _believe(self, event: str, wait_s: float, outcome: Outcome) -> None:
        stamp = self._stamp()
        words = "" if event == "answered" else outcome.words
        code = "" if event == "answered" else outcome.code
        self._store.destinations.learn(self.name, event, stamp.unix + wait_s, code, words, stamp)
        self._notice("destination", self.name)

    # --- sending --------------------------------------------------------------------------------------------

    def _send(self, jobs: list[Job]) -> None:
        waiting = {job.job_id: job for job in jobs}
        self._steps("send:claimed")

        def on_progress(value: dict[str, Any], _fds: list[int]) -> None:
            self._turned()
            if "outcome" in value and value.get("job") in waiting:
                self._steps("send:answered")
                self._settle(waiting.pop(value["job"]), outcome_from_wire(value["outcome"]))
                self._steps("send:settled")
            else:
                self._steps("send:bytes")

        try:
            items = [self._item(job) for job in jobs]
            size = sum(job.size for job in jobs)
            limit = self.peer.response_timeout_s * (len(jobs) + 2) + size / _SLOWEST_BYTES_PER_S
            idle_s = (
                self.peer.connect_timeout_s
                + self.peer.association_timeout_s
                + self.peer.progress_timeout_s
                + self.peer.response_timeout_s
                + max(job.size for job in jobs) / 1_000_000
            )
            request = {"peer": asdict(self.peer), "items": items}
            self._peers.call("store", request, deadline_s=limit, idle_s=idle_s, on_progress=on_progress)
            failure: Exception = ChildError("The sender ended without an answer for every object.")
        except (AgentError, KeyError, ValueError) as e:
            failure = e
        self._settle_rest(list(waiting.values()), failure)
        for exam_id in self._store.exams.close_delivered(self._stamp()):
            self._notice("exam", exam_id)

    def _item(self, job: Job) -> dict[str, Any]:
        return asdict(
            StoreItem(
                job_id=job.job_id,
                path=str(self._spool.object_path(job.frame_id)),
                sop_class_uid=job.sop_class_uid,
                sop_instance_uid=job.sop_instance_uid,
                transfer_syntax_uid=job.transfer_syntax_uid,
                size=job.size,
                sha256=job.sha256,
            )
        )

    def _settle_rest(self, jobs: list[Job], failure: Exception) -> None:
        """Settle what the child left without an outcome: the first may be what killed it, the others wait."""
        for number, job in enumerate(jobs):
            outcome = child_failed(failure)
            if number == 0:
                action, tries = Action.RETRY_INSTANCE, self._policy.poison_aborts
                outcome = Outcome(**{**_fields(outcome), "action": action, "tries": tries})
            self._settle(job, outcome)

    def _settle(self, job: Job, outcome: Outcome) -> None:
        belief = self._store.destinations.get(self.name)
        failures = belief.failures if belief else 0
        decision = decide(outcome, job.instance_tries, failures, self._policy, self._luck())
        stamp = self._stamp()
        due = stamp.unix + decision.wait_s
        self._store.jobs.settle(job.job_id, decision.event, outcome, due, stamp, counts=decision.counts)
        if decision.belief != "answered" or (belief and belief.state is not DestinationState.UP):
            self._believe(decision.belief, decision.belief_wait_s, outcome)
        self._notice("exam", job.exam_id)


def _fields(outcome: Outcome) -> dict[str, Any]:
    return {**outcome.to_wire(), "phase": outcome.phase, "action": outcome.action, "blame": outcome.blame}
