"""Re-identify: the pictures of one exam become those of another patient's, as one operation (ruling 3).

New files first (new header, the same payload bytes; a clip's file gets a second name), each durable; then one
transaction says that the new exam is and the old one is not. A crash in between leaves files that nobody was told of:
they name the picture that they were made of, and the boot scan removes them. The payloads of the old exam stay until
retention takes them.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from agent.devices import Devices
from agent.errors import AgentError, OutOfDate, StorageError, WrongState
from agent.exam import Examinations
from agent.frame_file import MOVED_FROM, decode_header, encode_header
from agent.lifecycle import ExamState, FrameState
from agent.model import FrameRecord, IdentitySnapshot
from agent.opening import Confirmed
from agent.spool import FRAME, Spool, Steps
from agent.store import Exam, Move, MovedFrame, NewKeyObject, Store, StoredFrame
from agent.store.moves import MOVABLE
from agent.store.transition import Stamp

_MOVABLE = frozenset(ExamState) - {ExamState.DISCARDED}
REMOVAL_CODE = "113038"
"""PS3.16 CID 7010: Incorrect Modality Worklist Entry."""
UNASKED = "I-14"
"""Alarm: sent pictures of another patient have to be removed, and nobody asked the archive yet."""


class Moving:
    """Moves the pictures of one exam to another patient."""

    def __init__(
        self,
        store: Store,
        spool: Spool,
        devices: Devices,
        exams: Examinations,
        *,
        uids: Callable[[], str],
        steps: Steps,
    ) -> None:
        self._store, self._spool, self._devices, self._exams = store, spool, devices, exams
        self._uids, self._steps = uids, steps

    def move(self, exam_id: str, confirmed: Confirmed, reason: str, stamp: Stamp) -> Exam:
        """Return the new exam; on return it, its pictures and the end of the old one are durable.

        What was built of the old exam stays as it is: then its removal is wanted (`store.moves.removals_wanted`), and
        pictures whose bytes are gone do not come along. Raises `WrongState`, `OutOfDate` and what opening raises.
        """
        old = self._store.exams.get(exam_id)
        self._assert_movable(old, confirmed.snapshot)
        self._exams.closing(old)
        with self._exams.numbering(old):  # no press enters the old exam meanwhile
            made: list[MovedFrame] = []
            try:
                new = self._move(self._store.exams.get(exam_id), confirmed, reason, stamp, made)
            except StorageError:
                raise  # the transaction may be durable all the same: the boot scan tells
            except AgentError:
                for picture in made:
                    self._drop(picture.record.frame_id)
                raise
        self._steps("move:recorded")
        with suppress(AgentError):
            self._devices.get(old.source).flush()
        for changed in (old.exam_id, new.exam_id):
            self._exams.told(changed)
        return new

    def _assert_movable(self, old: Exam, snapshot: IdentitySnapshot) -> None:
        if old.state not in _MOVABLE:
            raise WrongState("The exam was discarded. Its pictures cannot be moved.")
        was, now = ((s.patient, s.study_instance_uid, s.steps) for s in (old.snapshot, snapshot))
        if was == now:
            raise WrongState("The exam is that patient's and that order's already.")
        if not any(frame.state in MOVABLE for frame in self._store.frames.of_exam(old.exam_id)):
            raise WrongState("The exam has no picture that could be moved.")

    def _move(
        self, old: Exam, confirmed: Confirmed, reason: str, stamp: Stamp, made: list[MovedFrame]
    ) -> Exam:
        frames = self._store.frames.of_exam(old.exam_id)
        asked = Move(
            old_exam_id=old.exam_id,
            new_exam_id=str(uuid.UUID(bytes=os.urandom(16), version=4)),
            snapshot=confirmed.snapshot,
            equipment=old.equipment,
            series_instance_uid=self._uids(),
            pictures=(),
            reason=reason,
            release_due=self._exams.release_due(),
            sent=any(frame.state in (FrameState.BUILT, FrameState.PURGED) for frame in frames),
            entry_key=confirmed.entry_key,
            entry_digest=confirmed.entry_digest,
            key_object=NewKeyObject(
                frame_id=self._exams.new_frame_id(), sop_instance_uid=self._uids(), series_instance_uid=self._uids()
            ),
            step=self._exams.new_step(),
        )
        for frame in frames:
            if frame.state in MOVABLE:
                made.append(self._copy(asked, frame, stamp))  # noqa: PERF401 - a failure drops what was made so far
        self._steps("move:files-written")
        return self._store.moves.move(replace(asked, pictures=tuple(made)), stamp)

    def _copy(self, asked: Move, frame: StoredFrame, stamp: Stamp) -> MovedFrame:
        """Write one picture under its new identity; on return its file is whole, named and on the disk."""
        old = frame.record.frame_id
        record = self._renamed(asked, frame.record)
        fd = self._spool.open_frame(old)
        try:
            header = decode_header(lambda size: os.read(fd, size))
            if header.record.payload_sha256 != record.payload_sha256:
                raise OutOfDate("A stored file is not the picture that the database names.")
            # The time that a person said belongs to the row; the file tells what was captured.
            told = replace(record, acquired_at=header.record.acquired_at)
            extra = {**header.extra, MOVED_FROM: old, "opened_at": stamp.at, "run_id": stamp.run_id}
            head = encode_header(told, asked.snapshot, asked.equipment, extra)
            if record.payload_file:
                self._spool.link_clip(old, record.frame_id)
                self._steps("move:clip-linked")
            payload_fd = None if record.payload_file else fd
            size = self._spool.write_frame(
                record.frame_id, head, payload_fd, record.payload_size, offset=header.payload_offset, step="move"
            )
        finally:
            os.close(fd)
        held = frame.state is FrameState.HELD
        return MovedFrame(
            old_frame_id=old,
            record=told,
            file_size=size,
            state=FrameState.HELD if held else FrameState.CAPTURED,
            reason=frame.reason if held else "",
            boot_id=frame.boot_id,
        )

    def _renamed(self, asked: Move, record: FrameRecord) -> FrameRecord:
        frame_id = self._exams.new_frame_id()
        return replace(
            record,
            frame_id=frame_id,
            exam_id=asked.new_exam_id,
            snapshot_digest=asked.snapshot.digest(),
            sop_instance_uid=self._uids(),
            series_instance_uid=asked.series_instance_uid,
            trigger_id=f"moved-{frame_id}",
        )

    def _drop(self, frame_id: str) -> None:
        """Remove the files of a picture that came to nothing; the picture that it was made of stays."""
        with suppress(AgentError):
            self._spool.remove(self._spool.frames / f"{frame_id}{FRAME}")
            self._spool.drop_clip(frame_id)
