"""Storage (PS3.4 Annex B): a batch of built objects on one association, one outcome for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from agent import transfer_syntaxes
from agent.errors import AgentError, ChildError
from agent.model import PeerAddress, StoreItem
from agent.outcome import Action, Outcome, outcome_from_wire
from agent.peers import Peers, child_failed
from agent.spool import Spool, Steps
from agent.store import Job

Settle = Callable[[Job, Outcome], None]
_SLOWEST_BYTES_PER_S = 50_000


class Storing:
    """Sends objects to one peer. `poison_aborts` is after how many dead children an object is held."""

    def __init__(
        self,
        peer: PeerAddress,
        spool: Spool,
        peers: Peers,
        *,
        poison_aborts: int,
        turned: Callable[[], None],
        steps: Steps,
    ) -> None:
        self._peer, self._spool, self._peers = peer, spool, peers
        self._poison_aborts, self._turned, self._steps = poison_aborts, turned, steps

    def run(self, jobs: list[Job], settle: Settle) -> None:
        """Send `jobs`; `settle` is called exactly once for each, as soon as its outcome is known."""
        waiting = {job.job_id: job for job in jobs}
        self._steps("send:claimed")

        def on_progress(value: dict[str, Any], _fds: list[int]) -> None:
            self._turned()
            if "outcome" in value and value.get("job") in waiting:
                self._steps("send:answered")
                settle(waiting.pop(value["job"]), outcome_from_wire(value["outcome"]))
                self._steps("send:settled")
            else:
                self._steps("send:bytes")

        try:
            self._call(jobs, on_progress)
            failure: Exception = ChildError("The sender ended without an answer for every object.")
        except (AgentError, KeyError, ValueError) as e:
            failure = e
        for number, job in enumerate(list(waiting.values())):
            settle(job, self._unanswered(failure, first=number == 0))

    def _call(self, jobs: list[Job], on_progress: Callable[[dict[str, Any], list[int]], None]) -> None:
        peer, size = self._peer, sum(job.size for job in jobs)
        slowest = min(_SLOWEST_BYTES_PER_S, peer.maximum_bytes_per_s or _SLOWEST_BYTES_PER_S)
        limit = peer.response_timeout_s * (len(jobs) + 2) + size / slowest
        idle_s = peer.connect_timeout_s + peer.association_timeout_s + peer.progress_timeout_s + peer.response_timeout_s
        idle_s += max(job.size for job in jobs) / 1_000_000
        request = {"peer": asdict(peer), "items": [asdict(self._item(job)) for job in jobs]}
        self._peers.call("store", request, deadline_s=limit, idle_s=idle_s, on_progress=on_progress)

    def _item(self, job: Job) -> StoreItem:
        path = self._spool.object_path(job.frame_id)
        if job.is_rendition:
            path = self._spool.rendition_path(job.frame_id, job.transfer_syntax_uid)
        return StoreItem(
            job_id=job.job_id,
            path=str(path),
            sop_class_uid=job.sop_class_uid,
            sop_instance_uid=job.sop_instance_uid,
            transfer_syntax_uid=job.transfer_syntax_uid,
            size=job.size,
            sha256=job.sha256,
            fallbacks=transfer_syntaxes.fallbacks(job.transfer_syntax_uid) if _may_change(job) else (),
        )

    def _unanswered(self, failure: Exception, *, first: bool) -> Outcome:
        """Return the outcome of what a dead child left: the first may be what killed it, the others wait."""
        outcome = child_failed(failure)
        if not first:
            return outcome
        return replace(outcome, action=Action.RETRY_INSTANCE, tries=self._poison_aborts)


def _may_change(job: Job) -> bool:
    """A rendition that the archive preferred may be refused after all; one that was made because of a refusal not."""
    return not job.is_rendition or job.transfer_syntax_uid in transfer_syntaxes.BY_NAME.values()
