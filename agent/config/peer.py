"""The tables of the peers: where a DICOM node listens, as whom we speak, how TLS proves it (PS3.15 B.12)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from agent.config.section import Complaint, Section
from agent.config.values import (
    AeTitle,
    AeTitleOrEmpty,
    AsTuple,
    ClockOrEmpty,
    DicomPort,
    FilePath,
    Host,
    ModalityOrEmpty,
    Name,
    NameOrEmpty,
    Seconds,
    Verify,
    setting,
)


class TlsDefaults(Section):
    """The TLS files of every peer that names none of its own."""

    ca_file: FilePath = setting(
        ...,
        "PEM file with the only certification authorities that a peer's certificate may come from.",
        example="tls/ca.pem",
        min_length=1,
    )
    certificate_file: FilePath = setting(
        ...,
        "PEM file with the certificate of this box, shown to every peer (mutual TLS).",
        example="tls/box.pem",
        min_length=1,
    )
    key_file: FilePath = setting(
        ...,
        "PEM file with the private key of that certificate; readable by its owner only (0600).",
        example="tls/box.key",
        min_length=1,
    )


class PeerConfig(Section):
    """Where one DICOM peer listens and how it is spoken to."""

    host: Host = setting(..., "Name or IP address of the peer.", example="pacs.hospital.example")
    port: DicomPort = setting(2762, "TCP port of the peer: 2762 is DICOM over TLS; 104 and 11112 are usual without it.")
    called_ae_title: AeTitle = setting(..., "AE title of the peer.", example="PACS")
    calling_ae_title: AeTitleOrEmpty = setting(
        "", "AE title that this box gives to this peer; empty: `box.ae_title`.", example="ULTRASOUND1"
    )
    tls: bool = setting(True, "Whether the connection is encrypted and both sides prove who they are.")
    allow_plaintext: bool = setting(
        False,
        "Must be set as well before `tls = false` is accepted: names and pictures then travel readable.",
    )
    ca_file: FilePath = setting("", "As `tls.ca_file`, for this peer alone; empty: `[tls]`.", example="tls/pacs-ca.pem")
    certificate_file: FilePath = setting(
        "", "As `tls.certificate_file`, for this peer alone; empty: `[tls]`.", example="tls/box-for-pacs.pem"
    )
    key_file: FilePath = setting(
        "", "As `tls.key_file`, for this peer alone; empty: `[tls]`.", example="tls/box-for-pacs.key"
    )
    verify: Verify = setting(
        "hostname",
        "How the peer's certificate is held against the peer: `hostname`, `ca-only` (any name of that "
        "authority), `name:<expected name>` or `pin:<SHA-256 of the certificate>`.",
        example="name:pacs-01",
    )
    connect_timeout_s: Seconds = setting(10.0, "Longest wait for the TCP connection and the TLS handshake.", unit="s")
    association_timeout_s: Seconds = setting(30.0, "Longest wait for the answer to an association request.", unit="s")
    response_timeout_s: Seconds = setting(120.0, "Longest wait for the answer to one DIMSE request.", unit="s")
    progress_timeout_s: Seconds = setting(60.0, "Longest time without one byte moving in a transfer.", unit="s")
    maximum_pdu_size: int = setting(
        65536, "Largest protocol data unit that we accept and announce.", unit="bytes", ge=4096, le=1048576
    )

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield plain text without the second word for it, and half a pair of certificate and key."""
        if raw.get("tls") is False and raw.get("allow_plaintext") is not True:
            yield (
                ("tls",),
                (
                    "without TLS names and pictures travel readable and anybody may answer as this peer; "
                    "set allow_plaintext = true as well if the site accepts that"
                ),
            )
        pair = {key: bool(raw.get(key)) for key in ("certificate_file", "key_file")}
        if any(pair.values()) and not all(pair.values()):
            missing = next(key for key, there in pair.items() if not there)
            yield (missing,), "a certificate and its key are given together"


