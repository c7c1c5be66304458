"""The one schema of the configuration (style.md d 14): every key with type, unit, default and one sentence.

The tables of peers are in `peer`, those of sources in `source`; this file holds the box's own and the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from agent import transfer_syntaxes
from agent.config.acceptance import AcceptancePolicy
from agent.config.accounts import AccountPolicy
from agent.config.alerts import AlertPolicy, MailConfig, WebhookConfig
from agent.config.audit import AuditPolicy
from agent.config.backup import BackupPolicy
from agent.config.cross import between_tables
from agent.config.exam import ExamPolicy
from agent.config.health import HealthPolicy
from agent.config.peer import (
    DestinationConfig,
    ListenerConfig,
    PeerConfig,
    ProcedureStepConfig,
    TlsDefaults,
    WorklistConfig,
)
from agent.config.section import Complaint, Section
from agent.config.source import CodeConfig, ObjectConfig, Picture, SourceConfig, TriggerConfig
from agent.config.ui import Screens
from agent.config.values import (
    AeTitle,
    AsTuple,
    FolderPath,
    LongString,
    Seconds,
    ShortString,
    ShortText,
    Timezone,
    setting,
)
from agent.config.web import Web
from agent.model import Code, Equipment, PeerAddress, Route, TlsMaterial
from agent.sop_classes import SOP_CLASSES

__all__ = [
    "AccountPolicy",
    "AlertPolicy",
    "AuditPolicy",
    "BackupPolicy",
    "Box",
    "CodeConfig",
    "Configuration",
    "DeliveryPolicy",
    "DestinationConfig",
    "ExamPolicy",
    "HealthPolicy",
    "ListenerConfig",
    "ObjectConfig",
    "PeerConfig",
    "Picture",
    "ProcedureStepConfig",
    "RetentionPolicy",
    "Screens",
    "SourceConfig",
    "TlsDefaults",
    "TriggerConfig",
    "Web",
    "WorklistConfig",
]  # fmt: skip


class Box(Section):
    """Who this box is."""

    name: LongString = setting(..., "Name of the box on its screens.", example="Ultrasound room 2", min_length=1)
    ae_title: AeTitle = setting(
        ..., "AE title of the box, as the PACS and the worklist server know it.", example="ULTRASOUND1"
    )
    data_dir: FolderPath = setting(
        ...,
        "Folder of the pictures and the database; relative to this file.",
        example="/var/lib/modality-agent",
    )
    station_name: ShortString = setting("", "Station Name (0008,1010); empty: left out.", example="US-ROOM-2")
    institution_name: LongString = setting(
        "", "Institution Name (0008,0080); empty: left out.", example="Центральна лікарня, м. Ґалаґани"
    )
    institution_address: ShortText = setting(
        "", "Institution Address (0008,0081); empty: left out.", example="вул. Їжакевича, 1"
    )
    institutional_department_name: LongString = setting(
        "", "Institutional Department Name (0008,1040); empty: left out.", example="Відділення УЗД"
    )
    serial_number: LongString = setting(
        "", "Device Serial Number (0018,1000) of the box; empty: left out.", example="MA-0001"
    )
    timezone: Timezone = setting("Europe/Kyiv", "Time zone of the site, a name of the IANA database.")
    clock: Literal["system", "host"] = setting(
        "system",
        "Who vouches for the clock: `system` asks the time service, `host` trusts it (sandbox and tests).",
    )
    language: Literal["uk", "en"] = setting("uk", "Language of the screens.")


class DeliveryPolicy(Section):
    """How sending is tried again and when capture stops for want of space."""

    first_retry_s: Seconds = setting(5.0, "Wait after the first failure; it doubles from there.", unit="s")
    longest_retry_s: Seconds = setting(900.0, "The wait never grows beyond this.", unit="s")
    jitter: float = setting(
        0.2, "Random part of each wait, so that boxes do not come back together.", unit="fraction", ge=0, le=1
    )
    probe_s: Seconds = setting(60.0, "How often a destination that is down is asked with C-ECHO.", unit="s")
    suspended_probe_s: Seconds = setting(
        900.0, "How often a destination whose configuration it refuses is asked with C-ECHO.", unit="s"
    )
    poison_aborts: int = setting(
        3,
        "An instance on which the peer aborted so often is held and the next goes on.",
        unit="aborts",
        ge=1,
        le=100,
    )
    minimum_free_mb: int = setting(
        300, "Below so much free space nothing new is captured.", unit="MB", ge=50, le=10_000_000
    )

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield a first wait that is longer than the longest."""
        first, longest = raw.get("first_retry_s", 5.0), raw.get("longest_retry_s", 900.0)
        if isinstance(first, int | float) and isinstance(longest, int | float) and first > longest:
            yield ("first_retry_s",), "must not be longer than longest_retry_s"


