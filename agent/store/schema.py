"""The tables, as SQL text. What must never happen is forbidden here, below all Python (promises P2, P3).

Times: `*_at` are ISO 8601 with UTC offset for people, `not_before` and `release_due` are Unix seconds for
comparisons. Every state change writes an `event` row in the same transaction.
"""

from __future__ import annotations

from agent.store.schema_accounts import ACCOUNTS
from agent.store.schema_audit import AUDIT
from agent.store.schema_exam import IDENTITY
from agent.store.schema_operations import OPERATIONS
from agent.store.schema_review import REVIEW

_FIRST = (
    """CREATE TABLE run (
        run_id TEXT PRIMARY KEY, started_at TEXT NOT NULL, boot_id TEXT NOT NULL, ended_at TEXT)""",
    """CREATE TABLE event (
        event_id INTEGER PRIMARY KEY, at TEXT NOT NULL, run_id TEXT NOT NULL, machine TEXT NOT NULL,
        subject TEXT NOT NULL, event TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,
        code TEXT NOT NULL DEFAULT '', who TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX event_subject ON event (machine, subject)",
    """CREATE TABLE worklist_fetch (
        one INTEGER PRIMARY KEY CHECK (one = 1), fetched_at TEXT NOT NULL, received INTEGER NOT NULL,
        unreadable TEXT NOT NULL, truncated INTEGER NOT NULL, filtered_out INTEGER NOT NULL)""",
    """CREATE TABLE worklist_entry (
        key TEXT PRIMARY KEY, position INTEGER NOT NULL, digest TEXT NOT NULL, step TEXT NOT NULL)""",
    """CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL)""",
    """CREATE TABLE exam (
        exam_id TEXT PRIMARY KEY, source TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
        kind TEXT NOT NULL, entry_key TEXT NOT NULL DEFAULT '',
        snapshot TEXT NOT NULL, snapshot_sha256 TEXT NOT NULL, equipment TEXT NOT NULL,
        patient_key TEXT NOT NULL, study_instance_uid TEXT NOT NULL, series_instance_uid TEXT NOT NULL UNIQUE,
        series_number INTEGER NOT NULL, opened_at TEXT NOT NULL, opened_boottime_ns INTEGER NOT NULL,
        run_id TEXT NOT NULL, finished_at TEXT NOT NULL DEFAULT '', release_due REAL)""",
    "CREATE UNIQUE INDEX exam_open ON exam (source) WHERE state = 'open'",
    "CREATE INDEX exam_state ON exam (state, release_due)",
    "CREATE INDEX exam_study ON exam (study_instance_uid)",
    """CREATE TRIGGER exam_identity_is_frozen BEFORE UPDATE OF exam_id, source, kind, snapshot, snapshot_sha256,
        equipment, patient_key, study_instance_uid, series_instance_uid, series_number ON exam
        BEGIN SELECT RAISE(ABORT, 'identity is frozen'); END""",
    """CREATE TRIGGER exam_study_has_one_patient BEFORE INSERT ON exam
        WHEN EXISTS (SELECT 1 FROM exam WHERE study_instance_uid = NEW.study_instance_uid
                     AND patient_key <> NEW.patient_key AND state <> 'discarded')
        BEGIN SELECT RAISE(ABORT, 'study of another patient'); END""",
    """CREATE TABLE frame (
        frame_id TEXT PRIMARY KEY, exam_id TEXT NOT NULL REFERENCES exam, state TEXT NOT NULL,
        reason TEXT NOT NULL DEFAULT '', sop_instance_uid TEXT NOT NULL UNIQUE,
        series_instance_uid TEXT NOT NULL, instance_number INTEGER NOT NULL,
        trigger_id TEXT NOT NULL UNIQUE, payload_sha256 TEXT NOT NULL, file_size INTEGER NOT NULL,
        record TEXT NOT NULL, captured_at TEXT NOT NULL, UNIQUE (series_instance_uid, instance_number))""",
    "CREATE INDEX frame_exam ON frame (exam_id, instance_number)",
    """CREATE TRIGGER frame_needs_an_open_exam BEFORE INSERT ON frame
        WHEN NEW.state = 'captured'
         AND NOT EXISTS (SELECT 1 FROM exam WHERE exam_id = NEW.exam_id AND state = 'open')
        BEGIN SELECT RAISE(ABORT, 'exam is not open'); END""",
    """CREATE TRIGGER frame_content_is_frozen BEFORE UPDATE OF frame_id, exam_id, sop_instance_uid,
        series_instance_uid, instance_number, trigger_id, payload_sha256, record ON frame
        BEGIN SELECT RAISE(ABORT, 'frame is frozen'); END""",
    """CREATE TABLE sop_instance (
        frame_id TEXT PRIMARY KEY REFERENCES frame, sop_class_uid TEXT NOT NULL,
        sop_instance_uid TEXT NOT NULL UNIQUE, transfer_syntax_uid TEXT NOT NULL, size INTEGER NOT NULL,
        sha256 TEXT NOT NULL, built_at TEXT NOT NULL)""",
    """CREATE TRIGGER sop_instance_is_frozen BEFORE UPDATE ON sop_instance
        BEGIN SELECT RAISE(ABORT, 'object is frozen'); END""",
    """CREATE TABLE job (
        job_id INTEGER PRIMARY KEY, kind TEXT NOT NULL, destination TEXT NOT NULL, exam_id TEXT NOT NULL,
        frame_id TEXT NOT NULL REFERENCES frame, state TEXT NOT NULL, not_before REAL NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, instance_tries INTEGER NOT NULL DEFAULT 0,
        run_id TEXT NOT NULL DEFAULT '', code TEXT NOT NULL DEFAULT '', words TEXT NOT NULL DEFAULT '',
        created_at TEXT NOT NULL, settled_at TEXT NOT NULL DEFAULT '', UNIQUE (kind, destination, frame_id))""",
    """CREATE INDEX job_due ON job (destination, not_before, job_id) WHERE state = 'pending'""",
    """CREATE INDEX job_running ON job (destination) WHERE state = 'running'""",
    "CREATE INDEX job_exam ON job (exam_id)",
    """CREATE TABLE attempt (
        attempt_id INTEGER PRIMARY KEY, job_id INTEGER NOT NULL REFERENCES job, at TEXT NOT NULL,
        run_id TEXT NOT NULL, phase TEXT NOT NULL, action TEXT NOT NULL, code TEXT NOT NULL,
        words TEXT NOT NULL, blame TEXT NOT NULL, comment TEXT NOT NULL DEFAULT '',
        ambiguous INTEGER NOT NULL DEFAULT 0)""",
    "CREATE INDEX attempt_job ON attempt (job_id)",
    """CREATE TABLE destination (
        name TEXT PRIMARY KEY, state TEXT NOT NULL, failures INTEGER NOT NULL DEFAULT 0,
        until REAL NOT NULL DEFAULT 0, code TEXT NOT NULL DEFAULT '', words TEXT NOT NULL DEFAULT '',
        since TEXT NOT NULL)""",
    """CREATE TABLE request (
        idempotency_key TEXT PRIMARY KEY, answer TEXT NOT NULL, at TEXT NOT NULL)""",
    """CREATE TABLE alarm (
        alarm_id INTEGER PRIMARY KEY, at TEXT NOT NULL, code TEXT NOT NULL, subject TEXT NOT NULL,
        words TEXT NOT NULL, cleared_at TEXT NOT NULL DEFAULT '', UNIQUE (code, subject, cleared_at))""",
)

# Jobs of all kinds in one queue. The table is made anew because a job no longer belongs to a frame alone.
_SECOND = (
    """CREATE TABLE job_2 (
        job_id INTEGER PRIMARY KEY, kind TEXT NOT NULL, destination TEXT NOT NULL, exam_id TEXT NOT NULL,
        subject TEXT NOT NULL, frame_id TEXT REFERENCES frame, state TEXT NOT NULL, not_before REAL NOT NULL,
        retried INTEGER NOT NULL DEFAULT 0, waits_for TEXT NOT NULL DEFAULT '',
        required INTEGER NOT NULL DEFAULT 1, commits INTEGER NOT NULL DEFAULT 0,
        syntax TEXT NOT NULL DEFAULT '', attempts INTEGER NOT NULL DEFAULT 0,
        instance_tries INTEGER NOT NULL DEFAULT 0, run_id TEXT NOT NULL DEFAULT '',
        code TEXT NOT NULL DEFAULT '', words TEXT NOT NULL DEFAULT '', created_at TEXT NOT NULL,
        settled_at TEXT NOT NULL DEFAULT '', UNIQUE (kind, destination, subject))""",
    """INSERT INTO job_2 (job_id, kind, destination, exam_id, subject, frame_id, state, not_before, retried,
        attempts, instance_tries, run_id, code, words, created_at, settled_at)
        SELECT job_id, kind, destination, exam_id, frame_id, frame_id, state, not_before, attempts > 0,
        attempts, instance_tries, run_id, code, words, created_at, settled_at FROM job""",
    "DROP TABLE job",
    "ALTER TABLE job_2 RENAME TO job",
    "CREATE INDEX job_due ON job (destination, retried, not_before, job_id) WHERE state = 'pending'",
    "CREATE INDEX job_running ON job (destination) WHERE state = 'running'",
    "CREATE INDEX job_waiting ON job (waits_for, exam_id) WHERE state = 'waiting'",
    "CREATE INDEX job_asked ON job (destination, not_before) WHERE kind = 'commit' AND state = 'done'",
    """CREATE INDEX job_unsent ON job (destination, kind)
        WHERE state IN ('waiting', 'pending', 'running', 'held')""",
    "CREATE INDEX job_exam ON job (exam_id, destination)",
    "CREATE INDEX job_frame ON job (frame_id)",
    """CREATE TABLE rendition (
        frame_id TEXT NOT NULL REFERENCES frame, transfer_syntax_uid TEXT NOT NULL, size INTEGER NOT NULL,
        sha256 TEXT NOT NULL, built_at TEXT NOT NULL, PRIMARY KEY (frame_id, transfer_syntax_uid))""",
    """CREATE TRIGGER rendition_is_frozen BEFORE UPDATE ON rendition
        BEGIN SELECT RAISE(ABORT, 'object is frozen'); END""",
    """CREATE TABLE accepted_syntax (
        destination TEXT NOT NULL, sop_class_uid TEXT NOT NULL, stored_uid TEXT NOT NULL,
        chosen_uid TEXT NOT NULL, until REAL NOT NULL, PRIMARY KEY (destination, sop_class_uid, stored_uid))""",
    """CREATE TABLE procedure_step (
        step_uid TEXT PRIMARY KEY, exam_id TEXT NOT NULL UNIQUE REFERENCES exam, destination TEXT NOT NULL,
        step_id TEXT NOT NULL, state TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT NOT NULL DEFAULT '',
        reason TEXT NOT NULL DEFAULT '')""",
    """CREATE TRIGGER procedure_step_is_frozen BEFORE UPDATE OF step_uid, exam_id, step_id, started_at
        ON procedure_step BEGIN SELECT RAISE(ABORT, 'step is frozen'); END""",
    """CREATE TABLE commitment (
        transaction_uid TEXT PRIMARY KEY, job_id INTEGER NOT NULL REFERENCES job, destination TEXT NOT NULL,
        state TEXT NOT NULL, asked_at TEXT NOT NULL, answered_at TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX commitment_job ON commitment (job_id, state)",
    """CREATE TABLE commitment_item (
        transaction_uid TEXT NOT NULL REFERENCES commitment, frame_id TEXT NOT NULL REFERENCES frame,
        sop_class_uid TEXT NOT NULL, sop_instance_uid TEXT NOT NULL, answer TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (transaction_uid, frame_id))""",
    "ALTER TABLE frame ADD COLUMN release_due REAL",
    "CREATE INDEX frame_due ON frame (release_due) WHERE state = 'captured' AND release_due IS NOT NULL",
    "CREATE INDEX frame_state ON frame (state, captured_at)",
)

