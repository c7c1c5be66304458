"""Key object documents: one row decides what each names, once and for ever (promise P3).

A document is a frame row without bytes (`composed`), so that building, queue, Storage Commitment and retention treat
it as they treat every object. Its UIDs are durable before it is built; what it names is settled, then never changes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from agent.errors import NotFound
from agent.key_object import OF_INTEREST, KeyObject, Purpose, Reference
from agent.lifecycle import FrameState
from agent.model import ClockTrust, FrameRecord
from agent.plain import from_plain, to_plain
from agent.sop_classes import KEY_OBJECT
from agent.store import steps
from agent.store.database import Connection, Database, Row
from agent.store.transition import Stamp, move, note

_FIRST_SERIES = 9001
"""Series Number of the first document of a study: far behind those of its pictures."""
_EXPLICIT = "1.2.840.10008.1.2.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKeyObject:
    """The names of a document that may be begun: our own UUID, and UIDs that nothing else has."""

    frame_id: str
    sop_instance_uid: str
    series_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A document whose content is durable. `destinations`: whom it goes to; None: where the exam's pictures go."""

    exam_id: str
    record: FrameRecord
    content: KeyObject
    destinations: tuple[str, ...] | None


class KeyObjects:
    """Every statement about the key_object table that is not part of a larger transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def to_build(self, limit: int = 20) -> list[str]:
        """Return the documents that can be built: notes at once, key images when their exam's pictures are."""
        query = """SELECT frame_id FROM frame JOIN exam USING (exam_id) JOIN key_object USING (frame_id)
            WHERE frame.state = 'composed' AND (purpose = 'removal' OR (exam.state = 'released'
                AND NOT EXISTS (SELECT 1 FROM frame f WHERE f.exam_id = frame.exam_id AND f.state = 'captured')))
            ORDER BY frame.captured_at LIMIT ?"""
        with self._database.read() as connection:
            return [row["frame_id"] for row in connection.execute(query, (limit,))]

    def is_one(self, frame_id: str) -> bool:
        """Return whether a frame row is a document."""
        with self._database.read() as connection:
            return connection.execute("SELECT 1 FROM key_object WHERE frame_id = ?", (frame_id,)).fetchone() is not None

    def settle(self, frame_id: str, trust: ClockTrust, stamp: Stamp) -> Settled | None:
        """Return what a document says, settled for ever; durable on return.

        None: no picture is left that it could name, the document is dropped. Asked again it says the same.
        """

        def work(connection: Connection) -> Settled | None:
            row = _row(connection, frame_id)
            if not row["content_at"]:
                named = row["named"] or json.dumps([to_plain(r) for r in of_interest(connection, row["exam_id"])])
                if named == "[]":
                    move(connection, "frame", frame_id, "drop", stamp, code="no key image is left")
                    steps.let_go(connection, row["exam_id"], stamp)
                    return None
                connection.execute(
                    "UPDATE key_object SET named = ?, content_at = ? WHERE frame_id = ?", (named, stamp.at, frame_id)
                )
                row = _row(connection, frame_id)
            return _settled(row, trust)

        return self._database.write(work)


def plan_of_interest(connection: Connection, exam_id: str, new: NewKeyObject, stamp: Stamp) -> None:
    """Begin the document of an exam's key images, unless it was begun before."""
    query = "SELECT 1 FROM key_object WHERE exam_id = ? AND purpose = 'of interest'"
    if connection.execute(query, (exam_id,)).fetchone() is None:
        begin(connection, exam_id, new, stamp, purpose=Purpose.OF_INTEREST, title=OF_INTEREST)


