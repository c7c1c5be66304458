"""A DICOM node as our sender sees it: where it listens, how it is spoken to, what is sent. All that a sender loads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsMaterial:
    """How one peer is spoken to over TLS; paths are local files of the box."""

    ca_file: str
    certificate_file: str = ""
    key_file: str = ""
    verify: str = "hostname"
    """`hostname`, `ca-only`, `name:<expected>` or `pin:<sha256 of the certificate>`."""
    minimum_version: str = "1.2"
    maximum_version: str = "1.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAddress:
    """Where a peer listens and as whom we speak to it (PS3.8: calling and called AE title)."""

    name: str
    host: str
    port: int
    called_ae_title: str
    calling_ae_title: str
    tls: TlsMaterial | None
    connect_timeout_s: float = 10.0
    association_timeout_s: float = 30.0
    response_timeout_s: float = 120.0
    progress_timeout_s: float = 60.0
    release_timeout_s: float = 5.0
    maximum_pdu_size: int = 65536
    maximum_bytes_per_s: int = 0
    """0: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreItem:
    """One built SOP Instance on its way: what to propose, where the file is, what it must hash to."""

    job_id: int
    path: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    size: int
    sha256: str
    fallbacks: tuple[str, ...] = ()
    """Transfer syntaxes that it could be sent in instead, best first; proposed beside its own."""


def peer_from_plain(value: dict[str, Any]) -> PeerAddress:
    """Return the `PeerAddress` that `dataclasses.asdict` made plain, for a child's side of the wire."""
    tls = value.get("tls")
    return PeerAddress(**{**value, "tls": TlsMaterial(**tls) if tls else None})


def store_item_from_plain(value: dict[str, Any]) -> StoreItem:
    """Return the `StoreItem` that `dataclasses.asdict` made plain."""
    return StoreItem(**{**value, "fallbacks": tuple(value.get("fallbacks", ()))})
