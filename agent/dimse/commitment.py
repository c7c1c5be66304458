"""Storage Commitment SCU (PS3.4 J.3.2, J.3.3): one N-ACTION, and the report if it comes over the same association.

The report may come before the answer to the request. It is answered with the status that the core gave for it, after
the core made it durable (ruling 9).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from time import monotonic
from typing import Any

from agent.commitment_statuses import action_outcome
from agent.node import PeerAddress, peer_from_plain
from agent.outcome import Outcome, Phase
from agent.statuses import failure_outcome
from drivers.serve import Reply

from .commitment_data import CommitmentReport, read_report, request_data
from .upper import dimse
from .upper.associate import Role
from .upper.association import Association, Message, request
from .upper.failure import PeerFailure, ProtocolError
from .upper.transport import no_tick

STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
STORAGE_COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
PROCESSING_FAILURE, NO_SUCH_INSTANCE, NO_SUCH_EVENT, NO_SUCH_CLASS = 0x0110, 0x0112, 0x0113, 0x0118
ANSWER_S = 20.0
"""So long the core may take to make a report durable; then the archive is told to send it again."""
_PAIRS = [
    (STORAGE_COMMITMENT, dimse.IMPLICIT_VR_LITTLE_ENDIAN),
    (STORAGE_COMMITMENT, dimse.EXPLICIT_VR_LITTLE_ENDIAN),
]
_MESSAGE_ID = 1

Reported = Callable[[CommitmentReport], int]
"""Hands a report on and returns the status to answer with, once it is durable."""


def commit(request: dict[str, Any], fds: list[int], reply: Reply) -> tuple[dict[str, Any], list[int]]:  # noqa: ARG001
    """Ask `peer` for `references` under `transaction_uid`; wait `linger_s` for a report. The answer is an outcome."""

    def reported(report: CommitmentReport) -> int:
        answer = reply.ask({"report": asdict(report)}, ANSWER_S)
        return PROCESSING_FAILURE if answer is None else int(answer["status"])

    outcome = ask(
        peer_from_plain(request["peer"]),
        str(request["transaction_uid"]),
        [(str(c), str(i)) for c, i in request["references"]],
        reported,
        linger_s=float(request["linger_s"]),
        tick=reply.beat,
    )
    return {"outcome": outcome.to_wire()}, []


def ask(
    peer: PeerAddress,
    transaction_uid: str,
    references: Sequence[tuple[str, str]],
    reported: Reported,
    *,
    linger_s: float,
    tick: Callable[[], None] = no_tick,
) -> Outcome:
    """Return what the N-ACTION came to; `SENT` says that the archive was asked, never that it committed."""
    try:
        association = _associate(peer, tick)
    except PeerFailure as e:
        return e.outcome()
    with association:
        if not association.accepted:
            return replace(action_outcome(NO_SUCH_CLASS), phase=Phase.CONTEXT, code="no commitment")
        try:
            outcome = _Request(association, peer, reported).send(transaction_uid, references, linger_s)
        except PeerFailure as e:
            return replace(e.outcome(), ambiguous=e.phase in (Phase.SENDING, Phase.RESPONSE))
        except ProtocolError as e:
            return failure_outcome("protocol", Phase.RESPONSE, ambiguous=True, detail=str(e))
        with suppress(PeerFailure):
            association.release()
        return outcome


def _associate(peer: PeerAddress, tick: Callable[[], None]) -> Association:
    return request(peer, _PAIRS, roles=(Role(STORAGE_COMMITMENT, scu=True, scp=False),), tick=tick)


class _Request:
    """One N-ACTION on one association."""

    def __init__(self, association: Association, peer: PeerAddress, reported: Reported) -> None:
        self._association, self._peer, self._reported = association, peer, reported
        pair = next(iter(association.accepted))
        self._implicit, self._context_id = pair[1] == dimse.IMPLICIT_VR_LITTLE_ENDIAN, association.accepted[pair]
        self._seen = False

    def send(self, transaction_uid: str, references: Sequence[tuple[str, str]], linger_s: float) -> Outcome:
        """Send the request, take its answer, and wait a little for the report."""
        association = self._association
        association.transport.phase = Phase.SENDING
        data = request_data(transaction_uid, references, implicit_vr=self._implicit)
        association.send_message(self._context_id, dimse.n_action_rq(_MESSAGE_ID), data)
        association.transport.phase = Phase.RESPONSE
        until = monotonic() + self._peer.response_timeout_s
        while (message := self._next(until)) is None:
            pass
        outcome = self._judge(message)
        if outcome.sent and not self._seen:
            with suppress(PeerFailure):
                self._linger(monotonic() + linger_s)
        return outcome

    def _linger(self, until: float) -> None:
        while not self._seen and self._association.has_input(until):
            self._next(until + self._peer.progress_timeout_s)

    def _next(self, until: float) -> Message | None:
        """Return the next response; a report on the way is answered first (None)."""
        message = self._association.receive_message(until, "response timeout")
        if message.command.integer(dimse.Tag.COMMAND_FIELD) != dimse.CommandField.N_EVENT_REPORT_RQ:
            return message
        status = report_status(self._association, message, self._reported)
        self._seen = True
        self._association.send_command(message.context_id, dimse.response(message.command, status))
        return None

    def _judge(self, message: Message) -> Outcome:
        command = message.command
        answers = command.integer(dimse.Tag.MESSAGE_ID_BEING_RESPONDED_TO)
        if command.integer(dimse.Tag.COMMAND_FIELD) != dimse.CommandField.N_ACTION_RSP or answers != _MESSAGE_ID:
            return failure_outcome("wrong answer", Phase.RESPONSE, ambiguous=True)
        return action_outcome(command.integer(dimse.Tag.STATUS), command.text(dimse.Tag.ERROR_COMMENT))


def report_status(association: Association, message: Message, reported: Reported) -> int:
    """Return the status to answer an N-EVENT-REPORT with; what can be read is handed on first (PS3.4 J.3.3)."""
    command = message.command
    if command.text(dimse.Tag.AFFECTED_SOP_CLASS_UID) != STORAGE_COMMITMENT:
        return NO_SUCH_CLASS
    if command.text(dimse.Tag.AFFECTED_SOP_INSTANCE_UID) != STORAGE_COMMITMENT_INSTANCE:
        return NO_SUCH_INSTANCE
    if command.integer(dimse.Tag.EVENT_TYPE_ID) not in (1, 2):
        return NO_SUCH_EVENT
    syntax = next(pair[1] for pair, number in association.accepted.items() if number == message.context_id)
    try:
        report = read_report(message.data_set, implicit_vr=syntax == dimse.IMPLICIT_VR_LITTLE_ENDIAN)
    except ProtocolError:
        return PROCESSING_FAILURE
    return reported(report)
