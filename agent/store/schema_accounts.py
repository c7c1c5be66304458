"""The tables of accounts: people, enrolled screens, sessions, programs. Secrets are here as hashes only.

Passwords and PINs are argon2id; tokens and enrolment codes are random enough that a plain SHA-256 keeps them; a badge
is short, so it is kept as an HMAC under a key that is not in this file.
"""

from __future__ import annotations

ACCOUNTS = (
    """CREATE TABLE account (
        account_id TEXT PRIMARY KEY, name TEXT NOT NULL, folded TEXT NOT NULL, role TEXT NOT NULL,
        state TEXT NOT NULL, language TEXT NOT NULL DEFAULT '', password_hash TEXT NOT NULL DEFAULT '',
        pin_hash TEXT NOT NULL DEFAULT '', badge_hash TEXT NOT NULL DEFAULT '', created_at TEXT NOT NULL)""",
    "CREATE UNIQUE INDEX account_name ON account (folded) WHERE state <> 'removed'",
    "CREATE UNIQUE INDEX account_badge ON account (badge_hash) WHERE badge_hash <> ''",
    """CREATE TABLE enrolment (
        enrolment_id TEXT PRIMARY KEY, purpose TEXT NOT NULL, code_sha256 TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
        made REAL NOT NULL, expires REAL NOT NULL)""",
    """CREATE TABLE screen (
        screen_id TEXT PRIMARY KEY, name TEXT NOT NULL, source TEXT NOT NULL, language TEXT NOT NULL,
        pixels_per_mm REAL NOT NULL, token_sha256 TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL, enrolled_at TEXT NOT NULL)""",
    """CREATE TABLE session (
        session_id TEXT PRIMARY KEY, token_sha256 TEXT NOT NULL UNIQUE, account_id TEXT NOT NULL REFERENCES account,
        screen_id TEXT NOT NULL DEFAULT '', state TEXT NOT NULL, language TEXT NOT NULL DEFAULT '',
        began REAL NOT NULL, began_at TEXT NOT NULL, seen REAL NOT NULL, password_at REAL NOT NULL DEFAULT 0,
        address TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX session_alive ON session (state) WHERE state <> 'ended'",
    "CREATE INDEX session_account ON session (account_id)",
    """CREATE TABLE api_token (
        token_id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, token_sha256 TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL, created_at TEXT NOT NULL, expires REAL NOT NULL)""",
    """CREATE TABLE tries (
        kind TEXT NOT NULL, subject TEXT NOT NULL, failures INTEGER NOT NULL, last REAL NOT NULL,
        PRIMARY KEY (kind, subject)) WITHOUT ROWID""",
    "CREATE INDEX tries_last ON tries (last)",
)
