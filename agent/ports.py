"""Every port of one box, from its configuration: what listens, and whom it speaks to; for firewalls and for MDS2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.config.peer import PeerConfig
from agent.config.schema import Configuration
from drivers.table import over_network

IN, OUT = "in", "out"
SITE = "the site's own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One line of the list."""

    direction: str
    """`in`: the box listens; `out`: the box calls."""
    transport: str
    port: int
    protocol: str
    peer: str
    """Where it listens, or whom it calls."""
    purpose: str


def ports(c: Configuration) -> tuple[Port, ...]:
    """Return every port that this configuration uses; what the host adds is listed with it. Nothing else is used."""
    return (*_listening(c), *_dicom(c), *_others(c), *_host())


def _in(port: int, protocol: str, address: str, purpose: str) -> Port:
    return Port(direction=IN, transport="TCP", port=port, protocol=protocol, peer=address, purpose=purpose)


def _out(port: int, protocol: str, peer: str, purpose: str, transport: str = "TCP") -> Port:
    return Port(direction=OUT, transport=transport, port=port, protocol=protocol, peer=peer, purpose=purpose)


def _listening(c: Configuration) -> Iterator[Port]:
    yield _in(c.web.port, "HTTPS", c.web.listen, "pages, JSON interface, metrics, health")
    if c.web.redirect_port:
        yield _in(c.web.redirect_port, "HTTP", c.web.listen, "answers with the address of the pages, nothing else")
    if c.listener is not None:
        yield _in(c.listener.port, _dicom_name(c.listener.tls), c.listener.address, "reports of Storage Commitment")


def _dicom(c: Configuration) -> Iterator[Port]:
    purposes: list[tuple[PeerConfig | None, str]] = [
        (c.worklist, "worklist"),
        (c.procedure_step, "procedure steps"),
        *((d, f"storage: {d.name}") for d in c.destination),
    ]
    for peer, purpose in purposes:
        if peer is not None:
            yield _out(peer.port, _dicom_name(peer.tls), peer.host, purpose)


def _others(c: Configuration) -> Iterator[Port]:
    if c.audit.host:
        yield _out(c.audit.port, "syslog over TLS (RFC 5425)", c.audit.host, "audit trail")
    if c.alerts.webhook is not None:
        yield _out(c.alerts.webhook.port, "HTTPS", c.alerts.webhook.host, "alarms")
    if c.alerts.mail is not None:
        told = "SMTP with STARTTLS" if c.alerts.mail.tls == "starttls" else "SMTP over TLS"
        yield _out(c.alerts.mail.port, told, c.alerts.mail.host, "alarms")
    for source in c.source:
        host = source.options.get("host")
        if source.driver == "rfb" and isinstance(host, str):
            port = source.options.get("port", 5900)
            yield _out(port if isinstance(port, int) else 5900, "RFB (VNC)", host, f"screen of {source.name}")
        elif over_network(source.driver, source.options):
            yield _out(0, "as its driver says", str(source.options.get("device", "")), f"source {source.name}")


def _host() -> Iterator[Port]:
    yield _out(53, "DNS", SITE, "names of peers; none where all are addresses", "UDP, TCP")
    yield _out(123, "NTP", SITE, "the clock; the host's own time service", "UDP")


def _dicom_name(tls: bool) -> str:  # noqa: FBT001 - a value of the configuration
    return "DICOM over TLS" if tls else "DICOM, readable"


def as_markdown(listed: tuple[Port, ...]) -> str:
    """Return the list as a table."""
    head = ["| direction | transport | port | protocol | peer | purpose |", "|---|---|---|---|---|---|"]
    rows = (
        f"| {p.direction} | {p.transport} | {p.port or 'chosen at the start'} | {p.protocol} | {p.peer} | {p.purpose} |"
        for p in listed
    )
    return "\n".join([*head, *rows]) + "\n"
