"""How the page of the box is served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from agent.config.section import Complaint, Section
from agent.config.values import AsTuple, FilePath, Host, OwnAddress, setting


class Web(Section):
    """Where the page of the box is served."""

    listen: OwnAddress = setting(
        "127.0.0.1", "Address that the page listens on: this machine alone, until IT opens it.", example="192.0.2.10"
    )
    port: int = setting(8443, "TCP port of the page (HTTPS); 0: the operating system chooses.", ge=0, le=65535)
    redirect_port: int = setting(
        0, "TCP port that answers plain HTTP with the page's address and nothing else; 0: none.", ge=0, le=65535,
        example=80,
    )  # fmt: skip
    names: Annotated[tuple[Host, ...], AsTuple] = setting(
        (), "Names under which the box is called in a browser; its addresses need not be told.",
        example=["us-room-2.hospital.example"], max_length=16,
    )  # fmt: skip
    request_limit: int = setting(
        100, "So many requests from one address are answered; five times as many in a burst.", unit="1/s", ge=1,
        le=100_000,
    )  # fmt: skip
    certificate_file: FilePath = setting(
        "", "PEM certificate of the page; empty: a self-signed one is made on the box.", example="tls/web.pem"
    )
    key_file: FilePath = setting("", "PEM private key of that certificate.", example="tls/web.key")

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield half a pair of certificate and key."""
        if bool(raw.get("certificate_file")) != bool(raw.get("key_file")):
            yield ("key_file",), "a certificate and its key are given together or not at all"
