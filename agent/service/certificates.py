"""Certificates of the box: when they end, requests made here, and the signed ones installed by a reviewed change.

A key is made in a child, written into a private file and never leaves. A signed certificate gets files of its own and
is taken into use by the configuration, so that it is given back like any other change when archives refuse it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.actor import Actor
from agent.admin_view import CertificateView, ConfigurationView, RequestView
from agent.certificates import Certificates
from agent.config.edit import with_keys
from agent.config.versions import sync_folder
from agent.errors import BadRequest, CertificateError, ConfigurationReadOnly
from agent.service.configuration import ConfigurationFile
from agent.store.transition import Stamp

PURPOSES: Mapping[str, str] = {"peers": "tls", "page": "web"}
"""What a certificate is for → the table of the configuration that names it."""
_DAY_S = 86400.0
Ask = Callable[[str, dict[str, Any], list[int]], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Who a requested certificate is to speak for."""

    purpose: str
    common_name: str
    dns: tuple[str, ...]
    ip: tuple[str, ...]


class BoxCertificates:
    """Files stand in `tls/` beside the configuration; `ask` has a build child do one thing."""

    def __init__(
        self,
        worker: Certificates,
        configuration: ConfigurationFile,
        ask: Ask,
        *,
        stamp: Callable[[], Stamp],
        note: Callable[[str, str, Actor], None],
    ) -> None:
        self._worker, self._configuration, self._ask = worker, configuration, ask
        self._stamp, self._note = stamp, note
        self._folder = configuration.path.parent / "tls"

    def list(self) -> tuple[CertificateView, ...]:
        """Return every certificate that the configuration names, read anew."""
        self._worker.look()
        return self.known()

    def known(self) -> tuple[CertificateView, ...]:
        """Return them as they were read last (every day, and a few seconds after the start); starts nothing."""
        return tuple(self._view(name, facts) for name, facts in self._worker.facts().items())

    def _view(self, name: str, facts: Mapping[str, str]) -> CertificateView:
        end = facts.get("not_after", "")
        left = (datetime.fromisoformat(end).timestamp() - self._stamp().unix) / _DAY_S if end else None
        return CertificateView(
            name=name,
            days_left=None if left is None else int(left // 1),
            trouble=facts.get("trouble", ""),
            **{key: facts.get(key, "") for key in ("subject", "issuer", "not_before", "not_after", "sha256")},
        )

    def requests(self) -> tuple[RequestView, ...]:
        """Return the request of each purpose; a request is public, its key is not shown."""
        return tuple(RequestView(purpose=p, pem=_text(self._request(p))) for p in PURPOSES)

    def request(self, wanted: Wanted, actor: Actor) -> RequestView:
        """Make a new key and its request; durable on return. The certificate in use stays in use.

        Raises `BadRequest`, `CertificateError`, `ConfigurationReadOnly`.
        """
        _assert_purpose(wanted.purpose)
        parts = [self._part(self._request(wanted.purpose)), self._part(self._key(wanted.purpose))]
        told = {"common_name": wanted.common_name, "dns": list(wanted.dns), "ip": list(wanted.ip)}
        fds = [_created(part) for part in parts]
        try:
            self._ask("request certificate", told, fds)
        finally:
            for fd in fds:
                os.close(fd)
        for part, path in zip(reversed(parts), (self._key(wanted.purpose), self._request(wanted.purpose)), strict=True):
            part.replace(path)
        sync_folder(self._folder)
        self._note(wanted.purpose, "request", actor)
        return RequestView(purpose=wanted.purpose, pem=_text(self._request(wanted.purpose)))

    def install(self, purpose: str, pem: str, actor: Actor) -> ConfigurationView:
        """Take the signed certificate of the last request; on return it waits as a proposed change to be confirmed.

        Raises `CertificateError` when it is none, or not of this box's request.
        """
        _assert_purpose(purpose)
        if not self._key(purpose).exists():
            raise CertificateError("No request was made on this box for that.")
        part = self._part(self._folder / f"{purpose}.signed.crt")
        fds = [_created(part, pem.encode()), os.open(self._key(purpose), os.O_RDONLY | os.O_CLOEXEC)]
        try:
            facts = self._ask("pair", {}, fds)
        finally:
            for fd in fds:
                os.close(fd)
        if datetime.fromisoformat(facts["not_after"]).timestamp() <= self._stamp().unix:
            raise CertificateError("This certificate has ended already.")
        name = f"{purpose}-{facts['sha256'][:12]}"
        certificate, key = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        _copy(self._key(purpose), key)
        part.replace(certificate)
        sync_folder(self._folder)
        self._note(purpose, "install", actor)
        folder = self._folder.name
        keys = {"certificate_file": f"{folder}/{certificate.name}", "key_file": f"{folder}/{key.name}"}
        return self._configuration.propose(with_keys(self._configuration.text(), PURPOSES[purpose], keys), actor)

    def _request(self, purpose: str) -> Path:
        return self._folder / f"{purpose}.requested.csr"

    def _key(self, purpose: str) -> Path:
        return self._folder / f"{purpose}.requested.key"

    def _part(self, path: Path) -> Path:
        return path.with_name(f".{path.name}.part")


def _assert_purpose(purpose: str) -> None:
    if purpose not in PURPOSES:
        raise BadRequest("A certificate is for `peers` or for the `page`.")


def _created(path: Path, content: bytes = b"") -> int:
    """Return a descriptor of a new private file with `content`, durable; raises `ConfigurationReadOnly`."""
    try:
        path.parent.mkdir(mode=0o750, exist_ok=True)
        path.unlink(missing_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.write(fd, content)
        os.fsync(fd)
    except OSError as e:
        raise ConfigurationReadOnly(errno=e.errno) from e
    return fd


def _copy(source: Path, target: Path) -> None:
    part = target.with_name(f".{target.name}.part")
    os.close(_created(part, source.read_bytes()))
    part.replace(target)


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="ascii")
    return ""
