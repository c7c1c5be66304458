"""One association from request to release or abort (PS3.8 sections 7 and 9.2), and the messages on it.

`Association` is what both sides share; `request` is the requestor, `acceptor` holds the other side. Every
event goes through the table in `states`; a PDU that the table answers with A-ABORT gets one. After any failure
the association is gone: a new try is a new association.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Final, NoReturn, Protocol, Self

from agent.node import PeerAddress
from agent.objects.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from agent.outcome import Phase

from . import dimse
from .associate import AssociateAc, AssociateRq, ProposedContext, Role, UserIdentity, UserInformation
from .failure import Aborted, PeerFailure, ProtocolError, Rejected
from .pdu import (
    PDV_HEADER_LENGTH,
    Abort,
    AssociateRj,
    PData,
    Pdu,
    Pdv,
    ReleaseRp,
    ReleaseRq,
    encode,
    fragmented,
)
from .reasons import AbortReason, AbortSource, RejectResult
from .states import PEER_BROKE_PROTOCOL, TRANSITIONS, Event, State, step
from .transport import Transport, no_tick

MAXIMUM_DATA_SET_LENGTH = 1 << 20
"""A data set that arrives here is a commitment report, never pixels."""
UNLIMITED_LENGTH = 128 << 10
"""What we send in one PDU to a peer without a limit: more is not faster."""
SMALLEST_MAXIMUM = 64
_ABORT_S: Final = 1.0

Pair = tuple[str, str]
"""(abstract syntax, transfer syntax): one presentation context each, so that the peer cannot choose for us."""

_EVENTS: Mapping[type, Event] = {
    AssociateAc: Event.ASSOCIATE_AC,
    AssociateRj: Event.ASSOCIATE_RJ,
    AssociateRq: Event.ASSOCIATE_RQ,
    PData: Event.P_DATA,
    ReleaseRq: Event.RELEASE_RQ,
    ReleaseRp: Event.RELEASE_RP,
    Abort: Event.ABORT,
}


@dataclass(frozen=True, slots=True)
class Message:
    """One DIMSE message: its command set and, where the command announces one, its data set."""

    context_id: int
    command: dimse.Command
    data_set: bytes


class Limits(Protocol):
    """The deadlines of one association; `model.PeerAddress` and `acceptor.Acceptance` have them."""

    @property
    def association_timeout_s(self) -> float: ...
    @property
    def progress_timeout_s(self) -> float: ...
    @property
    def release_timeout_s(self) -> float: ...


class Association:
    """An established association. `accepted` maps pairs to context ids, `results` all others to why not."""

    def __init__(self, transport: Transport, state: State, timeouts: Limits) -> None:
        self.transport = transport
        self.accepted: dict[Pair, int] = {}
        self.results: dict[Pair, int | None] = {}
        self.roles: tuple[Role, ...] = ()
        self.peer_ae_title = ""
        self.maximum_length = 0
        self._state = state
        self._timeouts = timeouts
        self._pdvs: list[Pdv] = []

    # --- life ----------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    @property
    def is_established(self) -> bool:
        return self._state is State.ESTABLISHED

    @property
    def longest_fragment(self) -> int:
        """The most data set bytes in one PDU: even, as PS3.8 Annex E asks, and never above the peer's limit."""
        limit = min(self.maximum_length or UNLIMITED_LENGTH, 1 << 20)
        return (limit - PDV_HEADER_LENGTH) & ~1

    def release(self) -> None:
        """Release orderly; raises `PeerFailure` when the peer does not confirm. The connection is then closed.

        A release collision is resolved as PS3.8 7.2.2.7 asks of the requestor.
        """
        self.transport.phase = Phase.RELEASE
        self._step(Event.RELEASE_REQUEST)
        until = monotonic() + self._timeouts.release_timeout_s
        self._send(ReleaseRq())
        while self._state is not State.IDLE:
            self.receive(until, "release timeout")
            if self._state is State.COLLISION_REQUESTOR_LOCAL:
                self._step(Event.RELEASE_RESPONSE)
                self._send(ReleaseRp())
        self.transport.close()

    def abort(self, reason: AbortReason | None = None) -> None:
        """End it at once with A-ABORT, as the service user, or for `reason` as the provider; never raises."""
        if (self._state, Event.ABORT_REQUEST) not in TRANSITIONS:
            self._state = State.IDLE
            self.transport.close()
            return
        self._step(Event.ABORT_REQUEST)
        source = AbortSource.SERVICE_USER if reason is None else AbortSource.SERVICE_PROVIDER
        self._close_with(Abort(source, reason or 0))

    def _close_with(self, last: Pdu) -> None:
        with suppress(PeerFailure):
            self.transport.send(encode(last), _ABORT_S)
        self.transport.finish(_ABORT_S)
        self._state = State.IDLE

    def _step(self, event: Event, *, alternative: bool = False) -> str:
        action, self._state = step(self._state, event, alternative=alternative)
        return action

    def establish(self, proposal: AssociateRq) -> None:
        """Send the request and take the answer; raises `PeerFailure` (phase ASSOCIATION, or TLS)."""
        self._step(Event.TRANSPORT_CONFIRM)
        until = monotonic() + self._timeouts.association_timeout_s
        self._send(proposal)
        answer = self.receive(until, "associate timeout")
        if isinstance(answer, AssociateRj):
            self.transport.close()
            raise Rejected(answer.result, answer.source, answer.reason)
        if isinstance(answer, AssociateAc):
            self._agree(proposal, answer)

    def _agree(self, proposal: AssociateRq, answer: AssociateAc) -> None:
        answered = {c.context_id: c for c in answer.contexts}
        for context in proposal.contexts:
            pair = (context.abstract_syntax, context.transfer_syntaxes[0])
            got = answered.get(context.context_id)
            if got is not None and got.result == 0 and got.transfer_syntax == pair[1]:
                self.accepted[pair] = context.context_id
            else:
                self.results[pair] = got.result or None if got else None
        self.roles = answer.user.roles
        self.maximum_length = answer.user.maximum_length
        if 0 < self.maximum_length < SMALLEST_MAXIMUM:
            self.break_off("a maximum length too small to use", AbortReason.INVALID_PARAMETER_VALUE)
        identity = proposal.user.user_identity
        if identity is not None and identity.response_requested and answer.user.identity_response is None:
            self.abort()
            raise PeerFailure(Phase.ASSOCIATION, "identity not confirmed")

    def accept(self, proposal: AssociateRq, answer: AssociateAc) -> None:
        """Send the acceptance of `proposal` (the acceptor's side); raises `PeerFailure`."""
        chosen = {c.context_id: c for c in answer.contexts}
        for context in proposal.contexts:
            mine = chosen[context.context_id]
            if mine.result == 0:
                self.accepted[context.abstract_syntax, mine.transfer_syntax] = context.context_id
        self.roles = answer.user.roles
        self.peer_ae_title = proposal.calling_ae_title
        self.maximum_length = proposal.user.maximum_length
        self._step(Event.ACCEPT)
        self._send(answer)

    def reject(self, source: int, reason: int) -> NoReturn:
        """Refuse the request for good (the acceptor's side) and raise the `Rejected` that says why."""
        self._step(Event.REJECT)
        self._close_with(AssociateRj(RejectResult.PERMANENT, source, reason))
        raise Rejected(RejectResult.PERMANENT, source, reason)

    # --- PDUs ----------------------------------------------------------------------------------------------

    def _send(self, pdu: Pdu) -> None:
        try:
            self.transport.send(encode(pdu), self._timeouts.progress_timeout_s)
        except PeerFailure as e:
            self.lost(e)

    def lost(self, failure: PeerFailure) -> NoReturn:
        """Close after a failed read or write and raise `failure` again."""
        self._state = State.IDLE
        self.transport.close()
        raise failure

    def receive(self, until: float, code: str) -> Pdu:
        """Return the next PDU that the state allows; raises `PeerFailure` for everything else.

        At `until` the association is aborted and the failure's code is `code`.
        """
        try:
            pdu = self.transport.receive(until, code)
        except ProtocolError as e:
            self._step(Event.INVALID_PDU)
            self.break_off(str(e), e.reason)
        except PeerFailure as e:
            if e.code == code:
                self.abort()
            self.lost(e)
        action = self._step(_EVENTS[type(pdu)])
        if isinstance(pdu, Abort):
            self.lost(Aborted(self.transport.phase, pdu.source, pdu.reason))
        if action in PEER_BROKE_PROTOCOL:
            self.break_off(f"{type(pdu).__name__} is not allowed now", AbortReason.UNEXPECTED_PDU)
        return pdu

    def break_off(self, what: str, reason: AbortReason) -> NoReturn:
        """Abort because the peer broke the protocol, and raise the `PeerFailure` that says how."""
        self._close_with(Abort(AbortSource.SERVICE_PROVIDER, reason))
        raise PeerFailure(self.transport.phase, "protocol", what)

    # --- messages ------------------------------------------------------------------------------------------

    def send_command(self, context_id: int, command: bytes) -> None:
        """Send one command set that has no data set."""
        for pdu in self.framed_command(context_id, command):
            self._step(Event.P_DATA_REQUEST)
            self._send(pdu)

    def send_message(self, context_id: int, command: bytes, data_set: bytes) -> None:
        """Send one command set and its data set."""
        self.send_command(context_id, command)
        limit = min(self.maximum_length or UNLIMITED_LENGTH, UNLIMITED_LENGTH)
        for pdu in fragmented(data_set, context_id, limit, is_command=False):
            self._step(Event.P_DATA_REQUEST)
            self._send(pdu)

    def has_input(self, until: float) -> bool:
        """Return whether something arrives before `until` (monotonic seconds)."""
        return bool(self._pdvs) or self.transport.has_input(until)

    def framed_command(self, context_id: int, command: bytes) -> Sequence[PData]:
        """Return the PDUs of one command set, as long as the peer allows."""
        limit = min(self.maximum_length or UNLIMITED_LENGTH, UNLIMITED_LENGTH)
        return fragmented(command, context_id, limit, is_command=True)

    def receive_message(self, until: float, code: str) -> Message:
        """Return the next whole DIMSE message; raises `PeerFailure` (PS3.7 6.3, PS3.8 Annex E).

        A peer that asks for release instead gets it, and the failure's code is `released`.
        """
        try:
            context_id, raw = self._collect(None, until, code, dimse.MAXIMUM_COMMAND_LENGTH)
            command = dimse.decode(raw)
            data_set = b""
            if command.has_data_set:
                _, data_set = self._collect(context_id, until, code, MAXIMUM_DATA_SET_LENGTH)
        except ProtocolError as e:
            self.break_off(str(e), e.reason)
        return Message(context_id, command, data_set)

    def _collect(self, context_id: int | None, until: float, code: str, limit: int) -> tuple[int, bytes]:
        """Return context and bytes of one command set (`context_id` None) or of the data set after it."""
        collected = bytearray()
        is_command = context_id is None
        while True:
            pdv = self._next_pdv(until, code)
            context_id = pdv.context_id if context_id is None else context_id
            if pdv.is_command != is_command or pdv.context_id != context_id:
                raise ProtocolError("fragments of two messages are mixed", AbortReason.UNEXPECTED_PARAMETER)
            collected += pdv.fragment
            if len(collected) > limit:
                raise ProtocolError(f"a message of more than {limit} bytes")
            if pdv.is_last:
                return context_id, bytes(collected)

    def _next_pdv(self, until: float, code: str) -> Pdv:
        while not self._pdvs:
            pdu = self.receive(until, code)
            if isinstance(pdu, ReleaseRq):
                self.let_go()
            if isinstance(pdu, PData):
                self._pdvs = list(pdu.pdvs)
        pdv = self._pdvs.pop(0)
        if pdv.context_id not in self.accepted.values():
            raise ProtocolError("a context that was not accepted", AbortReason.INVALID_PARAMETER_VALUE)
        return pdv

    def let_go(self) -> NoReturn:
        """Answer the peer's release and raise `PeerFailure` with the code `released`."""
        self._step(Event.RELEASE_RESPONSE)
        self._close_with(ReleaseRp())
        raise PeerFailure(self.transport.phase, "released")


def request(
    peer: PeerAddress,
    pairs: Sequence[Pair],
    *,
    roles: Sequence[Role] = (),
    user_identity: UserIdentity | None = None,
    tick: Callable[[], None] = no_tick,
) -> Association:
    """Dial the peer and establish an association that proposes `pairs` (at most 128).

    Raises `PeerFailure`: NAME, TCP, TLS, or ASSOCIATION (`Rejected`, `Aborted`, deadline, protocol). `tick` is
    called about once a second of waiting.
    """
    transport = Transport.dial(peer, tick)
    association = Association(transport, State.AWAITING_TRANSPORT, peer)
    proposal = AssociateRq(
        called_ae_title=peer.called_ae_title,
        calling_ae_title=peer.calling_ae_title,
        contexts=tuple(
            ProposedContext(2 * i + 1, abstract, (transfer,)) for i, (abstract, transfer) in enumerate(pairs)
        ),
        user=UserInformation(
            maximum_length=peer.maximum_pdu_size,
            implementation_class_uid=IMPLEMENTATION_CLASS_UID,
            implementation_version_name=IMPLEMENTATION_VERSION_NAME,
            roles=tuple(roles),
            user_identity=user_identity,
        ),
    )
    association.establish(proposal)
    return association
