"""Builds what delivers: a worker for each destination, with the errands that it does; part of the composition root."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.clock import Clock
from agent.commitment import CommitmentRequests
from agent.config.peer import DestinationConfig
from agent.config.schema import Configuration
from agent.delivery import Destination, DestinationRules, Errand
from agent.host import new_uid
from agent.model import PeerAddress
from agent.peers import Peers
from agent.procedure_steps import ProcedureStepMessages
from agent.retry import RetryPolicy
from agent.spool import Spool, Steps
from agent.store import Store
from agent.store.jobs import COMMIT, N_CREATE, N_SET, STORE
from agent.store.transition import Stamp
from agent.storing import Storing
from agent.window import Window

STEPS_QUEUE = "procedure-steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """What delivery stands on."""

    configuration: Configuration
    store: Store
    spool: Spool
    clock: Clock
    peers: Peers
    steps: Steps
    now: Callable[[], Stamp]
    notice: Callable[[str, str], None]
    worker: Callable[[str], Callable[[], None]]
    reported: Callable[..., Any]
    wake: Callable[[str], None]

    def destinations(self) -> dict[str, Destination]:
        """Return every destination, and the queue of procedure steps, by name."""
        served = {d.name: self._archive(d) for d in self.configuration.destination}
        step = self.configuration.procedure_step
        if step is None:
            return served
        peer = self.configuration.peer(step)
        messages = ProcedureStepMessages(peer, self.store, self.peers)
        rules = DestinationRules(policy=self._policy(), batch=1)
        return served | {peer.name: self._destination(peer, {N_CREATE: messages, N_SET: messages}, rules)}

    def _archive(self, d: DestinationConfig) -> Destination:
        peer = self.configuration.peer(d)
        errands: dict[str, Errand] = {
            STORE: Storing(
                peer,
                self.spool,
                self.peers,
                poison_aborts=self.configuration.delivery.poison_aborts,
                turned=self.worker(f"delivery-{d.name}"),
                steps=self.steps,
            ),
            COMMIT: CommitmentRequests(
                peer,
                self.store,
                self.peers,
                linger_s=0.0 if self.configuration.listener else d.commitment_linger_s,
                uids=new_uid,
                stamp=self.now,
                reported=self.reported,
                steps=self.steps,
            ),
        }
        rules = DestinationRules(
            policy=self._policy(),
            batch=d.maximum_batch,
            window=Window.of(d.open_from, d.open_until),
            standby=next((route.standby for route in self.configuration.routes() if route.destination == d.name), None),
            report_wait_s=d.commitment_wait_s,
        )
        return self._destination(peer, errands, rules)

    def _destination(self, peer: PeerAddress, errands: dict[str, Errand], rules: DestinationRules) -> Destination:
        return Destination(
            peer,
            self.store,
            self.peers,
            self.clock,
            errands,
            rules=rules,
            luck=random.SystemRandom().random,
            stamp=self.now,
            notice=self.notice,
            turned=self.worker(f"delivery-{peer.name}"),
            moved=self.wake,
        )

    def _policy(self) -> RetryPolicy:
        d = self.configuration.delivery
        return RetryPolicy(
            first_s=d.first_retry_s,
            longest_s=d.longest_retry_s,
            jitter=d.jitter,
            probe_s=d.probe_s,
            suspended_probe_s=d.suspended_probe_s,
            poison_aborts=d.poison_aborts,
        )
