"""Storage Commitment (PS3.4 Annex J): asked after sending, believed only from whom it was asked.

A transaction is durable before its N-ACTION leaves, because its report may outrun the answer. A report is answered
to the archive after it is durable here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from agent.commitment_statuses import Verdict as ReasonVerdict
from agent.commitment_statuses import failure_reason
from agent.errors import AgentError
from agent.model import PeerAddress
from agent.outcome import Outcome, Phase, outcome_from_wire
from agent.peers import Peers, child_failed
from agent.store import Job, Store, Verdict
from agent.store.transition import Stamp

SUCCESS, PROCESSING_FAILURE = 0x0000, 0x0110
_ASK_AGAIN_S = 300.0
"""An archive that could not commit now is asked again after so long."""


class CommitmentRequests:
    """Asks one archive for Storage Commitment: one N-ACTION for each job."""

    def __init__(
        self,
        peer: PeerAddress,
        store: Store,
        peers: Peers,
        *,
        linger_s: float,
        uids: Callable[[], str],
        stamp: Callable[[], Stamp],
        reported: Callable[[str, Mapping[str, Any]], int],
        steps: Callable[[str], None],
    ) -> None:
        self._peer, self._store, self._peers, self._linger_s = peer, store, peers, linger_s
        self._uids, self._stamp, self._reported, self._steps = uids, stamp, reported, steps

    def run(self, jobs: list[Job], settle: Callable[[Job, Outcome], None]) -> None:
        """Begin a new transaction for each job, ask, and settle; a refused transaction is dead."""
        for job in jobs:
            transaction = self._store.commitments.begin(job.job_id, self._uids(), self._stamp())
            self._steps("commit:begun")
            outcome = self._ask(transaction.transaction_uid, transaction.references)
            self._steps("commit:asked")
            if not outcome.sent and outcome.phase is Phase.RESPONSE and not outcome.ambiguous:
                self._store.commitments.refused(transaction.transaction_uid, self._stamp())
            settle(job, outcome)

    def _ask(self, transaction_uid: str, references: tuple[tuple[str, str], ...]) -> Outcome:
        peer = self._peer
        limit = peer.connect_timeout_s + peer.association_timeout_s + peer.response_timeout_s + self._linger_s + 30

        def on_progress(value: dict[str, Any], _fds: list[int]) -> dict[str, Any] | None:
            if "report" not in value:
                return None
            return {"status": self._reported(peer.called_ae_title, value["report"])}

        request = {
            "peer": asdict(peer),
            "transaction_uid": transaction_uid,
            "references": [list(pair) for pair in references],
            "linger_s": self._linger_s,
        }
        try:
            answer, _ = self._peers.call("commit", request, deadline_s=limit, on_progress=on_progress)
            return outcome_from_wire(answer["outcome"])
        except (AgentError, KeyError, ValueError) as e:
            return child_failed(e)


class CommitmentReports:
    """Takes N-EVENT-REPORTs, from whichever association they came."""

    def __init__(
        self,
        store: Store,
        ae_titles: Mapping[str, str],
        *,
        stamp: Callable[[], Stamp],
        notice: Callable[[str, str], None],
        wake: Callable[[str], None],
        steps: Callable[[str], None],
    ) -> None:
        self._store, self._ae_titles = store, ae_titles
        self._stamp, self._notice, self._wake, self._steps = stamp, notice, wake, steps

    def received(self, calling_ae_title: str, report: Mapping[str, Any]) -> int:
        """Apply a report and return the status to answer with; what it says is durable on return.

        An unknown transaction is answered with success and changes nothing (a late duplicate of somebody's); one
        that was asked of another archive is refused and told.
        """
        transaction = self._store.commitments.get(str(report["transaction_uid"]))
        if transaction is None:
            return SUCCESS
        if self._ae_titles.get(transaction.destination) != calling_ae_title:
            words = "Another node than the one that was asked reported a Storage Commitment. It was not believed."
            self._store.records.raise_alarm("P-07", transaction.destination, words, self._stamp())
            return PROCESSING_FAILURE
        self._steps("commit:report")
        exam_id = self._store.commitments.settle(transaction, _verdict(report), self._stamp())
        self._steps("commit:settled")
        self._store.exams.close_delivered(self._stamp())
        self._store.exams.close_committed(exam_id, self._stamp())
        self._notice("exam", exam_id)
        self._wake(transaction.destination)
        return SUCCESS


def _verdict(report: Mapping[str, Any]) -> Verdict:
    failed = [(str(c), str(i), failure_reason(int(reason))) for c, i, reason in report["failed"]]
    return Verdict(
        committed=[(str(c), str(i)) for c, i in report["committed"]],
        store_again=[(c, i) for c, i, row in failed if row.verdict is ReasonVerdict.STORE_AGAIN],
        ask_again=[(c, i) for c, i, row in failed if row.verdict is ReasonVerdict.ASK_AGAIN],
        hold=[(c, i, row.words) for c, i, row in failed if row.verdict is ReasonVerdict.HOLD],
        wait_s=_ASK_AGAIN_S,
    )
