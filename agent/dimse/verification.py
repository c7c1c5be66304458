"""Verification SCU (PS3.4 Annex A, C-ECHO): is the peer there, and if not, how far did we come.

Success says only that the peer answers, not that it stores. Where one end speaks TLS and the other does not,
neither notices by itself; then one more connection is opened the other way, only to look, and closed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from time import monotonic

from agent.node import PeerAddress, TlsMaterial
from agent.outcome import Outcome, Phase
from agent.statuses import failure_outcome, store_outcome

from . import tls
from .upper import dimse
from .upper.association import Association, request
from .upper.dial import connect
from .upper.failure import Aborted, PeerFailure, ProtocolError, Rejected
from .upper.transport import Transport, no_tick, receive_limit

_PAIRS = [
    (dimse.VERIFICATION, dimse.IMPLICIT_VR_LITTLE_ENDIAN),
    (dimse.VERIFICATION, dimse.EXPLICIT_VR_LITTLE_ENDIAN),
]
_MESSAGE_ID = 1
_PROBE_S = 5.0
_MAYBE_TLS = frozenset({"lost", "associate timeout", "protocol"})
_MAYBE_PLAIN = frozenset({"tls lost", "tls timeout", "tls", "peer speaks plain"})


def echo(peer: PeerAddress, tick: Callable[[], None] = no_tick) -> Outcome:
    """Return what one C-ECHO came to; its phase says how far it came, its action is `SENT` on success.

    The association alone proves the peer: one without Verification gives `SENT_WITH_WARNING`.
    """
    try:
        association = request(peer, _PAIRS, tick=tick)
    except PeerFailure as e:
        return _other_way(peer, e, tick) or e.outcome()
    with association:
        try:
            outcome = _echo_on(association, peer)
        except PeerFailure as e:
            return e.outcome()
        with suppress(PeerFailure):
            association.release()
        return outcome


def _echo_on(association: Association, peer: PeerAddress) -> Outcome:
    if not association.accepted:
        return failure_outcome("no verification", Phase.CONTEXT)
    context_id = next(iter(association.accepted.values()))
    association.transport.phase = Phase.RESPONSE
    association.send_command(context_id, dimse.c_echo_rq(_MESSAGE_ID))
    message = association.receive_message(monotonic() + peer.response_timeout_s, "response timeout")
    try:
        return _judge(message.command)
    except ProtocolError as e:
        association.break_off(str(e), e.reason)


def _judge(command: dimse.Command) -> Outcome:
    answers = command.integer(dimse.Tag.MESSAGE_ID_BEING_RESPONDED_TO)
    if command.integer(dimse.Tag.COMMAND_FIELD) != dimse.CommandField.C_ECHO_RSP or answers != _MESSAGE_ID:
        raise PeerFailure(Phase.RESPONSE, "wrong answer")
    status = command.integer(dimse.Tag.STATUS)
    if status == 0:
        return failure_outcome("verified", Phase.SERVICE)
    return replace(store_outcome(status, comment=command.text(dimse.Tag.ERROR_COMMENT)), ambiguous=False)


def _other_way(peer: PeerAddress, failure: PeerFailure, tick: Callable[[], None]) -> Outcome | None:
    """Return the outcome that names a mix-up of TLS and plain, or None when there is none to be seen."""
    probe = replace(peer, tls=None, association_timeout_s=min(_PROBE_S, peer.association_timeout_s))
    if peer.tls is not None and failure.code in _MAYBE_PLAIN and _speaks_plain(probe, tick):
        return failure_outcome("peer speaks plain", Phase.TLS)
    if peer.tls is None and failure.code in _MAYBE_TLS and _speaks_tls(probe, tick):
        return failure_outcome("peer speaks tls", Phase.TLS)
    return None


def _speaks_plain(peer: PeerAddress, tick: Callable[[], None]) -> bool:
    """True when the peer answers an association request in clear text with any PDU of DICOM."""
    try:
        request(peer, _PAIRS, tick=tick).abort()
    except (Rejected, Aborted):
        return True
    except PeerFailure:
        return False
    return True


def _speaks_tls(peer: PeerAddress, tick: Callable[[], None]) -> bool:
    """True when the peer takes part in a TLS handshake. Nothing is ever said inside."""
    try:
        sock = connect(peer.host, peer.port, peer.connect_timeout_s, peer.progress_timeout_s)
        transport = Transport(sock, receive_limit(peer.maximum_pdu_size), tick)
        transport.handshake(tls.probe_context(), _PROBE_S, TlsMaterial(ca_file=""), peer.host)
    except PeerFailure as e:
        return e.phase is Phase.TLS and e.code not in _MAYBE_PLAIN
    transport.close()
    return True
