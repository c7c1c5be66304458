"""What one object is built of: the frame file, a clip's own file, the video that was made of it, or words alone."""

from __future__ import annotations

import os
from typing import Any

from agent.annotation import Annotation
from agent.frame_file import encode_header
from agent.key_object import KeyObject
from agent.model import Equipment, FrameRecord, IdentitySnapshot
from agent.plain import to_plain
from agent.sop_classes import VIDEO
from agent.spool import Spool
from agent.store import StoredFrame
from agent.transfer_syntaxes import JPEG_BASELINE


class Material:
    """Open descriptors of one object's parts, and what is told besides; close it."""

    def __init__(self, record: FrameRecord, told: dict[str, Any]) -> None:
        self.frame_id = record.frame_id
        self.wants_video = record.sop_class_uid in VIDEO and record.transfer_syntax_uid == JPEG_BASELINE
        """A clip of JPEG frames that is to become one of the Video SOP Classes."""
        self._acquired_at = record.acquired_at
        self.told = told
        """What the child is told beyond the files."""
        self.fds: list[int] = []

    @classmethod
    def of_picture(cls, spool: Spool, frame: StoredFrame, said: Annotation) -> Material:
        """Open the files of one picture; `said` is what its object says besides, as is a time that was said later."""
        record = frame.record
        dated = {"record": to_plain(record)} if frame.dated else {}
        material = cls(record, {"annotation": to_plain(said), **dated})
        try:
            material.fds.append(spool.open_frame(record.frame_id))
            if record.payload_file:
                material.fds.append(spool.open_clip(record.frame_id))
        except BaseException:
            material.close()
            raise
        return material

    @classmethod
    def of_document(
        cls, spool: Spool, record: FrameRecord, snapshot: IdentitySnapshot, equipment: Equipment, content: KeyObject
    ) -> Material:
        """Write what a frame file would say of a document without bytes, into a file without a name."""
        material = cls(record, {"key_object": to_plain(content)})
        material.fds.append(spool.begin_video())
        try:
            rest = memoryview(encode_header(record, snapshot, equipment, {}))
            while rest:
                rest = rest[os.write(material.fds[0], rest) :]
        except BaseException:
            material.close()
            raise
        return material

    def made(self, fd: int, record: dict[str, Any]) -> None:
        """From now on the payload is in `fd`, as `record` (plain values) says."""
        while len(self.fds) > 1:
            os.close(self.fds.pop())
        self.fds.append(fd)
        self.told = {**self.told, "record": {**record, "acquired_at": self._acquired_at}}

    def close(self) -> None:
        """Give the descriptors back."""
        while self.fds:
            os.close(self.fds.pop())
