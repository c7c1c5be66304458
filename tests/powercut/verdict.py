"""What must be true of the box's folder after a power cut, read without the box's own code where it can be.

P1: every capture that was told, and every clip that was told to be recorded, is there with its bytes. P3: one UID,
one content. P5: what is called sent or confirmed was sent. And what was not told is whole or not there at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import SpoolDamaged
from agent.frame_file import decode_header

FRAME_STATES_WITHOUT_FILE = ("purged",)


@dataclass
class Told:
    """What a person was told, each with the position of the log when they had been told."""

    captures: list[tuple[int, str, str]] = field(default_factory=list)
    """Position, SOP Instance UID, SHA-256 of the payload."""
    clips: list[tuple[int, str, int]] = field(default_factory=list)
    """Position, frame, frames that were told at its end (0: that it is being recorded)."""


def verdict(box: Path, told: Told, position: int, at_the_archive: set[str]) -> Iterator[str]:
    """Yield everything that is wrong with the folder of a box whose power went at `position` of the log."""
    captures = [(uid, sha) for at, uid, sha in told.captures if at <= position]
    clips = [(name, frames) for at, name, frames in told.clips if at <= position]
    database = box / "agent.sqlite3"
    if not database.exists():
        if captures or clips:
            yield f"the database is gone, {len(captures)} captures were told"
        return
    connection = sqlite3.connect(database)
    try:
        yield from _database(connection, box / "spool", captures, clips, at_the_archive)
    except sqlite3.DatabaseError as e:
        yield f"the database answers {e}; {len(captures)} captures were told"
    finally:
        connection.close()


def _database(
    connection: sqlite3.Connection, spool: Path, captures: list[tuple[str, str]], clips: list[tuple[str, int]],
    at_the_archive: set[str],
) -> Iterator[str]:  # fmt: skip
    (health,) = connection.execute("PRAGMA integrity_check").fetchone()
    if health != "ok":
        yield f"integrity_check: {health}"
    if not connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'recording'").fetchone()[0]:
        if captures or clips:
            yield f"not all tables; {len(captures)} captures were told"
        return
    rows = connection.execute("SELECT frame_id, sop_instance_uid, state, payload_sha256, record FROM frame").fetchall()
    by_uid = {uid: sha for _, uid, _, sha, _ in rows}
    for uid, sha in captures:
        if by_uid.get(uid) != sha:
            yield f"P1 lost: {uid}" if uid not in by_uid else f"P3 another content: {uid}"
    recordings = {row[0] for row in connection.execute("SELECT frame_id FROM recording")}
    kept = {name: json.loads(record)["number_of_frames"] for name, _, _, _, record in rows}
    for name, frames in clips:
        if kept.get(name, 0) < max(frames, 1) and (frames or name not in recordings):
            yield f"P1 lost clip: {name}"
    for name, uid, state, sha, _ in rows:
        if state not in FRAME_STATES_WITHOUT_FILE:
            yield from _frame(spool, name, uid, sha)
    for name in {p.stem for p in (spool / "frames").glob("*.frm")} - {row[0] for row in rows}:
        yield from _frame(spool, name, "", "")
    yield from _objects(connection, spool)
    sent = "SELECT f.sop_instance_uid FROM job j JOIN frame f USING (frame_id) WHERE j.kind = 'store' AND j.state = ?"
    for (uid,) in connection.execute(sent, ("done",)):
        if uid not in at_the_archive:
            yield f"P5 called sent and is not at the archive: {uid}"


def _frame(spool: Path, name: str, uid: str, sha256: str) -> Iterator[str]:
    """Yield what is wrong with one frame file; without a record it has to be whole all the same."""
    try:
        with (spool / "frames" / f"{name}.frm").open("rb") as file:
            header = decode_header(file.read)
            if not header.record.payload_file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            else:
                digest = _of(spool / "clips" / f"{name}.clp", header.record.payload_size)
    except (OSError, SpoolDamaged) as e:
        yield f"P1 damaged frame {name}: {e}"
        return
    if digest != header.record.payload_sha256 or (sha256 and digest != sha256):
        yield f"P1 other bytes: {name}"
    if uid and header.record.sop_instance_uid != uid:
        yield f"P3 other UID: {name}"


def _objects(connection: sqlite3.Connection, spool: Path) -> Iterator[str]:
    rows = "SELECT s.frame_id, s.sha256, f.state FROM sop_instance s JOIN frame f USING (frame_id)"
    for name, sha256, state in connection.execute(rows):
        path = spool / "objects" / f"{name}.dcm"
        if state == "built" and (not path.exists() or _of(path, path.stat().st_size) != sha256):
            yield f"P3 a built object is missing or changed: {name}"


def _of(path: Path, size: int) -> str:
    """Return the SHA-256 of the first `size` bytes of a file."""
    digest, left = hashlib.sha256(), size
    with path.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, size, os.POSIX_FADV_SEQUENTIAL)
        while left and (part := file.read(min(left, 1 << 20))):
            digest.update(part)
            left -= len(part)
    return digest.hexdigest()
