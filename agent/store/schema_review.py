"""Tables of review and correction: what was said of a picture, key object documents, requests for removal."""

from __future__ import annotations

REVIEW = (
    """CREATE TABLE annotation (
        frame_id TEXT PRIMARY KEY REFERENCES frame, laterality TEXT NOT NULL DEFAULT '',
        description TEXT NOT NULL DEFAULT '', key_image INTEGER NOT NULL DEFAULT 0, page INTEGER,
        frozen INTEGER NOT NULL DEFAULT 0, deleted_at TEXT NOT NULL DEFAULT '',
        deleted_from TEXT NOT NULL DEFAULT '')""",
    """CREATE TRIGGER annotation_is_frozen BEFORE UPDATE OF frame_id, laterality, description ON annotation
        WHEN OLD.frozen = 1 BEGIN SELECT RAISE(ABORT, 'annotation is frozen'); END""",
    """CREATE TRIGGER annotation_stays_frozen BEFORE UPDATE OF frozen ON annotation
        WHEN NEW.frozen < OLD.frozen BEGIN SELECT RAISE(ABORT, 'annotation is frozen'); END""",
    """CREATE TRIGGER annotation_stays BEFORE DELETE ON annotation
        WHEN OLD.frozen = 1 BEGIN SELECT RAISE(ABORT, 'annotation is frozen'); END""",
    "ALTER TABLE frame ADD COLUMN composed INTEGER NOT NULL DEFAULT 0",
    """CREATE TABLE key_object (
        frame_id TEXT PRIMARY KEY REFERENCES frame, exam_id TEXT NOT NULL REFERENCES exam, purpose TEXT NOT NULL,
        title TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', words TEXT NOT NULL DEFAULT '',
        series_number INTEGER NOT NULL, named TEXT NOT NULL DEFAULT '', content_at TEXT NOT NULL DEFAULT '',
        destinations TEXT NOT NULL DEFAULT '')""",
    "CREATE UNIQUE INDEX key_object_of_interest ON key_object (exam_id) WHERE purpose = 'of interest'",
    "CREATE INDEX key_object_exam ON key_object (exam_id)",
    "CREATE INDEX frame_composed ON frame (exam_id) WHERE state = 'composed'",
    """CREATE TRIGGER key_object_is_frozen BEFORE UPDATE OF frame_id, exam_id, purpose, title, reason, words,
        series_number, destinations ON key_object BEGIN SELECT RAISE(ABORT, 'object is frozen'); END""",
    """CREATE TRIGGER key_object_content_is_frozen BEFORE UPDATE OF named, content_at ON key_object
        WHEN OLD.content_at <> '' OR (OLD.named <> '' AND NEW.named <> OLD.named)
        BEGIN SELECT RAISE(ABORT, 'object is frozen'); END""",
    """CREATE TABLE removal (
        removal_id TEXT PRIMARY KEY, exam_id TEXT NOT NULL REFERENCES exam, state TEXT NOT NULL, title TEXT NOT NULL,
        reason TEXT NOT NULL, words TEXT NOT NULL, who TEXT NOT NULL, at TEXT NOT NULL, unix REAL NOT NULL,
        note_id TEXT NOT NULL DEFAULT '', destinations TEXT NOT NULL, done_at TEXT NOT NULL DEFAULT '',
        done_by TEXT NOT NULL DEFAULT '', done_words TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX removal_state ON removal (state, at)",
    "CREATE INDEX removal_exam ON removal (exam_id)",
    """CREATE TRIGGER removal_is_frozen BEFORE UPDATE OF removal_id, exam_id, title, reason, words, who, at, note_id,
        destinations ON removal BEGIN SELECT RAISE(ABORT, 'removal is frozen'); END""",
    """CREATE TABLE removal_item (
        frame_id TEXT PRIMARY KEY REFERENCES frame, removal_id TEXT NOT NULL REFERENCES removal)""",
    "CREATE INDEX removal_item_removal ON removal_item (removal_id)",
)
"""A frame is rejected once at most. A key object's content is settled once: what it names, then when."""
