"""The accepting side of an association, for few services with small messages (PS3.8 7.1.1, 9.2).

Nothing inside a message is decoded before the peer's certificate, both AE titles and the abstract syntax are
known to be wanted. Requests are answered one after the other by a table from command field to handler.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic

from agent.dimse import tls
from agent.node import TlsMaterial
from agent.objects.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

from . import dimse
from .associate import (
    APPLICATION_CONTEXT,
    PROTOCOL_VERSION,
    AnsweredContext,
    AssociateAc,
    AssociateRq,
    ProposedContext,
    UserInformation,
)
from .association import Association, Message
from .failure import PeerFailure
from .reasons import ContextResult, RejectSource
from .states import State
from .transport import Transport, no_tick, receive_limit

UNCOMPRESSED = (dimse.EXPLICIT_VR_LITTLE_ENDIAN, dimse.IMPLICIT_VR_LITTLE_ENDIAN)
UNRECOGNISED_OPERATION = 0x0211
Handler = Callable[[Association, Message], int]
"""Does what a request asks and returns the status of its response (PS3.7 Annex C)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Whom we accept and what for. `abstract_syntaxes`: SOP Class → transfer syntaxes, best first."""

    ae_title: str
    calling_ae_titles: frozenset[str]
    abstract_syntaxes: Mapping[str, tuple[str, ...]]
    tls: TlsMaterial | None
    association_timeout_s: float = 30.0
    progress_timeout_s: float = 60.0
    release_timeout_s: float = 5.0
    idle_timeout_s: float = 60.0
    maximum_pdu_size: int = 16384


def accept(sock: socket.socket, acceptance: Acceptance, tick: Callable[[], None] = no_tick) -> Association:
    """Return the association that arrives on `sock`, which is then owned by it.

    Raises `PeerFailure`: TLS, ASSOCIATION (ARTIM, protocol), or `Rejected` with what we answered.
    """
    transport = Transport(sock, receive_limit(acceptance.maximum_pdu_size), tick)
    if acceptance.tls is not None:
        context = tls.server_context(acceptance.tls)
        transport.handshake(context, acceptance.association_timeout_s, acceptance.tls)
    association = Association(transport, State.AWAITING_ASSOCIATE_RQ, acceptance)
    until = monotonic() + acceptance.association_timeout_s
    proposal = association.receive(until, "associate timeout")
    if not isinstance(proposal, AssociateRq):
        association.abort()
        raise PeerFailure(transport.phase, "protocol")
    refused = reason_to_reject(proposal, acceptance)
    if refused is not None:
        association.reject(*refused)
    association.accept(proposal, _answer(proposal, acceptance))
    return association


def reason_to_reject(proposal: AssociateRq, acceptance: Acceptance) -> tuple[int, int] | None:
    """Return (source, reason) of PS3.8 table 9-21, or None for a request that may be accepted."""
    user, acse = RejectSource.SERVICE_USER, RejectSource.SERVICE_PROVIDER_ACSE
    if not proposal.protocol_version & PROTOCOL_VERSION:
        return acse, 2
    if proposal.application_context != APPLICATION_CONTEXT:
        return user, 2
    if proposal.called_ae_title != acceptance.ae_title:
        return user, 7
    if proposal.calling_ae_title not in acceptance.calling_ae_titles:
        return user, 3
    return None


def _answer(proposal: AssociateRq, acceptance: Acceptance) -> AssociateAc:
    contexts = tuple(_judge(c, acceptance.abstract_syntaxes) for c in proposal.contexts)
    roles = tuple(r for r in proposal.user.roles if r.sop_class_uid in acceptance.abstract_syntaxes)
    return AssociateAc(
        called_ae_title=proposal.called_ae_title,
        calling_ae_title=proposal.calling_ae_title,
        contexts=contexts,
        user=UserInformation(
            maximum_length=acceptance.maximum_pdu_size,
            implementation_class_uid=IMPLEMENTATION_CLASS_UID,
            implementation_version_name=IMPLEMENTATION_VERSION_NAME,
            roles=roles,
        ),
    )


def _judge(context: ProposedContext, wanted: Mapping[str, tuple[str, ...]]) -> AnsweredContext:
    """Return the answer to one context; a refused one repeats a transfer syntax, which does not count."""
    first = context.transfer_syntaxes[0]
    if context.abstract_syntax not in wanted:
        return AnsweredContext(context.context_id, ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED, first)
    for syntax in wanted[context.abstract_syntax]:
        if syntax in context.transfer_syntaxes:
            return AnsweredContext(context.context_id, ContextResult.ACCEPTANCE, syntax)
    return AnsweredContext(context.context_id, ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED, first)


def verify(_association: Association, _message: Message) -> int:
    """Answer a C-ECHO: success."""
    return 0x0000


def answer_all(association: Association, handlers: Mapping[int, Handler], idle_timeout_s: float) -> None:
    """Answer requests until the peer releases; raises `PeerFailure` for any other end.

    `handlers` maps command fields to handlers; the response leaves after the handler returned.
    """
    with association:
        while True:
            try:
                message = association.receive_message(monotonic() + idle_timeout_s, "response timeout")
            except PeerFailure as e:
                if e.code == "released":
                    return
                raise
            handler = handlers.get(message.command.integer(dimse.Tag.COMMAND_FIELD) or 0)
            status = UNRECOGNISED_OPERATION if handler is None else handler(association, message)
            association.send_command(message.context_id, dimse.response(message.command, status))
