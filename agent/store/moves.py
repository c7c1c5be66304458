"""Pictures that were moved to another patient: old exam out, new exam in, both names kept, all in one transaction.

Ruling 3. A frame's content is frozen, so a moved picture is a new row with new UIDs over the same payload; it is born
held and accepted at once, because only an open exam gives birth to captured ones.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from agent.errors import OutOfDate, WrongState
from agent.lifecycle import ExamState, FrameState
from agent.model import Equipment, FrameRecord, IdentitySnapshot
from agent.step import WRONG_ENTRY
from agent.store import exam_rows, frames, key_objects, removals, steps
from agent.store.database import Connection, Database, Row
from agent.store.exam_rows import Exam
from agent.store.key_objects import NewKeyObject
from agent.store.steps import NewStep
from agent.store.transition import Stamp, move, note

MOVED = "moved to another patient"
WANTED, ASKED = "wanted", "asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedFrame:
    """One picture under its new identity; its file is durable already."""

    old_frame_id: str
    record: FrameRecord
    file_size: int
    state: FrameState
    reason: str
    boot_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Everything that one move writes. `sent`: something of the old exam was built, so the archive may have it."""

    old_exam_id: str
    new_exam_id: str
    snapshot: IdentitySnapshot
    equipment: Equipment
    series_instance_uid: str
    pictures: tuple[MovedFrame, ...]
    reason: str
    release_due: float
    sent: bool
    entry_key: str = ""
    entry_digest: str = ""
    key_object: NewKeyObject
    """Names for the document of the new exam's key images, where pictures were marked."""
    step: NewStep | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One move as the audit tells it. `text` holds both names; `removal` says whether the archive was asked."""

    correction_id: int
    at: str
    who: str
    old_exam_id: str
    new_exam_id: str
    reason: str
    text: str
    removal: str


class Moves:
    """Every statement about moving pictures from one patient to another."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def move(self, asked: Move, stamp: Stamp) -> Exam:
        """Do one move and return the new exam; on return everything of it is durable, or nothing is.

        An open exam's successor is open; any other has its undo window. Raises `OutOfDate` when the old exam changed
        since its pictures were read, `OrderChanged`, `IdentityBlocked`, `AnotherExamOpen`.
        """

        def work(connection: Connection) -> Exam:
            old = exam_rows.get(connection, asked.old_exam_id)
            exam_rows.assert_same_entry(connection, asked.entry_key, asked.entry_digest)
            _assert_same_pictures(connection, asked)
            if asked.sent:
                _part_from_sent(connection, old, stamp)
            else:
                _discard(connection, old, asked, stamp)
            _insert_exam(connection, old, asked, stamp)
            for picture in asked.pictures:
                _insert_frame(connection, picture, stamp)
            if _has_key_images(connection, asked.new_exam_id):
                key_objects.plan_of_interest(connection, asked.new_exam_id, asked.key_object, stamp)
            if asked.step is not None and any(p.state is FrameState.CAPTURED for p in asked.pictures):
                steps.begin(connection, asked.new_exam_id, asked.step, stamp)
            _keep_names(connection, old, asked, stamp)
            return exam_rows.get(connection, asked.new_exam_id)

        return self._database.write(work)

    def corrections(self) -> list[Correction]:
        """Return every move, oldest first."""
        with self._database.read() as connection:
            return [_correction(row) for row in connection.execute("SELECT * FROM correction ORDER BY correction_id")]

    def removals_wanted(self) -> list[Correction]:
        """Return the moves whose sent pictures nobody asked the archive to remove yet."""
        query = "SELECT * FROM correction WHERE removal = ? ORDER BY correction_id"
        with self._database.read() as connection:
            return [_correction(row) for row in connection.execute(query, (WANTED,))]

    def removal_asked(self, correction_id: int, stamp: Stamp) -> None:
        """Say that the archive is being asked; durable on return."""

        def work(connection: Connection) -> None:
            query = "UPDATE correction SET removal = ? WHERE correction_id = ? AND removal = ?"
            if connection.execute(query, (ASKED, correction_id, WANTED)).rowcount:
                note(connection, "correction", correction_id, "ask removal", WANTED, ASKED, stamp)

        self._database.write(work)

    def sent_frames(self, exam_id: str) -> tuple[str, ...]:
        """Return the pictures of an exam that an archive has, may have by a lost answer, or may get at any moment."""
        query = "SELECT frame_id FROM frame WHERE exam_id = ? AND composed = 0 ORDER BY instance_number"
        with self._database.read() as connection:
            frames = [row["frame_id"] for row in connection.execute(query, (exam_id,))]
            return tuple(frame_id for frame_id in frames if removals.maybe_there(connection, frame_id))

    def origins(self) -> dict[str, str]:
        """Return new exam -> old exam of every move."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT exam_id, moved_from FROM exam WHERE moved_from <> ''")
            return {row["exam_id"]: row["moved_from"] for row in rows}


def _correction(row: Row) -> Correction:
    return Correction(**{key: row[key] for key in row.keys()})  # noqa: SIM118


def _assert_same_pictures(connection: Connection, asked: Move) -> None:
    query = "SELECT frame_id, state FROM frame WHERE exam_id = ? AND composed = 0"
    rows = connection.execute(query, (asked.old_exam_id,)).fetchall()
    live = {row["frame_id"] for row in rows if row["state"] in MOVABLE}
    sent = any(row["state"] in (FrameState.BUILT, FrameState.PURGED) for row in rows)
    if live != {picture.old_frame_id for picture in asked.pictures} or sent != asked.sent:
        raise OutOfDate("The exam changed meanwhile. Nothing was moved.")
    if connection.execute("SELECT 1 FROM recording WHERE exam_id = ?", (asked.old_exam_id,)).fetchone():
        raise WrongState("A clip is being recorded. Nothing was moved.")


MOVABLE = frozenset({FrameState.CAPTURED, FrameState.BUILT, FrameState.HELD})
"""Pictures that go along; deleted ones and the sheets of a document stay with the old exam."""


def _discard(connection: Connection, old: Exam, asked: Move, stamp: Stamp) -> None:
    """Nothing of the old exam was built: it ends here, its procedure step discontinued."""
    move(connection, "exam", old.exam_id, "discard", stamp, code=asked.reason)
    steps.end(connection, old.exam_id, "discontinue", stamp, reason=WRONG_ENTRY)
    connection.execute(
        "UPDATE exam SET reason = ?, release_due = NULL WHERE exam_id = ?", (asked.reason, old.exam_id)
    )


def _part_from_sent(connection: Connection, old: Exam, stamp: Stamp) -> None:
    """Something of it may be in an archive: what is not yet there does not go any more, the rest is to be removed."""
    query = """SELECT frame_id FROM frame WHERE exam_id = ? AND state IN ('captured', 'held')
        AND NOT EXISTS (SELECT 1 FROM sop_instance WHERE sop_instance.frame_id = frame.frame_id)"""
    for row in connection.execute(query, (old.exam_id,)).fetchall():
        move(connection, "frame", row["frame_id"], "delete", stamp, code=MOVED)
        connection.execute("UPDATE frame SET reason = ? WHERE frame_id = ?", (MOVED, row["frame_id"]))
    query = "SELECT job_id FROM job WHERE exam_id = ? AND kind = 'store' AND state IN ('pending', 'waiting', 'held')"
    for row in connection.execute(query, (old.exam_id,)).fetchall():
        move(connection, "job", row["job_id"], "discard", stamp, code=MOVED)
        connection.execute("UPDATE job SET words = ? WHERE job_id = ?", (MOVED, row["job_id"]))
    steps.end(connection, old.exam_id, "discontinue", stamp, reason=WRONG_ENTRY)
    for event, state in (("finish", ExamState.OPEN), ("release", ExamState.FINISHING), ("release", ExamState.HELD)):
        if exam_rows.get(connection, old.exam_id).state is state:
            move(connection, "exam", old.exam_id, event, stamp, code=MOVED)
    connection.execute("UPDATE exam SET reason = ?, release_due = NULL WHERE exam_id = ?", (MOVED, old.exam_id))
    steps.let_go(connection, old.exam_id, stamp)


def _insert_exam(connection: Connection, old: Exam, asked: Move, stamp: Stamp) -> None:
    state = ExamState.OPEN if old.state is ExamState.OPEN else ExamState.FINISHING
    exam_rows.insert(
        connection,
        asked.new_exam_id,
        old.source,
        state,
        asked.snapshot,
        asked.equipment,
        asked.series_instance_uid,
        old.opened_boottime_ns,
        stamp,
        entry_key=asked.entry_key,
        moved_from=old.exam_id,
    )
    if state is ExamState.FINISHING:
        connection.execute(
            "UPDATE exam SET finished_at = ?, release_due = ? WHERE exam_id = ?",
            (stamp.at, asked.release_due, asked.new_exam_id),
        )
    note(connection, "exam", asked.new_exam_id, "open", "", state, stamp, code=old.exam_id)
    note(connection, "exam", old.exam_id, "re-identify", old.state, old.state, stamp, code=asked.new_exam_id)


def _insert_frame(connection: Connection, picture: MovedFrame, stamp: Stamp) -> None:
    reason = picture.reason if picture.state is FrameState.HELD else MOVED
    frames.insert(
        connection, picture.record, picture.file_size, FrameState.HELD, reason, stamp, boot_id=picture.boot_id
    )
    connection.execute(
        "INSERT INTO frame_date SELECT ?, acquired_at, how, at, who FROM frame_date WHERE frame_id = ?",
        (picture.record.frame_id, picture.old_frame_id),
    )
    connection.execute(  # what a person said of the picture stays said; its object may be another, so nothing is frozen
        "INSERT INTO annotation (frame_id, laterality, description, key_image, page)"
        " SELECT ?, laterality, description, key_image, page FROM annotation WHERE frame_id = ?",
        (picture.record.frame_id, picture.old_frame_id),
    )
    if picture.state is FrameState.CAPTURED:
        move(connection, "frame", picture.record.frame_id, "accept", stamp)
        connection.execute("UPDATE frame SET reason = '' WHERE frame_id = ?", (picture.record.frame_id,))


def _has_key_images(connection: Connection, exam_id: str) -> bool:
    query = "SELECT 1 FROM annotation JOIN frame USING (frame_id) WHERE exam_id = ? AND key_image = 1"
    return connection.execute(query, (exam_id,)).fetchone() is not None


def _keep_names(connection: Connection, old: Exam, asked: Move, stamp: Stamp) -> None:
    text = json.dumps(
        {"from": _names(old.snapshot), "to": _names(asked.snapshot), "confirmation": asked.snapshot.confirmation},
        ensure_ascii=False,
        sort_keys=True,
    )
    connection.execute(
        "INSERT INTO correction (at, who, old_exam_id, new_exam_id, reason, text, removal)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (stamp.at, stamp.who, old.exam_id, asked.new_exam_id, asked.reason, text, WANTED if asked.sent else ""),
    )


def _names(snapshot: IdentitySnapshot) -> dict[str, str]:
    return {
        "name": snapshot.patient.patient_name,
        "id": snapshot.patient.patient_id,
        "birth_date": snapshot.patient.patient_birth_date,
        "accession_number": snapshot.accession_number,
        "study": snapshot.study_instance_uid,
    }
