"""What one object is built of: the frame file, a clip's own file, or the video that was made of it."""

from __future__ import annotations

import os
from typing import Any

from agent.plain import to_plain
from agent.sop_classes import VIDEO
from agent.spool import Spool
from agent.store import StoredFrame
from agent.transfer_syntaxes import JPEG_BASELINE


class Material:
    """Open descriptors of one frame; close it."""

    def __init__(self, spool: Spool, frame: StoredFrame) -> None:
        record = frame.record
        self.frame_id = record.frame_id
        self.wants_video = record.sop_class_uid in VIDEO and record.transfer_syntax_uid == JPEG_BASELINE
        """A clip of JPEG frames that is to become one of the Video SOP Classes."""
        self._acquired_at = record.acquired_at
        self.told: dict[str, Any] = {"record": to_plain(record)} if frame.dated else {}
        """What the child is told beyond the file: the time that was said after the picture was taken."""
        self.fds = [spool.open_frame(record.frame_id)]
        if record.payload_file:
            try:
                self.fds.append(spool.open_clip(record.frame_id))
            except BaseException:
                self.close()
                raise

    def made(self, fd: int, record: dict[str, Any]) -> None:
        """From now on the payload is in `fd`, as `record` (plain values) says."""
        while len(self.fds) > 1:
            os.close(self.fds.pop())
        self.fds.append(fd)
        self.told = {"record": {**record, "acquired_at": self._acquired_at}}

    def close(self) -> None:
        """Give the descriptors back."""
        while self.fds:
            os.close(self.fds.pop())
