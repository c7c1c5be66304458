"""Where the audit trail goes (PS3.15 A.6, syslog over TLS) and how long it stays here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agent.config.section import Complaint, Section
from agent.config.values import FilePath, HostOrEmpty, LongString, Verify, setting


class AuditPolicy(Section):
    """Where the audit trail goes."""

    host: HostOrEmpty = setting(
        "", "Name or IP address of the audit record repository; empty: rows stay on the box.",
        example="audit.hospital.example",
    )  # fmt: skip
    port: int = setting(6514, "TCP port of the repository, syslog over TLS (RFC 5425).", ge=1, le=65535)
    ca_file: FilePath = setting("", "As `tls.ca_file`, for the repository alone; empty: `[tls]`.", example="tls/ca.pem")
    certificate_file: FilePath = setting(
        "", "As `tls.certificate_file`, for the repository alone; empty: `[tls]`.", example="tls/box.pem"
    )
    key_file: FilePath = setting(
        "", "As `tls.key_file`, for the repository alone; empty: `[tls]`.", example="tls/box.key"
    )
    verify: Verify = setting("hostname", "As `verify` of a destination.", example="name:audit-01")
    site: LongString = setting("", "AuditEnterpriseSiteID of every message; empty: left out.", example="HOSPITAL-1")
    keep_days: int = setting(
        90, "How long a row stays here after the repository has it; what was not delivered stays.", unit="days", ge=1,
        le=3650,
    )  # fmt: skip
    timeout_s: float = setting(
        20.0, "Longest wait for the connection, and for one batch of rows.", unit="s", gt=0, le=60
    )

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield half a pair of certificate and key."""
        if bool(raw.get("certificate_file")) != bool(raw.get("key_file")):
            yield ("key_file",), "a certificate and its key are given together or not at all"