class WorklistConfig(PeerConfig):
    """The server that is asked for the Modality Worklist (PS3.4 Annex K)."""

    days_before: int = setting(1, "How many days before today are asked for.", unit="days", ge=0, le=30)
    days_after: int = setting(1, "How many days after today are asked for.", unit="days", ge=0, le=30)
    modality: ModalityOrEmpty = setting("", "Only steps of this Modality; empty: any.", example="US")
    station_ae_title: AeTitleOrEmpty = setting(
        "", "Only steps scheduled for this station AE title; empty: any.", example="ULTRASOUND1"
    )
    maximum_items: int = setting(
        200,
        "After so many answers the query is cancelled and the list shown as cut.",
        unit="steps",
        ge=1,
        le=5000,
    )
    refresh_s: Seconds = setting(300.0, "How often the list is asked for again by itself.", unit="s")
    assume_charset: Literal["", "cp1251", "koi8-u", "utf-8", "iso8859-5"] = setting(
        "",
        "Character set of answers that name none but hold letters outside ASCII; empty: those are flagged.",
        example="cp1251",
    )
    trim_keys: Annotated[tuple[str, ...], AsTuple] = setting(
        (),
        "Return keys left out of the query, for servers that refuse what they do not know.",
        example=["PatientComments"],
    )


class DestinationConfig(PeerConfig):
    """One archive that the objects are sent to (PS3.4 Annex B)."""

    name: Name = setting(..., "Name of this destination in the queue and the logs.", example="main-pacs")
    maximum_batch: int = setting(
        50,
        "Most instances sent over one association before a new one is opened.",
        unit="instances",
        ge=1,
        le=1000,
    )
    required: bool = setting(True, "Whether an exam counts as delivered only after this destination has everything.")
    test: bool = setting(
        False, "Whether it is for test pictures alone: no patient's picture goes there, and test pictures nowhere else."
    )
    standby_of: NameOrEmpty = setting(
        "",
        "Name of the destination that this one stands in for, study by study, while it does not answer; empty: none.",
        example="main-pacs",
    )
    commitment: bool = setting(
        False, "Whether it is asked to take responsibility for every object (Storage Commitment, PS3.4 Annex J)."
    )
    commitment_wait_s: Seconds = setting(
        3600.0, "How long its report is awaited before it is asked again; a tape archive needs a day.", unit="s"
    )
    prefer: Literal["as-built", "rle", "jpeg-ls", "jpeg-2000", "htj2k"] = setting(
        "as-built",
        "Lossless compression that pixels stored native are sent in; where the archive refuses it, as they are stored.",
    )
    commitment_linger_s: float = setting(
        2.0,
        "Without a `[listener]`: how long the association stays open for a report over the same association.",
        unit="s",
        ge=0,
        le=60,
    )
    open_from: ClockOrEmpty = setting("", "Time of day from which it is sent to; empty: always.", example="22:00")
    open_until: ClockOrEmpty = setting("", "Time of day until which it is sent to; empty: always.", example="06:00")
    bandwidth_limit: int = setting(
        0, "Most that is sent to it in a second; 0: no limit.", unit="kB/s", ge=0, le=1_000_000
    )

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield half a window and what every peer may have wrong."""
        yield from super().complaints(raw)
        if bool(raw.get("open_from")) != bool(raw.get("open_until")):
            yield ("open_until",), "open_from and open_until are given together or not at all"


class ProcedureStepConfig(PeerConfig):
    """The server that is told what was performed (MPPS, PS3.4 Annex F)."""


class ListenerConfig(Section):
    """Where the box itself listens for reports of Storage Commitment and C-ECHO, for known peers only."""

    address: str = setting("0.0.0.0", "Address that is listened on.", example="192.168.10.20")  # noqa: S104
    port: DicomPort = setting(2762, "TCP port that is listened on.")
    ae_title: AeTitleOrEmpty = setting("", "AE title that is answered to; empty: `box.ae_title`.", example="BOX1")
    tls: bool = setting(True, "Whether peers must come over TLS with a certificate of `[tls]`'s authorities.")
    allow_plaintext: bool = setting(False, "Must be set as well before `tls = false` is accepted.")

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield plain text without the second word for it."""
        if raw.get("tls") is False and raw.get("allow_plaintext") is not True:
            yield ("tls",), "without TLS anybody may say that they are the archive; set allow_plaintext = true as well"
