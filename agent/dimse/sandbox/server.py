"""An association acceptor over mutual TLS in which one idle client does not stop the others.

The library shakes hands inside its accept loop and without a timeout. Here the handshake is bounded and runs
in the thread of its own connection.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Sequence
from typing import Any, cast

from pynetdicom import AE, evt
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import ThreadedAssociationServer

from agent.dimse.sandbox.faults import FaultFile
from agent.pki import Identity

HANDSHAKE_S = 5.0
_TIMEOUT_S = 60.0
_IDLE_S = 15.0
_ASSOCIATIONS = 64
_NOBODY = "NOBODY"


class TlsAssociationServer(ThreadedAssociationServer):
    """Accepts plain connections at once and secures each in its own thread."""

    daemon_threads = True

    def get_request(self) -> tuple[socket.socket, Any]:
        client, address = cast("socket.socket", self.socket).accept()
        return client, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(HANDSHAKE_S)
        try:
            secured = cast("ssl.SSLContext", self.ssl_context).wrap_socket(request, server_side=True)
        except OSError:
            request.close()
            return
        secured.settimeout(None)
        super().finish_request(secured, client_address)


def tls_context(ca: str, identity: Identity) -> ssl.SSLContext:
    """Return a server context that asks every client for a certificate of `ca`; TLS 1.2 or newer."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(identity.certificate, identity.key)
    return context


def client_context(ca: str, identity: Identity) -> ssl.SSLContext:
    """Return a context to call the box with: it must show a certificate of `ca`, and gets ours."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca)
    context.load_cert_chain(identity.certificate, identity.key)
    return context


@contextlib.contextmanager
def serving(
    *,
    address: tuple[str, int],
    ae_title: str,
    contexts: Sequence[PresentationContext],
    context: ssl.SSLContext,
    handlers: Sequence[Any],
    faults: FaultFile,
) -> Any:
    """Serve until the block ends; yields the port that is bound (0 lets the system choose one)."""
    entity = AE(ae_title=ae_title)
    entity.require_called_aet = True
    entity.acse_timeout = entity.dimse_timeout = _TIMEOUT_S
    # A client that was killed in mid-sentence leaves its association here for so long.
    entity.network_timeout = _IDLE_S
    entity.maximum_associations = _ASSOCIATIONS
    server = entity.make_server(
        address,
        ae_title=ae_title,
        contexts=list(contexts),
        ssl_context=context,
        evt_handlers=[(evt.EVT_REQUESTED, _judge, [faults]), *handlers],
        server_class=TlsAssociationServer,
    )
    entity._servers.append(server)  # noqa: SLF001 - `shutdown` of the library looks for it there
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        for association in server.active_associations:
            association.abort()
        thread.join(timeout=HANDSHAKE_S)


def _judge(event: Any, faults: FaultFile) -> None:
    """Refuse the association when the faults say so, as if the called AE title were unknown (1-1-7)."""
    told = faults.now()
    if told.refuse_association or (told.refuse and event.assoc.acceptor.ae_title.strip() == told.refuse):
        event.assoc.acceptor.ae_title = _NOBODY
