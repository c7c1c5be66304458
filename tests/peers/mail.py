"""A mail server (aiosmtpd): STARTTLS or TLS at once, a login if wanted, and every message that it took."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER, PASSWORD = "us2", "a secret"


@dataclass
class Mail:
    """What it received."""

    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    in_the_clear: list[str] = field(default_factory=list)
    """Commands that came before TLS, but for the greeting and STARTTLS itself."""

    async def handle_MAIL(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:
        if session.ssl is None and server.transport.get_extra_info("ssl_object") is None:
            self.in_the_clear.append("MAIL")
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        self.messages.append(message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 taken"


@contextmanager
def mail(port: int, certificate: Path, key: Path, *, how: str = "starttls", login: bool = False) -> Iterator[Mail]:
    """Serve on this machine until the end of the block; `how`: `starttls`, `at-once` or `never`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    kept = Mail()
    options: dict[str, Any] = {}
    if how == "starttls":
        options = {"tls_context": context, "require_starttls": True}
    if login:
        options |= {"authenticator": _authenticate, "auth_required": True}
    if how == "at-once":
        options["ssl_context"] = context
    controller = Controller(kept, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield kept
    finally:
        controller.stop()


def _authenticate(_server: SMTP, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and data == LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=right)
