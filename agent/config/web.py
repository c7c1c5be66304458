"""How the page of the box is served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agent.config.section import Complaint, Section
from agent.config.values import FilePath, LoopbackHost, setting


class Web(Section):
    """Where the page of the box is served."""

    listen: LoopbackHost = setting("127.0.0.1", "Address that the page listens on; for now only this machine itself.")
    port: int = setting(8443, "TCP port of the page (HTTPS); 0: the operating system chooses.", ge=0, le=65535)
    certificate_file: FilePath = setting(
        "", "PEM certificate of the page; empty: a self-signed one is made on the box.", example="tls/web.pem"
    )
    key_file: FilePath = setting("", "PEM private key of that certificate.", example="tls/web.key")

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield half a pair of certificate and key."""
        if bool(raw.get("certificate_file")) != bool(raw.get("key_file")):
            yield ("key_file",), "a certificate and its key are given together or not at all"
