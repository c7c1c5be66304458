"""What administration gets to see: connections, certificates, configuration, inputs, versions. Nothing of a patient."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step of a test."""

    name: str
    state: str
    """`passed`, `failed`, `waits` or `not reached`."""
    words: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """One connection test: every phase in its order, and who has to act."""

    name: str
    address: str
    tls: bool
    ok: bool
    phases: tuple[StepView, ...]
    """`name` (DNS), `tcp`, `tls`, `association`, `service` (C-ECHO); without TLS that phase is left out."""
    words: str
    code: str
    blame: str
    advice: str
    """What to do next, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryView:
    """One test query of the worklist: counts, and why an entry could not be read; nobody is named."""

    ok: bool
    received: int
    shown: int
    filtered_out: int
    unreadable: tuple[str, ...]
    flagged: tuple[str, ...]
    """`flag: number of entries`, for entries that are shown with a warning."""
    truncated: bool
    words: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """One test picture on its way."""

    exam_id: str
    source: str
    done: bool
    """True: nothing more will happen by itself."""
    ok: bool
    steps: tuple[StepView, ...]
    sop_instance_uids: tuple[str, ...]
    """The object or objects of nobody that were made of it."""
    confirmations: tuple[StepView, ...]
    """One for each destination that is asked for Storage Commitment; `done` and `ok` do not wait for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """One acceptance report that the box keeps."""

    name: str
    began_at: str
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateView:
    """One certificate of the box or of an authority that it trusts."""

    name: str
    subject: str
    issuer: str
    not_before: str
    not_after: str
    days_left: int | None
    sha256: str
    """Fingerprint: SHA-256 over the certificate, hexadecimal."""
    trouble: str
    """Why it could not be read; empty: it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """One certificate signing request; its key was made on the box and stays there."""

    purpose: str
    """`peers` (DICOM) or `page` (HTTPS)."""
    pem: str
    """PKCS #10; empty: none was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemView:
    """One mistake of a configuration."""

    key: str
    reason: str
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """One key that a new configuration changes; secrets are masked."""

    key: str
    before: str
    """As TOML writes it; empty: not there, its default holds."""
    after: str
    weakens: bool
    """True: confirmation of patients, or the proof of who a peer is, gets weaker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationView:
    """The configuration now, and the change that is under way."""

    text: str
    """The file; secrets are replaced by marks that mean *as it is*."""
    state: str
    """Of the last change: `steady`, `proposed`, `swapped`, `watched`, `kept`, `returning` or `returned`."""
    words: str
    digest: str
    """Of the proposed change; give it back to confirm."""
    problems: tuple[ProblemView, ...]
    changes: tuple[ChangeView, ...]
    waits_for: tuple[str, ...]
    """Destinations that were up before the change and have not answered after it."""
    seconds_left: float | None
    """Until it is given back by itself."""
    box_name: str
    """What has to be typed to confirm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputView:
    """One pedal, button or reader."""

    name: str
    driver: str
    source: str
    working: bool
    testing_s: float | None
    """How long its test still runs; None: none runs."""
    seen: tuple[str, ...]
    """What came in during the test, newest last: `capture`, `clip`, or length and kind of a scan, never its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """One piece of software."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogView:
    """The newest lines of this run's log; never a person's data."""

    lines: tuple[str, ...]
    dropped: int
    """Older lines of this run that are no longer kept here."""
