"""What keeps an identity right below all Python: activity, warnings, dates, corrections, and what no exam may hold."""

from __future__ import annotations

_PATIENT = "json_extract(NEW.snapshot, '$.patient.{}')"
_IDENTITY = ("patient_name", "patient_id", "issuer_of_patient_id", "patient_birth_date")
_ACCESSION = "json_extract(NEW.snapshot, '$.accession_number')"
_TEXTS = " || ".join([*(_PATIENT.format(name) for name in _IDENTITY), _ACCESSION])
_WITHOUT_ID = "trim({}) = ''".format("json_extract({}.snapshot, '$.patient.patient_id')")

IDENTITY = (
    "ALTER TABLE exam ADD COLUMN active_ns INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE exam ADD COLUMN warning TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE exam ADD COLUMN moved_from TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE frame ADD COLUMN boot_id TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE worklist_entry ADD COLUMN found_until REAL NOT NULL DEFAULT 0",
    "CREATE INDEX exam_source ON exam (source)",
    # The failed character set of somebody else's software never becomes a patient (technician.md B6, 7).
    f"""CREATE TRIGGER exam_identity_is_readable BEFORE INSERT ON exam
        WHEN instr({_TEXTS}, '?') > 0 OR instr({_TEXTS}, char(65533)) > 0
        BEGIN SELECT RAISE(ABORT, 'identity is not readable'); END""",
    f"""CREATE TRIGGER exam_has_a_patient_id BEFORE INSERT ON exam
        WHEN NEW.state <> 'held' AND {_WITHOUT_ID.format('NEW')}
        BEGIN SELECT RAISE(ABORT, 'patient id is missing'); END""",
    f"""CREATE TRIGGER exam_without_a_patient_id_stays_held BEFORE UPDATE OF state ON exam
        WHEN NEW.state NOT IN ('held', 'discarded') AND {_WITHOUT_ID.format('OLD')}
        BEGIN SELECT RAISE(ABORT, 'patient id is missing'); END""",
    """CREATE TRIGGER exam_has_a_study BEFORE INSERT ON exam
        WHEN NEW.study_instance_uid = '' OR NEW.series_instance_uid = ''
          OR NEW.study_instance_uid <> json_extract(NEW.snapshot, '$.study_instance_uid')
        BEGIN SELECT RAISE(ABORT, 'exam has no study'); END""",
    """CREATE TRIGGER frame_is_of_its_exams_series BEFORE INSERT ON frame
        WHEN NEW.composed = 0 AND NEW.series_instance_uid
          <> (SELECT series_instance_uid FROM exam WHERE exam_id = NEW.exam_id)
        BEGIN SELECT RAISE(ABORT, 'frame of another series'); END""",
    # When a picture was really taken, said once, before anything is built of it (ruling 6).
    """CREATE TABLE frame_date (
        frame_id TEXT PRIMARY KEY REFERENCES frame, acquired_at TEXT NOT NULL, how TEXT NOT NULL, at TEXT NOT NULL,
        who TEXT NOT NULL)""",
    """CREATE TRIGGER frame_date_comes_before_the_object BEFORE INSERT ON frame_date
        WHEN (SELECT state FROM frame WHERE frame_id = NEW.frame_id) NOT IN ('captured', 'held', 'tombstoned')
          OR EXISTS (SELECT 1 FROM sop_instance WHERE frame_id = NEW.frame_id)
        BEGIN SELECT RAISE(ABORT, 'object is frozen'); END""",
    """CREATE TRIGGER frame_date_is_frozen_with_the_object BEFORE UPDATE ON frame_date
        WHEN EXISTS (SELECT 1 FROM sop_instance WHERE frame_id = NEW.frame_id)
        BEGIN SELECT RAISE(ABORT, 'object is frozen'); END""",
    """CREATE TABLE clock_confirmation (boot_id TEXT PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL)""",
    # Who was moved to whom, both names, for the audit; `removal`: what was sent still has to be asked back.
    """CREATE TABLE correction (
        correction_id INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, old_exam_id TEXT NOT NULL,
        new_exam_id TEXT NOT NULL UNIQUE, reason TEXT NOT NULL, text TEXT NOT NULL,
        removal TEXT NOT NULL DEFAULT '')""",
    """CREATE TRIGGER correction_is_frozen BEFORE UPDATE OF correction_id, at, who, old_exam_id, new_exam_id,
        reason, text ON correction BEGIN SELECT RAISE(ABORT, 'correction is frozen'); END""",
)
