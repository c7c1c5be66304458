"""What a person does to the pictures of an exam before they are sent: each act one transaction (ruling 11).

A picture's annotation is frozen by the builder, just before its object is first built; from then on it is on its way
and every act here is refused. The builder asks in the same transaction whether the picture is still to be built, so an
act and the build can never cross (promise P3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.annotation import NOTHING_SAID, Annotation
from agent.errors import BadRequest, NotFound, WrongState
from agent.lifecycle import FrameState
from agent.review_errors import AlreadyOnItsWay
from agent.store import key_objects, steps
from agent.store.database import Connection, Database, Row
from agent.store.key_objects import NewKeyObject
from agent.store.transition import Stamp, move, note

_BEFORE_RELEASE = ("open", "finishing", "held")
_LOOK = """SELECT frame.frame_id, frame.exam_id, frame.state, frame.reason, exam.state AS exam_state,
    coalesce(annotation.frozen, 0) AS frozen, coalesce(annotation.deleted_from, '') AS deleted_from
    FROM frame JOIN exam USING (exam_id) LEFT JOIN annotation USING (frame_id)
    WHERE frame_id = ? AND frame.composed = 0"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remarks:
    """Everything a person said of one picture. `page`: its place among the sheets, None: as scanned."""

    said: Annotation = NOTHING_SAID
    key: bool = False
    page: int | None = None
    frozen: bool = False
    deleted_at: str = ""


class Review:
    """Every statement about the annotation table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, frame_id: str) -> Remarks:
        """Return what was said of one picture; nothing said: an empty one."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM annotation WHERE frame_id = ?", (frame_id,)).fetchone()
        return _remarks(row) if row else Remarks()

    def of_exam(self, exam_id: str) -> dict[str, Remarks]:
        """Return frame → what was said, for those of an exam of which something was."""
        query = "SELECT annotation.* FROM annotation JOIN frame USING (frame_id) WHERE frame.exam_id = ?"
        with self._database.read() as connection:
            return {row["frame_id"]: _remarks(row) for row in connection.execute(query, (exam_id,))}

    def counts(self, exam_id: str) -> tuple[int, int]:
        """Return how many pictures of an exam are key images, and how many are deleted and can be restored."""
        query = """SELECT count(*) FILTER (WHERE annotation.key_image AND frame.state <> 'tombstoned') AS key_images,
            count(*) FILTER (WHERE frame.state = 'tombstoned') AS deleted
            FROM frame LEFT JOIN annotation USING (frame_id) WHERE exam_id = ? AND composed = 0"""
        with self._database.read() as connection:
            row = connection.execute(query, (exam_id,)).fetchone()
        return int(row["key_images"]), int(row["deleted"])

    def delete(self, frame_id: str, stamp: Stamp, *, reason: str = "", released: bool = False) -> None:
        """Take a picture out (a tombstone); durable on return, its bytes stay for a while.

        With `released` a held picture of an exam that was sent may be given up, with a reason. Raises
        `AlreadyOnItsWay`, `WrongState`, `NotFound`.
        """

        def work(connection: Connection) -> None:
            row = _look(connection, frame_id)
            stuck = released and row["state"] == FrameState.HELD and not _built(connection, frame_id)
            if not stuck:
                _assert_here(row)
            move(connection, "frame", frame_id, "delete", stamp, code=reason)
            _say(connection, frame_id, deleted_at=stamp.at, deleted_from=row["state"])
            connection.execute("UPDATE frame SET reason = ? WHERE frame_id = ?", (reason or row["reason"], frame_id))
            steps.let_go(connection, row["exam_id"], stamp)

        self._database.write(work)

    def restore(self, frame_id: str, stamp: Stamp) -> None:
        """Bring a deleted picture back as it was, captured or held; durable on return. Raises as `delete`."""

        def work(connection: Connection) -> None:
            row = _look(connection, frame_id)
            _assert_here(row)
            event = "restore held" if row["deleted_from"] == FrameState.HELD else "restore"
            move(connection, "frame", frame_id, event, stamp)
            _say(connection, frame_id, deleted_at="", deleted_from="")

        self._database.write(work)

    def mark(self, frame_id: str, stamp: Stamp, *, on: bool, new: NewKeyObject) -> None:
        """Mark a picture as a key image, or no longer; durable on return.

        The first mark of an exam makes the row of its document, as `new`; the same UIDs serve it for ever. A picture
        that was sent by itself may still be marked until its exam is released. Raises `AlreadyOnItsWay`.
        """

        def work(connection: Connection) -> None:
            row = _look(connection, frame_id)
            if row["exam_state"] not in _BEFORE_RELEASE:
                raise AlreadyOnItsWay("The exam was sent: its key images are chosen before.")
            if row["state"] in (FrameState.TOMBSTONED, FrameState.BOUND, FrameState.REJECTED):
                raise WrongState("A picture that is not sent cannot be a key image.")
            _say(connection, frame_id, key_image=int(on))
            note(connection, "frame", frame_id, "mark" if on else "unmark", row["state"], row["state"], stamp)
            if on:
                key_objects.plan_of_interest(connection, row["exam_id"], new, stamp)

        self._database.write(work)

    def describe(self, frame_id: str, said: Annotation, stamp: Stamp) -> None:
        """Say which side a picture shows and what it is; durable on return. Raises `AlreadyOnItsWay`."""

        def work(connection: Connection) -> None:
            row = _look(connection, frame_id)
            _assert_here(row)
            _say(connection, frame_id, laterality=said.laterality, description=said.description)
            note(connection, "frame", frame_id, "describe", row["state"], row["state"], stamp)

        self._database.write(work)

    def reorder(self, exam_id: str, pages: Sequence[tuple[str, int]], stamp: Stamp) -> None:
        """Give sheets that are not bound yet other places: (frame, page number); durable on return.

        Raises `BadRequest` unless `pages` are exactly the loose sheets of the exam, `AlreadyOnItsWay`.
        """

        def work(connection: Connection) -> None:
            loose = connection.execute(_LOOSE, (exam_id,)).fetchall()
            if sorted(row["frame_id"] for row in loose) != sorted(frame_id for frame_id, _ in pages):
                raise BadRequest("The pages changed since they were shown, or not all of them were named.")
            for frame_id, page in pages:
                row = _look(connection, frame_id)
                _assert_here(row)
                _say(connection, frame_id, page=page)
                note(connection, "frame", frame_id, "reorder", row["state"], row["state"], stamp, code=str(page))

        self._database.write(work)

    def freeze(self, frame_id: str) -> Annotation | None:
        """Return what was said of a picture that is about to be built, frozen for ever; durable on return.

        None: it is not to be built (deleted, or its exam was taken back, since it was listed).
        """
        query = """SELECT 1 FROM frame JOIN exam USING (exam_id) WHERE frame_id = ? AND frame.state = 'captured'
            AND (exam.state = 'released'
                 OR (exam.state IN ('open', 'finishing') AND frame.release_due IS NOT NULL))"""

        def work(connection: Connection) -> Annotation | None:
            if connection.execute(query, (frame_id,)).fetchone() is None:
                return None
            connection.execute("INSERT OR IGNORE INTO annotation (frame_id) VALUES (?)", (frame_id,))
            connection.execute("UPDATE annotation SET frozen = 1 WHERE frame_id = ?", (frame_id,))
            row = connection.execute("SELECT * FROM annotation WHERE frame_id = ?", (frame_id,)).fetchone()
            return _remarks(row).said

        frozen = self.get(frame_id)
        return frozen.said if frozen.frozen and self._still(query, frame_id) else self._database.write(work)

    def _still(self, query: str, frame_id: str) -> bool:
        with self._database.read() as connection:
            return connection.execute(query, (frame_id,)).fetchone() is not None


