"""One worker for each destination: claim, have the errand done, record every outcome, decide, wait.

A dead destination stops only itself and uses up no instance's tries; a refused instance is held and the next
goes on. A job is `sent` only by an outcome with a success or warning status (promise P5); a try whose end is
unknown sends the same UID again (promise P3).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from agent.clock import Clock
from agent.lifecycle import DestinationState
from agent.model import ClockTrust, PeerAddress, Route
from agent.outcome import Action, Outcome
from agent.peers import Peers, echo
from agent.retry import Decision, RetryPolicy, decide
from agent.store import Job, Store
from agent.store.jobs import COMMIT, N_SET, STORE
from agent.store.transition import Stamp
from agent.window import Window

_TURN_S = 10.0
_MOST_REQUESTS = 10
"""So often one exam's Storage Commitment is asked for without a report (dicom.md 6)."""


class Errand(Protocol):
    """Does one kind of job at one peer."""

    def run(self, jobs: list[Job], settle: Callable[[Job, Outcome], None]) -> None:
        """Try `jobs`; `settle` is called exactly once for each."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationRules:
    """How one destination is served, from the configuration."""

    policy: RetryPolicy
    batch: int
    window: Window | None = None
    standby: Route | None = None
    report_wait_s: float = 3600.0
    """How long the report of a Storage Commitment is awaited before it is asked for again."""


class Destination:
    """The worker of one destination; `errands` says who does which kind of job."""

    def __init__(
        self,
        peer: PeerAddress,
        store: Store,
        peers: Peers,
        clock: Clock,
        errands: Mapping[str, Errand],
        *,
        rules: DestinationRules,
        luck: Callable[[], float],
        stamp: Callable[[], Stamp],
        notice: Callable[[str, str], None],
        turned: Callable[[], None],
        moved: Callable[[str], None],
    ) -> None:
        self.peer, self.rules = peer, rules
        self._store, self._peers, self._clock, self._errands = store, peers, clock, errands
        self._luck, self._stamp, self._notice, self._turned, self._moved = luck, stamp, notice, turned, moved
        self._retried_first = False
        self.took: Callable[[float], None] = lambda _seconds: None
        """Told how long each object took that was sent: from its claim, or from the answer before it."""
        self._since = 0.0
        self._wake = threading.Event()

    @property
    def name(self) -> str:
        return self.peer.name

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Send what is due until `stop`; the thread's main loop.

        A lease from before was lost with its outcome (a full disk ended the loop): the same object goes again.
        """
        self._store.jobs.give_back(self.name, self._stamp())
        while not stop.is_set():
            self._turned()
            self._wake.clear()
            wait_s = self._turn()
            if wait_s > 0 and not stop.is_set():
                self._wake.wait(min(wait_s, _TURN_S))

    def _turn(self) -> float:
        """Do one piece of work and return how long there is none (seconds)."""
        now = self._stamp().unix
        self._ask_overdue()
        first = self._store.jobs.next_due(self.name, now + self._horizon_s)
        if first == float("inf"):
            return max(0.1, min(_TURN_S, self._store.commitments.next_overdue(self.name) - now))
        if self._clock.trust() is ClockTrust.UNTRUSTED and self.peer.tls is not None:
            return _TURN_S
        closed_s = max(self._closed_for(now), self._outside_window_for())
        if closed_s > 0:
            return closed_s
        if first > now:
            return first - now
        if self._belief_state() is not DestinationState.UP and not self._probe():
            return 0.0
        self._work()
        return 0.0

    def _work(self) -> None:
        self._retried_first = not self._retried_first
        jobs = self._store.jobs.claim(
            self.name, self.rules.batch, self._horizon_s, self._stamp(), retried_first=self._retried_first
        )
        if not jobs:
            self._notice("exam", "")  # what was due waits for renditions now: somebody has to make them
        for kind, same in groupby(sorted(jobs, key=lambda job: job.kind), key=lambda job: job.kind):
            self._since = self._clock.monotonic()
            self._errands[kind].run(list(same), self._settle)
        for exam_id in self._store.exams.close_delivered(self._stamp()) if jobs else ():
            self._store.exams.close_committed(exam_id, self._stamp())  # where every report came before this delivery
            self._notice("exam", exam_id)

    @property
    def _horizon_s(self) -> float:
        # Nothing waits longer than this on purpose: a later time is a clock that jumped back.
        return 2 * max(self.rules.policy.longest_s, self.rules.policy.suspended_probe_s, 300.0)

    def _belief_state(self) -> DestinationState:
        belief = self._store.destinations.get(self.name)
        return belief.state if belief else DestinationState.UP

    def _closed_for(self, now: float) -> float:
        belief = self._store.destinations.get(self.name)
        if belief is None or belief.state is DestinationState.UP or belief.until > now + self._horizon_s:
            return 0.0
        self._fail_over()
        return belief.until - now

    def _outside_window_for(self) -> float:
        return self.rules.window.closed_for(self._clock.now()) if self.rules.window else 0.0

    def _fail_over(self) -> None:
        standby = self.rules.standby
        if standby is None:
            return
        belief = self._store.destinations.get(standby.destination)
        if belief is not None and belief.state is not DestinationState.UP:
            return
        if self._store.desk.fail_over(self.name, standby, self._stamp()):
            self._moved(standby.destination)

    def _ask_overdue(self) -> None:
        for job_id in self._store.commitments.overdue(self.name, _MOST_REQUESTS, self._stamp()):
            job = self._store.jobs.get(job_id)
            self._store.records.raise_alarm("P-06", self.name, job.words, self._stamp())
            self._notice("exam", job.exam_id)

    # --- probing --------------------------------------------------------------------------------------------

    def echo(self) -> Outcome:
        """Ask the destination with C-ECHO and return what came of it (PS3.4 Annex A)."""
        return echo(self.peer, self._peers)

    def _probe(self) -> bool:
        outcome = self.echo()
        belief = self._store.destinations.get(self.name)
        failures = belief.failures if belief else 0
        self._believe(decide(outcome, 0, failures, self.rules.policy, self._luck()), outcome)
        return outcome.sent

    def _believe(self, decision: Decision, outcome: Outcome) -> None:
        stamp = self._stamp()
        answered = decision.belief == "answered"
        words, code = ("", "") if answered else (outcome.words, outcome.code)
        until = stamp.unix + decision.belief_wait_s
        self._store.destinations.learn(self.name, decision.belief, until, code, words, stamp)
        self._notice("destination", self.name)

    # --- settling -------------------------------------------------------------------------------------------

    def _settle(self, job: Job, outcome: Outcome) -> None:
        belief = self._store.destinations.get(self.name)
        failures = belief.failures if belief else 0
        decision = decide(outcome, job.instance_tries, failures, self.rules.policy, self._luck())
        if not self._took_another_way(job, outcome):
            stamp = self._stamp()
            patience = self.rules.report_wait_s if job.kind == COMMIT and decision.event == "sent" else 0.0
            due = stamp.unix + decision.wait_s + patience
            self._store.jobs.settle(job, decision.event, outcome, due, stamp, counts=decision.counts)
        if decision.belief != "answered" or (belief and belief.state is not DestinationState.UP):
            self._believe(decision, outcome)
        self._measure(job, outcome)
        self._notice("exam", job.exam_id)

    def _measure(self, job: Job, outcome: Outcome) -> None:
        now = self._clock.monotonic()
        if job.kind == STORE and outcome.sent:
            self.took(now - self._since)
        self._since = now

    def _took_another_way(self, job: Job, outcome: Outcome) -> bool:
        """Have an object sent in another syntax, or a step created again, instead of holding the job."""
        if outcome.action is not Action.FALL_BACK:
            return False
        if job.kind == STORE and outcome.accepted:
            self._store.renditions.choose(job, outcome.accepted[0], outcome, self._stamp())
            return True
        if job.kind == N_SET and job.instance_tries == 0:
            self._store.jobs.settle(job, "later", outcome, self._stamp().unix, self._stamp(), counts=True)
            self._store.steps.create_again(job.exam_id, self._stamp())
            return True
        return False
