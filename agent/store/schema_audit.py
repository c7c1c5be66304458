"""The audit trail: rows that follow each other without a gap, each with the hash of all before it.

What the triggers forbid, a person with the file and a shell can still do; that is what the hashes, the anchor beside
the database and the copy at the collector are for (`agent.audit_anchor`).
"""

from __future__ import annotations

AUDIT = (
    "CREATE TABLE audit (number INTEGER PRIMARY KEY, row TEXT NOT NULL, sha256 TEXT NOT NULL)",
    """CREATE TABLE audit_base (
        one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, sha256 TEXT NOT NULL, why TEXT NOT NULL,
        delivered INTEGER NOT NULL)""",
    "INSERT INTO audit_base VALUES (1, 0, '', 'begin', 0)",
    """CREATE TRIGGER audit_follows BEFORE INSERT ON audit
        WHEN NEW.number IS NOT 1 + coalesce((SELECT max(number) FROM audit), (SELECT number FROM audit_base))
        BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END""",
    """CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END""",
    """CREATE TRIGGER audit_never_goes BEFORE DELETE ON audit WHEN OLD.number > (SELECT number FROM audit_base)
        BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END""",
    """CREATE TRIGGER audit_base_grows BEFORE UPDATE ON audit_base
        WHEN NEW.number < OLD.number OR (NEW.number > NEW.delivered AND NEW.why = 'retention')
        BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END""",
    """CREATE TRIGGER audit_base_stays BEFORE DELETE ON audit_base
        BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END""",
)
