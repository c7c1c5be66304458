"""What a certificate says, for the screen and the warnings before it expires."""

from __future__ import annotations

from typing import Any


def describe_certificate(content: bytes) -> dict[str, Any]:
    """Return subject, issuer, validity (ISO 8601, UTC) and SHA-256 fingerprint of the first certificate.

    `content` is PEM or DER. Raises `agent.pki.CertificateError` when it is neither.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    from agent.pki import CertificateError

    try:
        is_pem = b"-----BEGIN" in content
        certificate = x509.load_pem_x509_certificate(content) if is_pem else x509.load_der_x509_certificate(content)
        return {
            "subject": _common_name(certificate.subject),
            "issuer": _common_name(certificate.issuer),
            "not_before": certificate.not_valid_before_utc.isoformat(),
            "not_after": certificate.not_valid_after_utc.isoformat(),
            "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
        }
    except ValueError as e:
        raise CertificateError("This is not a certificate.") from e


def _common_name(name: Any) -> str:
    from cryptography.x509.oid import NameOID

    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else str(name.rfc4514_string())
