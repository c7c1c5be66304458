"""Requests for removal after sending: one transaction takes back what was not sent and notes what was (IHE IOCM).

In it the pictures become rejected, what still waited for a destination is given up, the procedure step is discontinued
where it is in progress, and one rejection note for everybody who may have got something is begun. A crash before it
leaves nothing, a crash after it loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from agent.errors import NotFound
from agent.key_object import STEP_REASON, TITLES, Purpose, Reference
from agent.lifecycle import ExamState, FrameState, RemovalState
from agent.review_errors import AlreadyRejected, NotYetOnItsWay
from agent.sop_classes import KEY_OBJECT
from agent.store import key_objects, steps
from agent.store.database import Connection, Database, Row
from agent.store.key_objects import NewKeyObject
from agent.store.transition import Stamp, move, note

# What an archive may hold: answered, on its way, or a try whose answer was lost (a crash leaves no attempt row).
_MAYBE_THERE = """SELECT DISTINCT destination FROM job WHERE frame_id = ? AND kind = 'store' AND (
    state IN ('done', 'confirmed', 'running') OR attempts > (SELECT count(*) FROM attempt
        WHERE attempt.job_id = job.job_id AND ambiguous = 0 AND action NOT IN ('sent', 'sent with warning')))"""
_PICTURES = """SELECT frame.*, o.sop_class_uid, k.named FROM frame LEFT JOIN sop_instance o USING (frame_id)
    LEFT JOIN key_object k USING (frame_id) LEFT JOIN removal_item i USING (frame_id)
    WHERE frame.exam_id = ? AND i.frame_id IS NULL AND coalesce(k.purpose, '') <> 'removal'
    AND (frame.state IN ('captured', 'built', 'held', 'composed')
         OR (frame.state = 'purged' AND o.frame_id IS NOT NULL))
    ORDER BY frame.composed, frame.instance_number"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asks for: pictures (none named: all), a title of CID 7010, a reason of CID 7011, own words."""

    exam_id: str
    frame_ids: tuple[str, ...]
    title: str
    reason: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One request. `note_id` is the document's frame; empty: nobody had got anything."""

    removal_id: str
    exam_id: str
    state: RemovalState
    title: str
    reason: str
    words: str
    who: str
    at: str
    note_id: str
    destinations: tuple[str, ...]
    frame_ids: tuple[str, ...]
    done_at: str
    done_by: str