# What is captured but not yet a picture of an exam: clips that are being recorded, the unassigned tray.
_THIRD = (
    """CREATE TABLE recording (
        frame_id TEXT PRIMARY KEY, exam_id TEXT NOT NULL REFERENCES exam, source TEXT NOT NULL UNIQUE,
        record TEXT NOT NULL, started_at TEXT NOT NULL, run_id TEXT NOT NULL)""",
    """CREATE TRIGGER recording_needs_an_open_exam BEFORE INSERT ON recording
        WHEN NOT EXISTS (SELECT 1 FROM exam WHERE exam_id = NEW.exam_id AND state = 'open')
        BEGIN SELECT RAISE(ABORT, 'exam is not open'); END""",
    """CREATE TABLE tray_item (
        item_id TEXT PRIMARY KEY, source TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
        name TEXT NOT NULL, facts TEXT NOT NULL, payload_sha256 TEXT NOT NULL, payload_size INTEGER NOT NULL,
        arrived_at TEXT NOT NULL, frame_id TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX tray_item_state ON tray_item (state, arrived_at)",
    """CREATE TRIGGER tray_item_content_is_frozen BEFORE UPDATE OF item_id, source, name, facts, payload_sha256,
        payload_size ON tray_item BEGIN SELECT RAISE(ABORT, 'item is frozen'); END""",
)

# The queue as its page counts it, from indexes alone: ten thousand rows are looked up in a millisecond or two.
_COUNTED = ("CREATE INDEX job_group ON job (exam_id, state) WHERE kind = 'store'",)

STEPS = (_FIRST, _SECOND, _THIRD, REVIEW, IDENTITY, ACCOUNTS, AUDIT, _COUNTED, OPERATIONS)
SCHEMA_VERSION = len(STEPS)
READABLE_FROM = {number: number for number in range(1, SCHEMA_VERSION + 1)}
"""Schema → the oldest schema whose software can work with a database of this one; kept in the database (its
`application_id`). A step that only adds what older software may leave alone says the lower number here: without it an
update of the appliance cannot fall back, and is refused in words."""


def works_with(version: int, readable_from: int) -> bool:
    """Whether this software can work with a database of that schema; 0: the database does not say from where."""
    return version <= SCHEMA_VERSION or 0 < readable_from <= SCHEMA_VERSION
