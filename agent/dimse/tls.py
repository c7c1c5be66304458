"""TLS towards one peer: contexts from `model.TlsMaterial`, and words for every way in which TLS fails.

PS3.15 B.12 (BCP 195, RFC 8996, RFC 9325): TLS 1.2 at least, 1.3 preferred, ECDHE with AEAD. Trusted is only
the CA file of this destination, never the system's. A peer's certificate is compared with the host that was
dialled (names and addresses of the subjectAltName, RFC 9525), with a given name, with a pinned digest, or
only traced to the CA; it is never left unchecked.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import ssl
from collections.abc import Mapping

from agent.node import TlsMaterial
from agent.outcome import Phase

from .upper.failure import PeerFailure

TLS12_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_VERSIONS: Mapping[str, ssl.TLSVersion] = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

REASONS: Mapping[str, str] = {
    # what OpenSSL names the alert or the fault → a row of `agent.statuses.FAILURES`
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "certificate missing",
    "TLSV1_ALERT_UNKNOWN_CA": "certificate refused",
    "TLSV1_ALERT_ACCESS_DENIED": "certificate refused",
    "TLSV1_ALERT_DECRYPT_ERROR": "certificate refused",
    "SSLV3_ALERT_BAD_CERTIFICATE": "certificate refused",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "certificate refused",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "certificate refused",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "certificate refused",
    "SSLV3_ALERT_NO_CERTIFICATE": "certificate refused",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "certificate refused",
    "WRONG_VERSION_NUMBER": "peer speaks plain",
    "UNKNOWN_PROTOCOL": "peer speaks plain",
    "HTTP_REQUEST": "peer speaks plain",
    "PACKET_LENGTH_TOO_LONG": "peer speaks plain",
    "TLSV1_ALERT_PROTOCOL_VERSION": "tls version",
    "UNSUPPORTED_PROTOCOL": "tls version",
    "VERSION_TOO_LOW": "tls version",
    "NO_PROTOCOLS_AVAILABLE": "tls setting",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "tls no common cipher",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": "tls no common cipher",
    "NO_SHARED_CIPHER": "tls no common cipher",
    "UNEXPECTED_EOF_WHILE_READING": "tls lost",
}


def client_context(tls: TlsMaterial) -> ssl.SSLContext:
    """Return the context to dial this peer with; raises `PeerFailure` when a file or setting is unusable."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT, tls)
    context.check_hostname = expected_name(tls, "") is not None
    context.hostname_checks_common_name = False
    return context


def server_context(tls: TlsMaterial) -> ssl.SSLContext:
    """Return the context to accept with: the other side must show a certificate of this CA."""
    if not tls.certificate_file:
        raise PeerFailure(Phase.TLS, "tls files", "a listener needs a certificate")
    return _context(ssl.PROTOCOL_TLS_SERVER, tls)


def _context(protocol: int, tls: TlsMaterial) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.minimum_version = _VERSIONS[tls.minimum_version]
        context.maximum_version = _VERSIONS[tls.maximum_version]
        expected_name(tls, "")
    except (KeyError, ValueError) as e:
        raise PeerFailure(Phase.TLS, "tls setting", "version or verify mode") from e
    # The usual list would widen what the child's own OpenSSL configuration narrows (processors without AES).
    context.set_ciphers("ECDHE+CHACHA20" if os.environ.get("OPENSSL_CONF") else TLS12_CIPHERS)
    if _pin(tls):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _load(context, tls)
    return context


def _load(context: ssl.SSLContext, tls: TlsMaterial) -> None:
    try:
        context.load_verify_locations(cafile=tls.ca_file)
    except (OSError, ValueError) as e:
        raise PeerFailure(Phase.TLS, "tls files", f"CA file: {_words(e)}") from e
    if not tls.certificate_file:
        return
    try:
        # An encrypted key would make OpenSSL ask at the terminal: the empty answer makes it fail instead.
        context.load_cert_chain(tls.certificate_file, tls.key_file or None, password=lambda: "")
    except (OSError, ValueError) as e:
        raise PeerFailure(Phase.TLS, "tls files", f"certificate or key: {_words(e)}") from e


def _words(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "not a PEM file"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def expected_name(tls: TlsMaterial, host: str) -> str | None:
    """Return the name or address that the peer's certificate must carry, None when a name is not compared.

    Raises `ValueError` for an unknown verify mode.
    """
    mode, _, value = tls.verify.partition(":")
    if mode == "hostname" and not value:
        return host
    if mode == "name" and value:
        return value
    if tls.verify == "ca-only" or (mode == "pin" and _pin(tls)):
        return None
    raise ValueError("unknown verify mode")


def server_name(tls: TlsMaterial, host: str) -> str:
    """Return the name to send and compare in the handshake (SNI; OpenSSL leaves out addresses)."""
    return expected_name(tls, host) or host


def _pin(tls: TlsMaterial) -> str:
    """Return the pinned SHA-256 in lower-case hexadecimal, or the empty string."""
    mode, _, value = tls.verify.partition(":")
    digest = value.removeprefix("sha256:").replace(":", "").lower()
    return digest if mode == "pin" and len(digest) == 64 else ""


def check_peer(tls: TlsMaterial, sock: ssl.SSLSocket) -> None:
    """Compare the peer's certificate with the pin, if one is configured; raises `PeerFailure`."""
    pin = _pin(tls)
    shown = hashlib.sha256(sock.getpeercert(binary_form=True) or b"").hexdigest()
    if pin and not hmac.compare_digest(shown, pin):
        raise PeerFailure(Phase.TLS, "pin")


def failure(error: ssl.SSLError, phase: Phase) -> PeerFailure:
    """Return what an error of the `ssl` module means.

    Under TLS 1.3 a peer that dislikes our certificate says so only at our first read, when the association is
    being requested: such alerts are always of the phase TLS.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return PeerFailure(Phase.TLS, f"verify:{error.verify_code}", error.verify_message)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return PeerFailure(phase, "tls lost" if phase is Phase.TLS else "lost", "end of file")
    reason = error.reason or ""
    code = REASONS.get(reason)
    if code is None or code == "tls lost":
        code = code or "tls"
        return PeerFailure(phase, code if phase is Phase.TLS else "lost", reason)
    return PeerFailure(Phase.TLS, code, reason)


def probe_context() -> ssl.SSLContext:
    """Return a context that only finds out whether a port speaks TLS: nothing may be sent through it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