_LOOSE = """SELECT frame_id FROM frame WHERE exam_id = ? AND state = 'captured'
    AND json_array_length(record, '$.page_numbers') = 1 AND json_extract(record, '$.number_of_frames') = 1"""


def _look(connection: Connection, frame_id: str) -> Row:
    row: Row | None = connection.execute(_LOOK, (frame_id,)).fetchone()
    if row is None:
        raise NotFound("There is no such picture.")
    return row


def _assert_here(row: Row) -> None:
    """Raise `AlreadyOnItsWay` unless the picture has not left and is not about to."""
    if row["exam_state"] not in _BEFORE_RELEASE or row["frozen"]:
        raise AlreadyOnItsWay


def _built(connection: Connection, frame_id: str) -> bool:
    return connection.execute("SELECT 1 FROM sop_instance WHERE frame_id = ?", (frame_id,)).fetchone() is not None


def _say(connection: Connection, frame_id: str, **values: object) -> None:
    connection.execute("INSERT OR IGNORE INTO annotation (frame_id) VALUES (?)", (frame_id,))
    told = ", ".join(column + " = ?" for column in values)
    connection.execute(f"UPDATE annotation SET {told} WHERE frame_id = ?", (*values.values(), frame_id))


def _remarks(row: Row) -> Remarks:
    return Remarks(
        said=Annotation(laterality=row["laterality"], description=row["description"]),
        key=bool(row["key_image"]),
        page=row["page"],
        frozen=bool(row["frozen"]),
        deleted_at=row["deleted_at"],
    )