class Removals:
    """Every statement about the removal tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def request(self, removal_id: str, asked: Asked, new: NewKeyObject, stamp: Stamp) -> Removal:
        """Reject pictures of an exam; on return everything that follows from it is durable.

        An exam of which no picture is left is rejected as a whole. Raises `NotYetOnItsWay`, `AlreadyRejected`,
        `NotFound`, `WrongState`.
        """

        def work(connection: Connection) -> Removal:
            exam = connection.execute("SELECT * FROM exam WHERE exam_id = ?", (asked.exam_id,)).fetchone()
            if exam is None:
                raise NotFound("There is no such exam.")
            chosen, whole = _choose(connection, exam, asked.frame_ids)
            there = {row["frame_id"]: maybe_there(connection, row["frame_id"]) for row in chosen}
            destinations = tuple(sorted({name for names in there.values() for name in names}))
            state = RemovalState.TOLD_BY_NOTE if destinations else RemovalState.DONE
            _insert(connection, removal_id, asked, state, new.frame_id if destinations else "", destinations, stamp)
            for row in chosen:
                _reject(connection, row, removal_id, asked.title, stamp)
            if destinations:
                named = tuple(_reference(row) for row in chosen if there[row["frame_id"]])
                key_objects.begin(connection, asked.exam_id, new, stamp, purpose=Purpose.REMOVAL, title=asked.title,
                                  reason=asked.reason, words=asked.words, references=named,
                                  destinations=destinations)  # fmt: skip
            if whole:
                _end(connection, asked, stamp)
            steps.let_go(connection, asked.exam_id, stamp)
            return _get(connection, removal_id)

        return self._database.write(work)

    def get(self, removal_id: str) -> Removal:
        """Return one request; raises `NotFound`."""
        with self._database.read() as connection:
            return _get(connection, removal_id)

    def open(self, limit: int = 200) -> list[Removal]:
        """Return what a person still has to tell an archive's administrator, oldest first."""
        query = "SELECT removal_id FROM removal WHERE state = ? ORDER BY at LIMIT ?"
        with self._database.read() as connection:
            rows = connection.execute(query, (RemovalState.TOLD_BY_NOTE.value, limit)).fetchall()
            return [_get(connection, row["removal_id"]) for row in rows]

    def of_exam(self, exam_id: str) -> list[Removal]:
        """Return the requests about one exam, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT removal_id FROM removal WHERE exam_id = ? ORDER BY at", (exam_id,))
            return [_get(connection, row["removal_id"]) for row in rows.fetchall()]

    def tick_off(self, removal_id: str, words: str, stamp: Stamp) -> Removal:
        """The administrator of the archive was told; durable on return. Raises `NotFound`, `WrongState`."""

        def work(connection: Connection) -> Removal:
            move(connection, "removal", removal_id, "tick off", stamp)
            connection.execute(
                "UPDATE removal SET done_at = ?, done_by = ?, done_words = ? WHERE removal_id = ?",
                (stamp.at, stamp.who, words, removal_id),
            )
            return _get(connection, removal_id)

        return self._database.write(work)


def give_up(connection: Connection, job_ids: list[int], stamp: Stamp) -> list[int]:
    """Discard those running store jobs whose picture was rejected meanwhile; return the others."""
    marks = ",".join("?" * len(job_ids))
    query = f"SELECT job_id FROM job JOIN removal_item USING (frame_id) WHERE job_id IN ({marks}) AND kind = 'store'"
    gone = [int(row["job_id"]) for row in connection.execute(query, job_ids)]
    for job_id in gone:
        move(connection, "job", job_id, "give up", stamp, code="rejected")
        _say_why(connection, job_id, "rejected", stamp)
    return [job_id for job_id in job_ids if job_id not in gone]


def _choose(connection: Connection, exam: Row, wanted: tuple[str, ...]) -> tuple[list[Row], bool]:
    """Return the pictures that are meant, with the documents that name one of them, and whether nothing is left."""
    rows = connection.execute(_PICTURES, (exam["exam_id"],)).fetchall()
    pictures = [row for row in rows if not row["composed"]]
    if unknown := set(wanted) - {row["frame_id"] for row in pictures}:
        rejected = connection.execute("SELECT 1 FROM removal_item WHERE frame_id = ?", (min(unknown),)).fetchone()
        raise AlreadyRejected if rejected else NotFound("There is no such picture in this exam.")
    chosen = [row for row in pictures if not wanted or row["frame_id"] in wanted]
    if exam["state"] == ExamState.REJECTED or not chosen:
        raise AlreadyRejected
    if exam["state"] not in (ExamState.RELEASED, ExamState.DELIVERED, ExamState.COMMITTED) and not _left(rows):
        raise NotYetOnItsWay
    whole = len(chosen) == len(pictures)
    uids = {row["sop_instance_uid"] for row in chosen}
    documents = [row for row in rows if row["composed"] and (whole or uids & _named(row))]
    return chosen + documents, whole


def _left(rows: Iterable[Row]) -> bool:
    return any(row["state"] in (FrameState.BUILT, FrameState.PURGED) for row in rows)


def _named(row: Row) -> set[str]:
    return {reference["sop_instance_uid"] for reference in json.loads(row["named"] or "[]")}


def maybe_there(connection: Connection, frame_id: str) -> set[str]:
    """Return the destinations that may hold a picture: answered, on its way, or tried with an answer that was lost."""
    return {row["destination"] for row in connection.execute(_MAYBE_THERE, (frame_id,))}


def _reference(row: Row) -> Reference:
    record = json.loads(row["record"])
    return Reference(
        sop_class_uid=row["sop_class_uid"] or (KEY_OBJECT if row["composed"] else record["sop_class_uid"]),
        sop_instance_uid=row["sop_instance_uid"],
        series_instance_uid=row["series_instance_uid"],
    )


def _insert(
    connection: Connection,
    removal_id: str,
    asked: Asked,
    state: RemovalState,
    note_id: str,
    destinations: tuple[str, ...],
    stamp: Stamp,
) -> None:
    connection.execute(
        "INSERT INTO removal (removal_id, exam_id, state, title, reason, words, who, at, unix, note_id, destinations)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (removal_id, asked.exam_id, state.value, asked.title, asked.reason, asked.words, stamp.who, stamp.at,
         stamp.unix, note_id, json.dumps(list(destinations))),
    )  # fmt: skip
    note(connection, "removal", removal_id, "request", "", state, stamp, code=asked.title)


def _reject(connection: Connection, row: Row, removal_id: str, title: str, stamp: Stamp) -> None:
    frame_id = row["frame_id"]
    connection.execute("INSERT INTO removal_item (frame_id, removal_id) VALUES (?, ?)", (frame_id, removal_id))
    if row["state"] != FrameState.PURGED:
        move(connection, "frame", frame_id, "reject", stamp, code=title)
    query = "SELECT job_id FROM job WHERE frame_id = ? AND kind = 'store' AND state IN ('pending', 'waiting', 'held')"
    for job in connection.execute(query, (frame_id,)).fetchall():
        move(connection, "job", job["job_id"], "discard", stamp, code="rejected")
        _say_why(connection, job["job_id"], "rejected", stamp)


def _say_why(connection: Connection, job_id: int, code: str, stamp: Stamp) -> None:
    connection.execute(
        "UPDATE job SET code = ?, words = ?, waits_for = '', run_id = '', settled_at = ? WHERE job_id = ?",
        (code, "Its removal was requested.", stamp.at, job_id),
    )


def _end(connection: Connection, asked: Asked, stamp: Stamp) -> None:
    """End an exam of which nothing is left, and its procedure step where it is still in progress."""
    move(connection, "exam", asked.exam_id, "reject", stamp, code=asked.title)
    connection.execute(
        "UPDATE exam SET reason = ?, release_due = NULL WHERE exam_id = ?", (TITLES[asked.title], asked.exam_id)
    )
    steps.end(connection, asked.exam_id, "discontinue", stamp, reason=STEP_REASON[asked.title])


def _get(connection: Connection, removal_id: str) -> Removal:
    row = connection.execute("SELECT * FROM removal WHERE removal_id = ?", (removal_id,)).fetchone()
    if row is None:
        raise NotFound("There is no such request.")
    items = connection.execute("SELECT frame_id FROM removal_item WHERE removal_id = ?", (removal_id,))
    return Removal(
        removal_id=row["removal_id"],
        exam_id=row["exam_id"],
        state=RemovalState(row["state"]),
        title=row["title"],
        reason=row["reason"],
        words=row["words"],
        who=row["who"],
        at=row["at"],
        note_id=row["note_id"],
        destinations=tuple(json.loads(row["destinations"])),
        frame_ids=tuple(item["frame_id"] for item in items),
        done_at=row["done_at"],
        done_by=row["done_by"],
    )
