"""Keys and certificates for the box, its sandbox and its tests: P-256, X.509 v3, PEM files.

The only owner of `cryptography`; used by the command line and by children, never by the core. The validity
window is always passed in: this file reads no clock. Key files are private (0600) from their first byte and
appear whole or not at all. TLS profile: PS3.15 B.12 (BCP 195); names follow RFC 5280 and RFC 9525.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.errors import CertificateError

__all__ = ["CertificateError", "Identity", "Names", "Validity"]

CERTIFICATE_SUFFIX = ".crt"
KEY_SUFFIX = ".key"
REQUEST_SUFFIX = ".csr"
_COMMON_NAME_LIMIT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """From when until when a certificate holds; both with a time zone."""

    not_before: datetime
    not_after: datetime

    def __post_init__(self) -> None:
        if self.not_before.tzinfo is None or self.not_after.tzinfo is None:
            raise CertificateError("The validity needs a time zone.")
        if self.not_after <= self.not_before:
            raise CertificateError("The validity ends before it begins.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Who a certificate speaks for: a common name for people, subjectAltName entries for programs."""

    common_name: str
    dns: Sequence[str] = ()
    ip: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One certificate and its key, both PEM files."""

    certificate: Path
    key: Path


def write_private(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically with mode 0600 from the first byte; durable on return."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_authority(folder: Path, name: str, common_name: str, validity: Validity) -> Identity:
    """Make a certificate authority in `folder` as `<name>.crt` and `<name>.key`.

    It may sign end-entity certificates only (path length 0). Raises `CertificateError`.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(common_name)
    builder = (
        _builder(subject, subject, key.public_key(), validity)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _write(folder, name, builder.sign(key, hashes.SHA256()), key)


def issue(folder: Path, name: str, names: Names, validity: Validity, authority: Identity) -> Identity:
    """Make a key and a certificate for server and client use, signed by `authority`.

    Raises `CertificateError` for a name that is no name and for an authority that cannot be read.
    """
    signer, signer_key = _read(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer_key.public_key())
    builder = _leaf(_builder(_subject(names.common_name), signer.subject, key.public_key(), validity), names)
    builder = builder.add_extension(issuer_key, critical=False)
    return _write(folder, name, builder.sign(signer_key, hashes.SHA256()), key)


def self_signed(folder: Path, name: str, names: Names, validity: Validity) -> Identity:
    """Make a self-signed certificate, for the box's own web page until the hospital gives it a better one."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(names.common_name)
    builder = _leaf(_builder(subject, subject, key.public_key(), validity), names)
    return _write(folder, name, builder.sign(key, hashes.SHA256()), key)


def make_waiting_identity(folder: Path, name: str, names: Names) -> tuple[Path, Identity]:
    """Make a key, a request for a certificate of it, and a self-signed certificate that holds the place until then.

    Returns (request, identity). The placeholder convinces nobody and outlives every wait: it needs no clock.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(names.common_name)
    extension = _alternative_names(names)
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(extension, critical=False)
    for_ever = Validity(not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=datetime(2099, 12, 31, tzinfo=UTC))
    builder = _leaf(_builder(subject, subject, key.public_key(), for_ever), names)
    path = folder / (name + REQUEST_SUFFIX)
    write_private(path, request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path, _write(folder, name, builder.sign(key, hashes.SHA256()), key)


def make_request(folder: Path, name: str, names: Names) -> tuple[Path, Path]:
    """Make a key and a certificate signing request; returns (request, key). The key never leaves the box."""
    request, key = request_and_key(names)
    paths = folder / (name + REQUEST_SUFFIX), folder / (name + KEY_SUFFIX)
    write_private(paths[1], key)
    write_private(paths[0], request)
    return paths


def request_and_key(names: Names) -> tuple[bytes, bytes]:
    """Return a certificate signing request (PKCS #10) and its new key, both PEM; raises `CertificateError`."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_subject(names.common_name))
        .add_extension(_alternative_names(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    return request.public_bytes(serialization.Encoding.PEM), _key_pem(key)


def assert_pair(certificate: bytes, key: bytes) -> None:
    """Raise `CertificateError` unless the first certificate (PEM) was made for this key."""
    try:
        shown = x509.load_pem_x509_certificate(certificate).public_key()
        own = serialization.load_pem_private_key(key, password=None).public_key()
    except (ValueError, TypeError) as e:
        raise CertificateError("This is not a certificate in PEM form.") from e
    kind, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if shown.public_bytes(kind, form) != own.public_bytes(kind, form):
        raise CertificateError("This certificate was not made for the request of this box.")


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, validity: Validity
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(_serial_number())
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
    )


def _serial_number() -> int:
    """Return 159 random bits: positive and at most 20 octets (RFC 5280 4.1.2.2)."""
    return (int.from_bytes(os.urandom(20), "big") >> 1) | 1


def _leaf(builder: x509.CertificateBuilder, names: Names) -> x509.CertificateBuilder:
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(_alternative_names(names), critical=False)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(common_name: str) -> x509.Name:
    try:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:_COMMON_NAME_LIMIT])])
    except ValueError as e:
        raise CertificateError("The common name is empty.") from e


def _alternative_names(names: Names) -> x509.SubjectAlternativeName:
    if not names.dns and not names.ip:
        raise CertificateError("The certificate names neither a host nor an address.")
    try:
        entries: list[x509.GeneralName] = [x509.DNSName(n) for n in names.dns]
        entries += [x509.IPAddress(ip_address(a)) for a in names.ip]
    except ValueError as e:
        raise CertificateError("A host name or address cannot be written into a certificate.") from e
    return x509.SubjectAlternativeName(entries)


def _read(authority: Identity) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
        key = serialization.load_pem_private_key(authority.key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as e:
        raise CertificateError("The authority's certificate or key cannot be read.") from e
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError("The authority's key is not an elliptic curve key.")
    return certificate, key


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> Identity:
    identity = Identity(certificate=folder / (name + CERTIFICATE_SUFFIX), key=folder / (name + KEY_SUFFIX))
    write_private(identity.key, _key_pem(key))
    write_private(identity.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    return identity
