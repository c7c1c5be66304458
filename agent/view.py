"""What people and programs get to see: flat, frozen, JSON-ready values (`agent.plain.to_plain`).

*stored*, *sent* and *confirmed* are different words everywhere (promise P5).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientView:
    """Enough to recognise a patient."""

    name: str
    patient_id: str
    birth_date: str
    sex: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """One worklist row."""

    key: str
    digest: str
    patient: PatientView
    accession_number: str
    procedure: str
    modality: str
    start_date: str
    start_time: str
    station: str
    location: str
    flags: tuple[str, ...]
    blocked: tuple[str, ...]
    similar: bool
    """Another row has the same or nearly the same surname."""
    captured: int
    """Stills taken for this row on this box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistView:
    """The last good list and how good it is."""

    entries: tuple[EntryView, ...]
    fetched_at: str
    age_s: float | None
    received: int
    unreadable: tuple[str, ...]
    truncated: bool
    filtered_out: int
    trouble: str
    old: bool
    """Older than the site likes: to be shown amber."""
    click: bool
    """Whether the list is young enough for a click to confirm, where the site takes clicks."""
    shown: int = 0
    """Entries in this answer; `hidden` more are in the list and were not asked for."""
    hidden: int = 0
    rooms: tuple[str, ...] = ()
    """What may be filtered by: rooms, days (DA) and modalities of the whole list."""
    days: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """One piece of work for one destination."""

    job_id: int
    kind: str
    """`store`, `n-create`, `n-set` or `commit`; only `store` has a picture."""
    destination: str
    state: str
    waits_for: str
    """What comes first (`rendition`, `n-create`); empty: nothing but its time."""
    code: str
    words: str
    attempts: int
    next_try_s: float | None
    frame_id: str
    exam_id: str
    number: int
    patient: PatientView
    sop_instance_uid: str
    settled_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameView:
    """One captured still."""

    frame_id: str
    exam_id: str
    number: int
    state: str
    reason: str
    sop_instance_uid: str
    payload_sha256: str
    transfer_syntax_uid: str
    frame_number: int
    rows: int
    columns: int
    frames: int
    """1: a still; more: a clip or a document of pages."""
    captured_at: str
    key: bool = False
    """Marked as a key image."""
    laterality: str = ""
    """`R`, `L`, `B` or `U`; empty: as the source is configured."""
    description: str = ""
    frozen: bool = False
    """True: its object is or was being built, it can no longer be changed here."""
    sent: bool = False
    """Every required destination answered success or warning for it."""
    confirmed: bool = False
    """Every destination that is asked took responsibility for it."""
    waiting: int = 0
    """Destinations that it is still to be sent to."""
    held_words: str = ""
    """Why it is held, here or at a destination."""
    page: int = 0
    """Its place among scanned sheets, from 1; 0: it is no loose sheet."""
    duration_ms: float = 0.0
    kind: str = "still"
    """`still`, `clip`, `page`, `document` or `video`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipView:
    """One clip that is being recorded."""

    frame_id: str
    exam_id: str
    started_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrayView:
    """One thing that arrived without a patient."""

    item_id: str
    source: str
    state: str
    """`waiting` for a person, or `refused` with a reason."""
    reason: str
    kind: str
    """`image`, `document` or `video`; empty: it could not be read."""
    name: str
    size: int
    arrived_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanView:
    """The last barcode at one source."""

    source: str
    text: str
    at: str
    keys: tuple[str, ...]
    """Worklist entries that carry it; each is still to be confirmed by another act."""
    band: PatientView
    """What a wristband says of its wearer, as far as it says it."""
    differs: tuple[str, ...]
    """What of the open exam's patient it contradicts."""
    fits: bool | None
    """Whether it belongs to the open exam; None: none is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamView:
    """One exam with its counts."""

    exam_id: str
    source: str
    state: str
    reason: str
    kind: str
    paused: bool
    """True: the box restarted since; *still this patient?* is to be answered before the next capture."""
    patient: PatientView
    accession_number: str
    procedure: str
    study_instance_uid: str
    series_instance_uid: str
    opened_at: str
    finished_at: str
    asks: str
    """Why *still this patient?* is to be answered before the next capture: `restart`, `idle`; empty: it is not."""
    idle_s: float
    """Seconds since the last picture or answer while the exam is open."""
    warning: str
    """About its order: `order-gone`, `order-changed`; empty: nothing."""
    appendable: bool
    """Another series of the same study may be begun."""
    moved_from: str
    """The exam from which its pictures were moved; empty: none."""
    undo_left_s: float | None
    captured: int
    sent: int
    """Stills that every required destination has answered for with success or warning."""
    confirmed: int
    """Stills for which the archive took responsibility (Storage Commitment)."""
    held: int
    deleted: int
    """Stills deleted in review, restorable until release."""
    key_images: int
    frames: tuple[FrameView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """One source now."""

    name: str
    state: str
    reason: str
    advice: str
    signal: str
    geometry: str
    resident_kb: int
    exam_id: str
    """The exam open on it; empty: none, capture is off."""
    recording: bool
    """True: a clip is being recorded."""
    token: str
    """Of a page about this source; changes with the exam, its state and its questions, not with each picture."""
    controller: str
    """Who works on the open exam; empty: nobody yet."""
    confirmation: str
    """What confirms a patient here: `scan`, `reenter` or `click`."""
    refusal_code: str
    """Why the last press at a pedal came to nothing; empty: it did not, or a later one succeeded."""
    refusal_at: str
    delivers: str = "frames"
    """`frames` all the time, `pages` when it is asked (a scanner), or `items` by itself (a folder)."""
    since_s: float = 0.0
    """How long its state and signal are what they are, in this run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalView:
    """The last press at a source that came to nothing."""

    number: int
    """Grows with each; a screen that sees a larger one than before is to be heard."""
    age_s: float
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationView:
    """One destination now."""

    name: str
    address: str
    tls: bool
    state: str
    code: str
    words: str
    next_try_s: float | None
    unsent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmView:
    """Something a person should look at."""

    at: str
    code: str
    subject: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    """The box now."""

    box: str
    version: str
    run_id: str
    clock_trust: str
    now: str
    language: str
    confirmation: str
    undo_window_s: float
    free_bytes: int
    images_left: int
    """Pictures that still fit before capture is refused."""
    unsent: int
    sources: tuple[SourceView, ...]
    destinations: tuple[DestinationView, ...]
    alarms: tuple[AlarmView, ...]
    worklist_age_s: float | None
    worklist_trouble: str
    page: str
    """Address of the page; empty: it is not up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoView:
    """One connection test: which phase it reached and what to do."""

    destination: str
    ok: bool
    phase: str
    code: str
    words: str
    blame: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessView:
    """The core process itself, for tests and support."""

    pid: int
    resident_kb: int
    peak_kb: int
    threads: int
    modules: tuple[str, ...]
    """Top-level names of everything that is imported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthPartView:
    """One part of the box against its two thresholds."""

    part: str
    """`disk`, `clock`, `certificate`, `queue`, `source`, `destination`, `worklist` or `audit`."""
    name: str
    """Which source, destination or certificate; empty: there is one."""
    state: str
    """`ok`, `attention` or `failing`."""
    value: float
    unit: str
    attention_at: float | None
    failing_at: float | None
    proven_at: str
    """When it last did what it is for; empty: not known, or it does nothing by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthView:
    """The box in one word, and every part."""

    state: str
    """The worst of its parts."""
    at: str
    parts: tuple[HealthPartView, ...]
    alarms: int
    """Open alarms; they do not count into the word."""
