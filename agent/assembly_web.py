"""Builds the page's server from the configuration; part of the composition root, as `assembly`."""

from __future__ import annotations

from pathlib import Path

from agent.config.web import Web
from agent.host import fingerprint, page_certificate
from agent.ops.serving import keep_certificate
from agent.service import Service
from agent.web.look import Look
from agent.web.server import Listen, Server

SOCKET = "control.sock"
_EVERYWHERE = ("localhost", "0.0.0.0", "::")  # noqa: S104 - compared, not bound


def server(web: Web, service: Service, root: Path, look: Look) -> Server:
    """Return both doors, bound; the accounts know the page's address and fingerprint afterwards."""
    certificate, key = page_files(web, root)
    made = Server(
        service,
        Listen(
            address=web.listen,
            port=web.port,
            redirect_port=web.redirect_port,
            names=frozenset(name.lower() for name in web.names),
            requests_per_s=web.request_limit,
            certificate_file=certificate,
            key_file=key,
        ),
        socket_path=root / SOCKET,
        look=look,
    )
    keep_certificate(root, certificate, key)
    service.accounts.page, service.accounts.fingerprint = made.address, fingerprint(certificate)
    return made


def page_files(web: Web, root: Path) -> tuple[str, str]:
    """Return certificate and key of the page: the site's, or the box's own, made at the first start."""
    if web.certificate_file:
        return web.certificate_file, web.key_file
    own = () if web.listen in _EVERYWHERE else (web.listen,)
    return page_certificate(root, (*web.names, *own))
