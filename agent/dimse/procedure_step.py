"""Modality Performed Procedure Step SCU (PS3.4 Annex F): one N-CREATE or N-SET on one association."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Any

from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from agent.errors import BadRequest, ObjectError
from agent.model import PeerAddress, peer_from_plain
from agent.objects.procedure_step import begun, ended
from agent.outcome import Action, Outcome, Phase
from agent.plain import from_plain
from agent.statuses import StatusRow, context_outcome, failure_outcome
from agent.step import ProcedureStep, StepEnd
from agent.step_statuses import N_CREATE, N_SET, step_outcome
from drivers.serve import Reply

from .upper import dimse
from .upper.association import Association, request
from .upper.failure import PeerFailure, ProtocolError

PERFORMED_PROCEDURE_STEP = "1.2.840.10008.3.1.2.3.3"
_PAIRS = [
    (PERFORMED_PROCEDURE_STEP, dimse.EXPLICIT_VR_LITTLE_ENDIAN),
    (PERFORMED_PROCEDURE_STEP, dimse.IMPLICIT_VR_LITTLE_ENDIAN),
]
_MESSAGE_ID = 1
Answer = tuple[dict[str, Any], list[int]]


def create(request: dict[str, Any], fds: list[int], reply: Reply) -> Answer:  # noqa: ARG001 - a verb
    """Tell `peer` of a begun `step` (plain `ProcedureStep`); the answer is `{"outcome": {…}}`."""
    step = _plain(ProcedureStep, request["step"])
    command = dimse.n_create_rq(PERFORMED_PROCEDURE_STEP, step.step_uid, _MESSAGE_ID)
    return _told(request, command, lambda: begun(step), dimse.CommandField.N_CREATE_RSP, N_CREATE, reply)


def end(request: dict[str, Any], fds: list[int], reply: Reply) -> Answer:  # noqa: ARG001 - a verb
    """Tell `peer` how a step ended (`end`, plain `StepEnd`); the answer is `{"outcome": {…}}`."""
    told = _plain(StepEnd, request["end"])
    command = dimse.n_set_rq(PERFORMED_PROCEDURE_STEP, told.step_uid, _MESSAGE_ID)
    return _told(request, command, lambda: ended(told), dimse.CommandField.N_SET_RSP, N_SET, reply)


def _plain(cls: type[Any], value: object) -> Any:
    try:
        return from_plain(cls, value)
    except ValueError as e:
        raise BadRequest(f"The procedure step is not valid: {e}.") from None


def _told(
    asked: dict[str, Any],
    command: bytes,
    make: Callable[[], Dataset],
    answer: dimse.CommandField,
    rows: tuple[StatusRow, ...],
    reply: Reply,
) -> Answer:
    peer = peer_from_plain(asked["peer"])
    try:
        data_set = make()
        outcome = _Telling(peer, reply.beat).tell(command, data_set, answer, rows)
    except ObjectError as e:
        outcome = replace(step_outcome(rows, 0x0106), phase=Phase.FILE, code=e.code, words=e.message)
    except PeerFailure as e:
        outcome = replace(e.outcome(), ambiguous=e.phase in (Phase.SENDING, Phase.RESPONSE))
    except ProtocolError as e:
        outcome = failure_outcome("protocol", Phase.RESPONSE, ambiguous=True, detail=str(e))
    return {"outcome": outcome.to_wire()}, []


class _Telling:
    """One message to one server."""

    def __init__(self, peer: PeerAddress, tick: Callable[[], None]) -> None:
        self._peer, self._tick = peer, tick

    def tell(
        self, command: bytes, data_set: Dataset, answer: dimse.CommandField, rows: tuple[StatusRow, ...]
    ) -> Outcome:
        """Send the message and return what came of it; raises `PeerFailure`."""
        with request(self._peer, _PAIRS, tick=self._tick) as association:
            if not association.accepted:
                refused = context_outcome(next(iter(association.results.values()), None))
                return replace(refused, action=Action.SUSPEND_DESTINATION)
            outcome = self._exchange(association, command, data_set, answer, rows)
            with suppress(PeerFailure):
                association.release()
            return outcome

    def _exchange(
        self,
        association: Association,
        command: bytes,
        data_set: Dataset,
        answer: dimse.CommandField,
        rows: tuple[StatusRow, ...],
    ) -> Outcome:
        (_, syntax), context_id = next(iter(association.accepted.items()))
        association.transport.phase = Phase.SENDING
        implicit = syntax == dimse.IMPLICIT_VR_LITTLE_ENDIAN
        association.send_message(context_id, command, _encoded(data_set, implicit=implicit))
        association.transport.phase = Phase.RESPONSE
        got = association.receive_message(monotonic() + self._peer.response_timeout_s, "response timeout").command
        answers = got.integer(dimse.Tag.MESSAGE_ID_BEING_RESPONDED_TO)
        if got.integer(dimse.Tag.COMMAND_FIELD) != answer or answers != _MESSAGE_ID:
            return failure_outcome("wrong answer", Phase.RESPONSE, ambiguous=True)
        comment, error_id = got.text(dimse.Tag.ERROR_COMMENT), got.integer(dimse.Tag.ERROR_ID)
        return step_outcome(rows, got.integer(dimse.Tag.STATUS), comment=comment, error_id=error_id)


def _encoded(data_set: Dataset, *, implicit: bool) -> bytes:
    out = DicomBytesIO()
    out.is_implicit_VR, out.is_little_endian = implicit, True
    write_dataset(out, data_set)
    return bytes(out.getvalue())