class RetentionPolicy(Section):
    """When objects that the archives have leave the disk; what was not sent never does by itself."""

    keep_days: int = setting(
        7, "How long a picture stays here after every destination has it.", unit="days", ge=0, le=3650
    )
    purge_below_mb: int = setting(
        1000,
        "Below so much free space pictures that are safe elsewhere go before their time, oldest first.",
        unit="MB",
        ge=50,
        le=10_000_000,
    )
    deleted_hours: int = setting(
        24, "How long a picture that a person deleted, or whose exam was discarded, stays.", unit="h", ge=1, le=8760
    )


class Configuration(Section):
    """The whole file."""

    box: Box = setting(
        ...,
        "Who this box is.",
        example={
            "name": "Ultrasound room 2",
            "ae_title": "ULTRASOUND1",
            "data_dir": "/var/lib/modality-agent",
        },
    )
    tls: TlsDefaults | None = setting(
        None,
        "The TLS files of every peer that names none of its own.",
        example={"ca_file": "tls/ca.pem", "certificate_file": "tls/box.pem", "key_file": "tls/box.key"},
    )
    web: Web = setting(Web(), "Where the page of the box is served.", example={"port": 8443})
    accounts: AccountPolicy = setting(AccountPolicy(), "How people log in.", example={"idle_lock_min": 15})
    audit: AuditPolicy = setting(
        AuditPolicy(), "Where the audit trail goes.", example={"host": "audit.hospital.example"}
    )
    ui: Screens = setting(Screens(), "What the screens look and sound like.", example={"pixels_per_mm": 4.63})
    source: Annotated[tuple[SourceConfig, ...], AsTuple] = setting(
        ...,
        "The devices that make pictures, one `[[source]]` each; at least one.",
        example=[{"name": "us1", "driver": "simulator", "object": {"modality": "US"}}],
    )
    trigger: Annotated[tuple[TriggerConfig, ...], AsTuple] = setting(
        (), "Pedals and buttons, one `[[trigger]]` each.", example=[]
    )
    worklist: WorklistConfig | None = setting(
        None,
        "The worklist server; absent: only unscheduled and emergency exams.",
        example={"host": "ris.hospital.example", "called_ae_title": "RIS"},
    )
    destination: Annotated[tuple[DestinationConfig, ...], AsTuple] = setting(
        (),
        "The archives, one `[[destination]]` each.",
        example=[{"name": "main-pacs", "host": "pacs.hospital.example", "called_ae_title": "PACS"}],
    )
    procedure_step: ProcedureStepConfig | None = setting(
        None,
        "The server that is told what was performed (MPPS); absent: nobody is told.",
        example={"host": "ris.hospital.example", "called_ae_title": "RIS"},
    )
    listener: ListenerConfig | None = setting(
        None,
        "Where reports of Storage Commitment are listened for; absent: only over the request's own association.",
        example={"port": 2762},
    )
    exam: ExamPolicy = setting(
        ExamPolicy(), "How an exam is confirmed, finished and released.", example={"undo_window_s": 60}
    )
    delivery: DeliveryPolicy = setting(DeliveryPolicy(), "How sending is tried again.", example={"first_retry_s": 5})
    retention: RetentionPolicy = setting(
        RetentionPolicy(), "When objects that the archives have leave the disk.", example={"keep_days": 7}
    )
    alerts: AlertPolicy = setting(
        AlertPolicy(), "Whom the box tells of its alarms.", example={"delay_s": 60}
    )
    health: HealthPolicy = setting(
        HealthPolicy(), "When a part of the box needs attention and when it is failing.",
        example={"queue_min_attention": 30},
    )  # fmt: skip
    acceptance: AcceptancePolicy = setting(
        AcceptancePolicy(), "The acceptance test with a picture of nobody.", example={"picture_s": 300}
    )
    backup: BackupPolicy | None = setting(
        None, "Copies that the box makes of itself every night; absent: none.", example={"keep": 7}
    )

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield what is wrong between the tables."""
        yield from between_tables(raw)

    def peer(self, p: PeerConfig) -> PeerAddress:
        """Return where `p` listens and as whom we speak to it, `[box]` and `[tls]` filled in."""
        return PeerAddress(
            name=_peer_name(p),
            host=p.host,
            port=p.port,
            called_ae_title=p.called_ae_title,
            calling_ae_title=p.calling_ae_title or self.box.ae_title,
            tls=self._material(p) if p.tls else None,
            connect_timeout_s=p.connect_timeout_s,
            association_timeout_s=p.association_timeout_s,
            response_timeout_s=p.response_timeout_s,
            progress_timeout_s=p.progress_timeout_s,
            maximum_pdu_size=p.maximum_pdu_size,
            maximum_bytes_per_s=1000 * p.bandwidth_limit if isinstance(p, DestinationConfig) else 0,
        )

    def routes(self) -> tuple[Route, ...]:
        """Return where objects are queued for: every destination that does not only stand in for another."""
        standby = {d.standby_of: Route(d.name, d.required, d.commitment) for d in self.destination if d.standby_of}
        return tuple(
            Route(d.name, d.required, d.commitment, standby.get(d.name), transfer_syntaxes.BY_NAME.get(d.prefer, ""))
            for d in self.destination
            if not d.standby_of and not d.test
        )

    def test_routes(self) -> tuple[Route, ...]:
        """Return where the pictures of a test exam are queued for: nothing of a patient goes there (B6.9)."""
        return tuple(
            Route(d.name, commits=d.commitment, prefers=transfer_syntaxes.BY_NAME.get(d.prefer, ""), test=True)
            for d in self.destination
            if d.test
        )

    def route(self, name: str) -> Route | None:
        """Return one destination as a place to redirect to; None: there is none of that name."""
        found = [d for d in self.destination if d.name == name]
        return Route(name, found[0].required, found[0].commitment, test=found[0].test) if found else None

    def confirmation(self, source: str) -> str:
        """Return what confirms a patient at a source: as configured, else by whether it has a barcode reader."""
        has_reader = any(t.source == source and t.reads_barcodes() for t in self.trigger)
        return self.exam.confirmation or ("scan" if has_reader else "reenter")

    def listener_tls(self) -> TlsMaterial | None:
        """Return how the listener proves who it is; None: it listens without TLS."""
        if self.listener is None or not self.listener.tls or self.tls is None:
            return None
        own = self.tls
        return TlsMaterial(ca_file=own.ca_file, certificate_file=own.certificate_file, key_file=own.key_file)

    def audit_tls(self) -> TlsMaterial:
        """Return how the box and the audit record repository prove who they are."""
        return self._material(self.audit)

    def channel_tls(self, channel: WebhookConfig | MailConfig) -> TlsMaterial:
        """Return how a channel of alarms proves who it is; our own certificate is shown only where it is named."""
        return TlsMaterial(
            ca_file=channel.ca_file or (self.tls.ca_file if self.tls else ""),
            certificate_file=channel.certificate_file,
            key_file=channel.key_file,
            verify=channel.verify,
        )

    def _material(self, p: PeerConfig | AuditPolicy) -> TlsMaterial:
        own = self.tls
        return TlsMaterial(
            ca_file=p.ca_file or (own.ca_file if own else ""),
            certificate_file=p.certificate_file or (own.certificate_file if own else ""),
            key_file=p.key_file or (own.key_file if own else ""),
            verify=p.verify,
        )

    def clip_class(self, name: str) -> str:
        """Return the SOP Class UID of a clip of the source called `name`."""
        source = next(source for source in self.source if source.name == name)
        grey = source.picture.colour == "grey"
        wanted = {"multi-frame": "multi-frame-grey-byte" if grey else "multi-frame-true-colour"}
        return SOP_CLASSES[wanted.get(source.clip.output, source.clip.output)]

    def equipment(self, source: SourceConfig, software_version: str, device_uid: str) -> Equipment:
        """Return what captured the pictures and where, as frozen with a series (PS3.3 C.7.5.1, C.8.6.1)."""
        told = source.object
        region = told.anatomic_region
        return Equipment(
            source=source.name,
            modality=told.modality,
            conversion_type=told.conversion_type,
            series_description=told.series_description,
            protocol_name=told.protocol_name,
            body_part_examined=told.body_part_examined,
            anatomic_region=Code(**region.model_dump()) if region else None,
            image_laterality=told.image_laterality,
            burned_in_annotation=told.burned_in_annotation,
            device_serial_number=self.box.serial_number,
            software_versions=software_version,
            device_uid=device_uid,
            station_name=self.box.station_name,
            institution_name=self.box.institution_name,
            institution_address=self.box.institution_address,
            institutional_department_name=self.box.institutional_department_name,
            device_manufacturer=told.device_manufacturer,
            device_model_name=told.device_model_name,
            device_serial=told.device_serial,
            sop_class_uid=SOP_CLASSES[told.sop_class],
            timezone=self.box.timezone,
        )


def _peer_name(p: PeerConfig) -> str:
    if isinstance(p, DestinationConfig):
        return p.name
    return "worklist" if isinstance(p, WorklistConfig) else "procedure-steps"
