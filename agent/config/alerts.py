"""Whom the box tells of its alarms by itself: a webhook and a mail server, each over TLS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from agent.config.section import Complaint, Section
from agent.config.values import AsTuple, FilePath, Host, LongString, Seconds, Verify, setting


class ChannelConfig(Section):
    """How one channel proves who it is and who we are."""

    ca_file: FilePath = setting("", "As `tls.ca_file`, for this channel alone; empty: `[tls]`.", example="tls/ca.pem")
    certificate_file: FilePath = setting(
        "", "Certificate that the box shows to this channel; empty: none.", example="tls/box.pem"
    )
    key_file: FilePath = setting("", "Key of that certificate.", example="tls/box.key")
    verify: Verify = setting("hostname", "As `verify` of a destination.", example="name:alerts-01")
    timeout_s: Seconds = setting(20.0, "Longest wait for the connection, and for each answer.", unit="s")

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield half a pair of certificate and key."""
        if bool(raw.get("certificate_file")) != bool(raw.get("key_file")):
            yield ("key_file",), "a certificate and its key are given together or not at all"


class WebhookConfig(ChannelConfig):
    """A server that takes alarms as JSON by POST over HTTPS."""

    host: Host = setting(..., "Name or IP address of the server.", example="alerts.hospital.example")
    port: int = setting(443, "TCP port of the server.", ge=1, le=65535)
    path: LongString = setting("/", "Path of the address, from the slash on.", example="/hooks/boxes")
    token_file: FilePath = setting(
        "", "File with the token that is sent as `Authorization: Bearer`; empty: none.", example="secrets/webhook"
    )

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield a path that is none."""
        yield from super().complaints(raw)
        path = raw.get("path", "/")
        if isinstance(path, str) and not (path.startswith("/") and path.isascii() and path.isprintable()):
            yield ("path",), "must begin with a slash and have ASCII characters only"
        if isinstance(path, str) and " " in path:
            yield ("path",), "must have no spaces"


class MailConfig(ChannelConfig):
    """A mail server that takes alarms as messages (SMTP, RFC 5321, over TLS)."""

    host: Host = setting(..., "Name or IP address of the mail server.", example="mail.hospital.example")
    port: int = setting(587, "TCP port of the mail server; 465 is usual with `tls` at once.", ge=1, le=65535)
    tls: Literal["starttls", "at-once"] = setting(
        "starttls", "When TLS begins: by STARTTLS (RFC 3207) or at once (RFC 8314); never not at all."
    )
    sender: LongString = setting(..., "Address that the box writes from.", example="us2@hospital.example")
    to: Annotated[tuple[str, ...], AsTuple] = setting(
        ..., "Addresses that the box writes to.", example=["it@hospital.example"], min_length=1, max_length=16
    )
    user: LongString = setting("", "Name to log in with; empty: no login.", example="us2")
    password_file: FilePath = setting("", "File with the password of that name.", example="secrets/mail")

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield addresses that are none, and a login without its password."""
        yield from super().complaints(raw)
        if bool(raw.get("user")) != bool(raw.get("password_file")):
            yield ("password_file",), "a user and the file with the password are given together or not at all"
        to = raw.get("to")
        for key, value in (("sender", raw.get("sender")), *(("to", one) for one in _texts(to))):
            if isinstance(value, str) and not is_address(value):
                yield (key,), f"{value!r} is no mail address"


def _texts(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else ()


def is_address(text: str) -> bool:
    """Return whether `text` is a plain mail address that cannot end a line of the dialogue or of a header."""
    local, at, domain = text.rpartition("@")
    plain = text.isascii() and text.isprintable() and not set(text) & set(" <>,;:\"\\()[]")
    return bool(plain and at and local and domain and len(text) <= 254)


class AlertPolicy(Section):
    """Whom the box tells of its alarms."""

    webhook: WebhookConfig | None = setting(
        None, "A server that takes alarms by HTTPS; absent: none.", example={"host": "alerts.hospital.example"}
    )
    mail: MailConfig | None = setting(
        None,
        "A mail server that takes alarms; absent: none.",
        example={
            "host": "mail.hospital.example",
            "sender": "us2@hospital.example",
            "to": ["it@hospital.example"],
        },
    )
    delay_s: Seconds = setting(
        60.0, "An alarm that ends by itself within this time is told to nobody.", unit="s", example=60
    )
    tries: int = setting(30, "So often a channel is asked to take one alarm before it is given up.", ge=1, le=1000)