def begin(
    connection: Connection,
    exam_id: str,
    new: NewKeyObject,
    stamp: Stamp,
    *,
    purpose: Purpose,
    title: str,
    reason: str = "",
    words: str = "",
    references: tuple[Reference, ...] = (),
    destinations: tuple[str, ...] = (),
) -> None:
    """Make the rows of a document; its content is settled when it is built, what a note names is so now."""
    exam = connection.execute("SELECT * FROM exam WHERE exam_id = ?", (exam_id,)).fetchone()
    record = _record(exam, new, stamp)
    connection.execute(
        "INSERT INTO frame (frame_id, exam_id, state, sop_instance_uid, series_instance_uid, instance_number,"
        " trigger_id, payload_sha256, file_size, record, captured_at, composed)"
        " VALUES (?, ?, ?, ?, ?, 1, ?, ?, 0, ?, ?, 1)",
        (new.frame_id, exam_id, FrameState.COMPOSED.value, new.sop_instance_uid, new.series_instance_uid,
         record.trigger_id, record.payload_sha256, json.dumps(to_plain(record), ensure_ascii=False, sort_keys=True),
         stamp.at),
    )  # fmt: skip
    connection.execute(
        "INSERT INTO key_object (frame_id, exam_id, purpose, title, reason, words, series_number, named, destinations)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (new.frame_id, exam_id, purpose.value, title, reason, words, _series_number(connection, exam),
         json.dumps([to_plain(r) for r in references]) if references else "", json.dumps(list(destinations))),
    )  # fmt: skip
    note(connection, "frame", new.frame_id, "compose", "", FrameState.COMPOSED, stamp, code=title)


def of_interest(connection: Connection, exam_id: str) -> list[Reference]:
    """Return the key images of an exam that became objects and were not rejected, in their order."""
    query = """SELECT o.sop_class_uid, o.sop_instance_uid, frame.series_instance_uid FROM frame
        JOIN annotation USING (frame_id) JOIN sop_instance o USING (frame_id)
        WHERE frame.exam_id = ? AND annotation.key_image = 1 AND frame.composed = 0
        AND frame.state IN ('built', 'purged') AND frame_id NOT IN (SELECT frame_id FROM removal_item)
        ORDER BY frame.instance_number"""
    return [Reference(sop_class_uid=r[0], sop_instance_uid=r[1], series_instance_uid=r[2])
            for r in connection.execute(query, (exam_id,))]  # fmt: skip


def _record(exam: Row, new: NewKeyObject, stamp: Stamp) -> FrameRecord:
    """Return a record without pixels: names, and that its payload is nothing."""
    return FrameRecord(
        frame_id=new.frame_id,
        exam_id=exam["exam_id"],
        snapshot_digest=exam["snapshot_sha256"],
        sop_instance_uid=new.sop_instance_uid,
        series_instance_uid=new.series_instance_uid,
        instance_number=1,
        rows=0,
        columns=0,
        samples_per_pixel=0,
        bits_allocated=0,
        bits_stored=0,
        photometric_interpretation="",
        transfer_syntax_uid=_EXPLICIT,
        payload_size=0,
        payload_sha256=hashlib.sha256(b"").hexdigest(),
        acquired_at=stamp.at,
        trigger_id=f"key-object-{new.frame_id}",
        sop_class_uid=KEY_OBJECT,
    )


def _series_number(connection: Connection, exam: Row) -> int:
    query = """SELECT coalesce(max(key_object.series_number) + 1, ?) FROM key_object JOIN exam USING (exam_id)
        WHERE study_instance_uid = ?"""
    return int(connection.execute(query, (_FIRST_SERIES, exam["study_instance_uid"])).fetchone()[0])


def _row(connection: Connection, frame_id: str) -> Row:
    query = "SELECT key_object.*, frame.record FROM key_object JOIN frame USING (frame_id) WHERE frame_id = ?"
    row: Row | None = connection.execute(query, (frame_id,)).fetchone()
    if row is None:
        raise NotFound("There is no such document.")
    return row


def _settled(row: Row, trust: ClockTrust) -> Settled:
    content = KeyObject(
        title=row["title"],
        references=tuple(from_plain(Reference, r) for r in json.loads(row["named"])),
        content_at=row["content_at"],
        reason=row["reason"],
        words=row["words"],
        series_number=row["series_number"],
    )
    told = json.loads(row["record"]) | {"acquired_at": row["content_at"], "clock_trust": trust.value}
    return Settled(
        exam_id=row["exam_id"],
        record=from_plain(FrameRecord, told),
        content=content,
        destinations=tuple(json.loads(row["destinations"])) if row["purpose"] == Purpose.REMOVAL else None,
    )
