"""Puts the frames of a clip on the disk in a thread of its own, and makes them durable once a second.

The payload is synced before its index: whatever the index names is there (ruling 13). The descriptors belong to the
writer until `finish`. A disk that is slower than the source makes frames fall out, counted, never the loop wait.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import zlib
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from drivers.clip_index import Indexed, encode

SYNC_S = 1.0
MOST_WAITING = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What is durable."""

    frames: int = 0
    size: int = 0
    sha256: str = ""


class ClipWriter:
    """Writes one clip; `put` never blocks."""

    def __init__(self, payload_fd: int, index_fd: int) -> None:
        self._payload_fd, self._index_fd = payload_fd, index_fd
        self._waiting: queue.Queue[tuple[bytes, int, int] | None] = queue.Queue(MOST_WAITING)
        self._hash = hashlib.sha256()
        self._pending: list[Indexed] = []
        self._size = self._frames = 0
        self.durable = Written()
        self.error: OSError | None = None
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="clip", daemon=True)
        self._thread.start()

    def put(self, jpeg: bytes, captured_ns: int, number: int) -> bool:
        """Take a frame to be written; False: the disk is behind and the frame is counted as dropped."""
        try:
            self._waiting.put_nowait((jpeg, captured_ns, number))
        except queue.Full:
            self.dropped += 1
            return False
        return True

    def finish(self, timeout_s: float) -> Written:
        """Write and sync what waits, close the descriptors and return what is durable; raises `OSError`."""
        with suppress(queue.Full):
            self._waiting.put(None, timeout=timeout_s)
        self._thread.join(timeout_s)
        if self.error is not None:
            raise self.error
        return self.durable

    def _run(self) -> None:
        try:
            self._write_until_told()
        except OSError as e:
            self.error = e
        finally:
            os.close(self._payload_fd)
            os.close(self._index_fd)

    def _write_until_told(self) -> None:
        sync_at = monotonic()  # the first frame at once: from then on the clip exists
        while True:
            with suppress(queue.Empty):
                taken = self._waiting.get(timeout=SYNC_S)
                if taken is None:
                    break
                self._write(*taken)
            if monotonic() >= sync_at:
                self._sync()
                sync_at = monotonic() + SYNC_S
        self._sync()

    def _write(self, jpeg: bytes, captured_ns: int, number: int) -> None:
        rest = memoryview(jpeg)
        while rest:
            rest = rest[os.write(self._payload_fd, rest) :]
        self._hash.update(jpeg)
        self._pending.append(
            Indexed(offset=self._size, size=len(jpeg), captured_ns=captured_ns, number=number, crc=zlib.crc32(jpeg))
        )
        self._size += len(jpeg)
        self._frames += 1

    def _sync(self) -> None:
        if not self._pending:
            return
        os.fsync(self._payload_fd)
        os.write(self._index_fd, b"".join(encode(frame) for frame in self._pending))
        os.fsync(self._index_fd)
        self._pending.clear()
        self.durable = Written(frames=self._frames, size=self._size, sha256=self._hash.copy().hexdigest())
