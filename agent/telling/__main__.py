"""Tells one batch of alarms and ends: HTTPS POST (RFC 9110) or SMTP (RFC 5321) with TLS (RFC 3207, RFC 8314).

    webhook   {"host", "port", "path", "tls", "timeout_s", "token_file", …}            → {}
    mail      {"host", "port", "tls", "begins", "timeout_s", "sender", "to", "user", "password_file", …} → {}

Both get {"box", "at", "alarms": [{"id", "edge", "code", "subject", "words", "began_at", "ended_at"}]}. The answer comes
when the server has said that it took the message. Redirections are not followed: they would lead away from the
address that IT wrote down.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import smtplib
import socket
import ssl
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from agent.dimse import tls
from agent.dimse.upper.dial import connect
from agent.dimse.upper.failure import PeerFailure
from agent.errors import BadRequest
from agent.node import TlsMaterial
from agent.outcome import Phase
from drivers.serve import Reply, serve
from drivers.wire import enter

DATA_LIMIT_MB = 256
Request = dict[str, Any]
Answer = tuple[Request, list[int]]


def webhook(request: Request, _fds: list[int], _reply: Reply) -> Answer:
    """Post the alarms as JSON; taken is what was answered with a status of success (2xx)."""
    body = json.dumps({key: request[key] for key in ("box", "at", "alarms")}, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": _identifier(request)}
    if request["token_file"]:
        headers["Authorization"] = f"Bearer {_secret(request['token_file'])}"
    connection = http.client.HTTPConnection(request["host"], request["port"], timeout=request["timeout_s"])
    try:
        connection.sock = _dial(request)
        connection.request("POST", request["path"], body, headers)
        status = connection.getresponse().status
    except PeerFailure as e:
        raise BadRequest(f"The webhook's server cannot be used ({e.code}).") from e
    except (OSError, http.client.HTTPException) as e:
        raise BadRequest(f"The webhook's server cannot be reached ({type(e).__name__}).") from e
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise BadRequest(f"The webhook's server answered {status}.")
    return {}, []


def mail(request: Request, _fds: list[int], _reply: Reply) -> Answer:
    """Hand one message to the mail server; taken is what it answered with 250 after the last dot."""
    try:
        with _Smtp(request) as server:
            if request["begins"] == "starttls":
                server.begin_tls()
            if request["user"]:
                server.login(request["user"], _secret(request["password_file"]))
            server.send_message(_message(request))
    except PeerFailure as e:
        raise BadRequest(f"The mail server cannot be used ({e.code}).") from e
    except smtplib.SMTPResponseException as e:
        raise BadRequest(f"The mail server answered {e.smtp_code}.") from e
    except (OSError, smtplib.SMTPException) as e:
        raise BadRequest(f"The mail server cannot be reached ({type(e).__name__}).") from e
    return {}, []


class _Smtp(smtplib.SMTP):
    """An SMTP dialogue over our own connection, so that the deadline and the certificate are ours."""

    def __init__(self, request: Request) -> None:
        self._request, self._material = request, TlsMaterial(**request["tls"])
        name = "".join(c for c in socket.gethostname() if c.isascii() and (c.isalnum() or c in "-.")) or "box"
        super().__init__(request["host"], request["port"], local_hostname=name, timeout=request["timeout_s"])

    def _get_socket(self, *_told: object) -> socket.socket:
        if self._request["begins"] == "starttls":
            return _plain(self._request)
        return _dial(self._request)

    def begin_tls(self) -> None:
        """Turn to TLS; raises where the server does not offer it: nothing is ever said in the clear."""
        self._host = tls.server_name(self._material, self._request["host"])
        try:
            self.starttls(context=tls.client_context(self._material))
        except ssl.SSLError as e:
            raise _failed(e) from e
        if isinstance(self.sock, ssl.SSLSocket):
            tls.check_peer(self._material, self.sock)


def _message(request: Request) -> EmailMessage:
    alarms = request["alarms"]
    made = EmailMessage()
    codes = ", ".join(dict.fromkeys(alarm["code"] for alarm in alarms))
    made["Subject"] = f"{request['box']}: {codes}"
    made["From"], made["To"] = request["sender"], ", ".join(request["to"])
    made["Date"] = format_datetime(datetime.fromisoformat(request["at"]))
    made["Message-ID"] = f"<{_identifier(request)}@{request['sender'].rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence is to answer the box
    made.set_content("\n\n".join(_paragraph(alarm) for alarm in alarms) + "\n")
    return made


def _paragraph(alarm: dict[str, str]) -> str:
    what = f"began {alarm['began_at']}" if alarm["edge"] == "begun" else f"ended {alarm['ended_at']}"
    return f"{alarm['code']} {alarm['subject']}: {what}\n{alarm['words']}"


def _identifier(request: Request) -> str:
    """Return what is the same whenever the same alarms of this box are told again."""
    text = "\n".join((request["box"], *(f"{a['id']} {a['began_at']}" for a in request["alarms"])))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _plain(request: Request) -> socket.socket:
    sock = connect(request["host"], int(request["port"]), request["timeout_s"], request["timeout_s"])
    sock.settimeout(request["timeout_s"])
    return sock


def _dial(request: Request) -> ssl.SSLSocket:
    material = TlsMaterial(**request["tls"])
    context, raw = tls.client_context(material), _plain(request)
    try:
        sock = context.wrap_socket(raw, server_hostname=tls.server_name(material, request["host"]))
        tls.check_peer(material, sock)
    except ssl.SSLError as e:
        raw.close()
        raise _failed(e) from e
    except BaseException:
        raw.close()
        raise
    return sock


def _failed(error: ssl.SSLError) -> PeerFailure:
    return tls.failure(error, Phase.TLS)


def _secret(path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except OSError as e:
        raise BadRequest("The file with the secret cannot be read.") from e
    if not text.isprintable() or not text.isascii():
        raise BadRequest("The file with the secret holds something else.")
    return text


_DOES: dict[str, Callable[[Request, list[int], Reply], Answer]] = {"webhook": webhook, "mail": mail}


def main() -> None:
    """Run until the core is gone."""
    serve(enter(data_limit_mb=DATA_LIMIT_MB), _DOES)


if __name__ == "__main__":
    main()
