"""One association through pynetdicom, as requestor: bounded, silent about patients, and with a named failure.

pynetdicom reports a refused port, a failed TLS handshake and a refused context alike as "aborted". So the way
to the peer is first tried with plain sockets, which gives the failing phase and its reason (PS3.8 9).
Serves the services that do not stream: worklist, procedure step, commitment request, query, print.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Any

from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.presentation import build_context

from agent.dimse import tls
from agent.dimse.upper.failure import Aborted, PeerFailure, ProtocolError, Rejected
from agent.dimse.upper.transport import Transport
from agent.model import PeerAddress
from agent.objects.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from agent.outcome import Phase

_config.LOG_REQUEST_IDENTIFIERS = False
_config.LOG_RESPONSE_IDENTIFIERS = False
_config.LOG_HANDLER_LEVEL = "none"
_config.CODECS = ("ascii", "utf-8", "latin-1")
_log = logging.getLogger("pynetdicom")
_log.setLevel(logging.CRITICAL + 1)
_log.propagate = False

Handler = tuple[Any, Callable[[Any], None]]
_ALERT_WAIT_S = 1.0
"""A TLS 1.3 peer refuses our certificate only after the handshake: a second probe listens that long."""


@contextlib.contextmanager
def association(peer: PeerAddress, sop_class: str, handlers: Sequence[Handler] = ()) -> Iterator[Association]:
    """Open an association for one SOP class, release it afterwards, abort it after an exception.

    Every wait is bounded by the timeouts of `peer`. Raises `PeerFailure` with phase and code.
    """
    Transport.dial(peer).close()
    opened = _associate(peer, sop_class, handlers)
    try:
        yield opened
    except BaseException:
        opened.abort()
        raise
    opened.acse_timeout = peer.release_timeout_s
    if opened.is_established:
        opened.release()


def _associate(peer: PeerAddress, sop_class: str, handlers: Sequence[Handler]) -> Association:
    started = monotonic()
    opened = _entity(peer).associate(
        peer.host,
        peer.port,
        contexts=[build_context(sop_class, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])],
        ae_title=peer.called_ae_title,
        max_pdu=peer.maximum_pdu_size,
        tls_args=_tls_arguments(peer),
        evt_handlers=[(evt.EVT_CONN_OPEN, _secure, [peer]), *handlers],
    )
    if not opened.is_established:
        raise _why(opened, peer, monotonic() - started)
    return opened


def _entity(peer: PeerAddress) -> AE:
    entity = AE(ae_title=peer.calling_ae_title)
    entity.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.connection_timeout = peer.connect_timeout_s
    entity.acse_timeout = peer.association_timeout_s
    entity.dimse_timeout = peer.response_timeout_s
    entity.network_timeout = peer.response_timeout_s
    return entity


def _tls_arguments(peer: PeerAddress) -> tuple[ssl.SSLContext, str] | None:
    if peer.tls is None:
        return None
    return tls.client_context(peer.tls), tls.server_name(peer.tls, peer.host)


def _secure(event: Any, peer: PeerAddress) -> None:
    """Before anything is sent: compare a pinned certificate, and let the kernel end what nobody reads.

    The library's socket has no timeout of its own. A wrong certificate cannot be reported from here, so the
    connection is closed, and the second probe names the reason.
    """
    sock = event.assoc.dul.socket.socket
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(peer.progress_timeout_s * 1000))
    if peer.tls is None:
        return
    try:
        tls.check_peer(peer.tls, sock)
    except PeerFailure:
        sock.shutdown(socket.SHUT_RDWR)


def _why(opened: Association, peer: PeerAddress, elapsed_s: float) -> PeerFailure:
    answer = opened.acceptor.primitive
    if opened.is_rejected and answer is not None:
        return Rejected(answer.result or 0, answer.result_source or 0, answer.diagnostic or 0)
    if opened.rejected_contexts:
        return PeerFailure(Phase.CONTEXT, "context")
    late = elapsed_s >= peer.association_timeout_s
    found = _probe(peer)
    if found is not None and found.phase in (Phase.NAME, Phase.TCP, Phase.TLS):
        return found
    return PeerFailure(Phase.ASSOCIATION, "associate timeout") if late else Aborted(Phase.ASSOCIATION, 0, 0)


def _probe(peer: PeerAddress) -> PeerFailure | None:
    """Return what a second connection shows that says nothing and listens for a moment."""
    try:
        transport = Transport.dial(peer)
    except PeerFailure as e:
        return e
    try:
        transport.receive(monotonic() + _ALERT_WAIT_S, "associate timeout")
    except PeerFailure as e:
        return e
    except ProtocolError:
        return PeerFailure(Phase.ASSOCIATION, "protocol")
    finally:
        transport.close()
    return None
