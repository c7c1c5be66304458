"""The Modality Worklist SCU (PS3.4 Annex K): one C-FIND, its answers read, repaired and filtered.

The raw bytes of each identifier are taken from the wire and read here one by one, so that one broken answer
does not cost the others. After `max_items` answers a C-CANCEL is sent and the rest is read, not kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.association import Association

from agent.dimse.entry import UnreadableAnswer, read_entry
from agent.dimse.identifier import query_identifier
from agent.dimse.requestor import association
from agent.dimse.upper.failure import PeerFailure, Rejected
from agent.errors import AgentError, BadRequest, WorklistBusy, WorklistRefused, WorklistUnreachable
from agent.model import PeerAddress, ScheduledProcedureStep, WorklistAnswer, WorklistQuery
from agent.outcome import Action, Outcome, Phase
from agent.plain import from_plain, to_plain
from agent.refilter import refilter
from agent.repair import repair_list
from agent.statuses import context_outcome

MODALITY_WORKLIST = "1.2.840.10008.5.1.4.31"
_IMPLICIT = "1.2.840.10008.1.2"
_MESSAGE_ID = 1
_MEDIUM = 0
_TOTAL_BYTES = 4 << 20
_DRAIN_S = 10.0
"""So long after C-CANCEL answers are still read, then the association is aborted."""
_SERVER = "The worklist server"
PENDING = (0xFF00, 0xFF01)
SUCCESS, CANCELLED, OUT_OF_RESOURCES = 0x0000, 0xFE00, 0xA700


def worklist(
    request: dict[str, Any],
    fds: list[int],  # noqa: ARG001 - every verb has these
    reply: Any,  # noqa: ARG001
) -> tuple[dict[str, Any], list[int]]:
    """Serve the verb `worklist`: `{"peer": PeerAddress, "query": WorklistQuery}` plain, to `{"answer": …}`.

    Raises what `find` raises, and `BadRequest` for values that are none.
    """
    try:
        peer = from_plain(PeerAddress, request.get("peer"))
        query = from_plain(WorklistQuery, request.get("query"))
    except ValueError as e:
        raise BadRequest(f"The worklist request is not valid: {e}.") from e
    return {"answer": to_plain(find(peer, query))}, []


def find(peer: PeerAddress, query: WorklistQuery) -> WorklistAnswer:
    """Ask the worklist server once and return what it answered, repaired and filtered.

    Raises `QueryNotEncodable` and `BadRequest` before anything is sent; `WorklistUnreachable` (name, TCP,
    TLS, no answer), `WorklistBusy` (A700, association limits), `WorklistRefused` (A900, Cxxx, AE titles,
    context), whose facts name phase and code.
    """
    identifiers = [query_identifier(query), query_identifier(query, required_only=True)]
    collected = _Collected(query.max_items)
    try:
        with association(peer, MODALITY_WORKLIST, [(evt.EVT_DIMSE_RECV, collected.take)]) as opened:
            _ask(opened, identifiers, collected, monotonic() + peer.response_timeout_s)
            implicit = opened.accepted_contexts[0].transfer_syntax[0] == _IMPLICIT
    except PeerFailure as e:
        raise _failed(e) from e
    return _read(collected, query, implicit_vr=implicit)


@dataclass
class _Collected:
    """The raw identifiers, taken in the library's thread as they arrive."""

    limit: int
    answers: list[bytes] = field(default_factory=list)
    received: int = 0
    size: int = 0
    truncated: bool = False

    def take(self, event: Any) -> None:
        message = event.message
        if type(message).__name__ != "C_FIND_RSP" or message.command_set.Status not in PENDING:
            return
        self.received += 1
        if self.full:
            self.truncated = True
            return
        self.answers.append(message.data_set.getvalue())
        self.size += len(self.answers[-1])

    @property
    def full(self) -> bool:
        return len(self.answers) >= self.limit or self.size >= _TOTAL_BYTES

    def clear(self) -> None:
        self.answers, self.received, self.size, self.truncated = [], 0, 0, False


def _ask(opened: Association, identifiers: list[Dataset], collected: _Collected, deadline: float) -> None:
    """Send the query; a server that does not bear the optional keys is asked once more without them."""
    status = 0
    for identifier in identifiers:
        collected.clear()
        status = _find_once(opened, identifier, collected, deadline)
        if status in (SUCCESS, CANCELLED):
            return
        if status == OUT_OF_RESOURCES:
            raise WorklistBusy(phase=Phase.RESPONSE.value, code=f"0x{status:04X}")
    raise WorklistRefused(phase=Phase.RESPONSE.value, code=f"0x{status:04X}")


def _find_once(opened: Association, identifier: Dataset, collected: _Collected, deadline: float) -> int:
    """Return the final status of one C-FIND; raises `PeerFailure` when none came."""
    cancelled = False
    for answer, _ in opened.send_c_find(identifier, MODALITY_WORKLIST, _MESSAGE_ID, _MEDIUM):
        status = answer.get("Status")
        if status is None:
            raise PeerFailure(Phase.RESPONSE, "response timeout" if monotonic() >= deadline else "lost")
        if status not in PENDING:
            collected.truncated |= status == CANCELLED
            return int(status)
        if not cancelled and (collected.full or monotonic() >= deadline):
            opened.send_c_cancel(_MESSAGE_ID, query_model=MODALITY_WORKLIST)
            cancelled, deadline = True, monotonic() + _DRAIN_S
        elif cancelled and monotonic() >= deadline:
            opened.abort()
            break
    collected.truncated = True
    return CANCELLED


def _read(collected: _Collected, query: WorklistQuery, *, implicit_vr: bool) -> WorklistAnswer:
    steps: list[ScheduledProcedureStep] = []
    unreadable: list[str] = []
    for raw in collected.answers:
        try:
            steps.append(read_entry(raw, query, implicit_vr=implicit_vr))
        except UnreadableAnswer as e:
            unreadable.append(str(e))
    kept, filtered_out = refilter(repair_list(steps), query)
    return WorklistAnswer(
        steps=kept,
        received=collected.received,
        unreadable=tuple(unreadable),
        truncated=collected.truncated,
        filtered_out=filtered_out,
    )


def _failed(failure: PeerFailure) -> AgentError:
    """Return the error for a try that ended early; the words of storage, said of a worklist server."""
    context = failure.phase is Phase.CONTEXT
    outcome: Outcome = context_outcome(None) if context else failure.outcome()
    kind: type[AgentError] = WorklistUnreachable
    if context or isinstance(failure, Rejected):
        kind = WorklistBusy if outcome.action is Action.RETRY_LATER else WorklistRefused
    words = outcome.words.replace("The archive", _SERVER).replace("the archive", _SERVER.lower())
    return kind(words, phase=outcome.phase.value, code=outcome.code)
