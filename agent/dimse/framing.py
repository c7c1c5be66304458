"""A data set on its way from the file into P-DATA-TF, in one buffer that never grows (PS3.8 9.3.5, Annex E).

The twelve header bytes of every PDU are laid once; the file is read into the gaps between them with one call,
hashed there, and everything leaves with one send. The command set stands right before the first PDU, so that
it leaves with the first data. Memory does not depend on the size of the object. Large ones are hashed on a second
thread while the first sends: OpenSSL lets go of the interpreter.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Thread

from .part10 import FileFault
from .upper.pdu import pdata_header

BUFFER_SIZE = 512 << 10
_HEADER = 12
_COMMAND_ROOM = 2048


class Framing:
    """The buffers of one association whose peer takes at most `longest_fragment` data set bytes in a PDU."""

    def __init__(self, longest_fragment: int) -> None:
        self._chunk = longest_fragment
        self._stride = _HEADER + longest_fragment
        self._count = max(1, BUFFER_SIZE // self._stride)
        self._buffers = [_Buffer(self._count, self._stride)]
        self._digest = Digest()
        self._context_id = 0

    def prepare(self, context_id: int) -> None:
        """Lay the headers for this presentation context; cheap when nothing changed."""
        self._context_id = context_id
        for buffer in self._buffers:
            buffer.prepare(context_id, self._chunk)

    def batches(self, fd: int, head: bytes, size: int, sha256: str, command: bytes) -> Iterator[memoryview]:
        """Yield what to send, `command` (whole PDUs) first; each piece is valid until the next is asked for.

        `head` is the part of the file before its data set. The piece with the last fragment is yielded only
        when the whole file had `size` bytes and the digest `sha256`; raises `FileFault` (`corrupt`,
        `unreadable`) instead.
        """
        self._digest.begin(head, threaded=size - len(head) > self._count * self._chunk)
        at = len(head)
        if len(command) > _COMMAND_ROOM:
            yield memoryview(command)
            command = b""
        while at < size:
            buffer = self._next_buffer()
            count = min(size - at, self._count * self._chunk)
            buffer.read(fd, at, count, self._digest)
            at += count
            if at == size:
                buffer.close_last(count)
                if self._digest.result() != sha256 or os.fstat(fd).st_size != size:
                    raise FileFault("corrupt")
            yield buffer.framed(count, command)
            command = b""

    def _next_buffer(self) -> _Buffer:
        """Return a buffer that nobody hashes any more; the second one is made for the first large object."""
        if not self._digest.threaded:
            return self._buffers[0]
        if len(self._buffers) == 1:
            self._buffers.append(_Buffer(self._count, self._stride))
            self._buffers[1].prepare(self._context_id, self._chunk)
        self._buffers.reverse()
        self._digest.wait(most=1)
        return self._buffers[0]


class _Buffer:
    """Room for a command set and then `count` PDUs whose headers are laid."""

    def __init__(self, count: int, stride: int) -> None:
        self._stride, self._chunk = stride, stride - _HEADER
        self._bytes = memoryview(bytearray(_COMMAND_ROOM + count * stride))
        starts = [_COMMAND_ROOM + i * stride for i in range(count)]
        self._gaps = [self._bytes[s + _HEADER : s + stride] for s in starts]
        self._context_id = 0
        self._shortened: int | None = None

    def prepare(self, context_id: int, chunk: int) -> None:
        header = pdata_header(chunk, context_id, is_last=False)
        if context_id != self._context_id:
            self._context_id, self._shortened = context_id, None
            for i in range(len(self._gaps)):
                self._lay(i, header)
        elif self._shortened is not None:
            self._lay(self._shortened, header)
            self._shortened = None

    def _lay(self, number: int, header: bytes) -> None:
        start = _COMMAND_ROOM + number * self._stride
        self._bytes[start : start + _HEADER] = header

    def read(self, fd: int, offset: int, count: int, digest: Digest) -> None:
        """Read `count` bytes of the file into the gaps and have them hashed."""
        gaps = self._gaps[: -(-count // self._chunk)]
        gaps[-1] = gaps[-1][: count - (len(gaps) - 1) * self._chunk]
        try:
            got = os.preadv(fd, gaps, offset)
            while got < count:
                more = os.preadv(fd, _after(gaps, got), offset + got)
                if not more:
                    raise FileFault("corrupt")
                got += more
        except OSError as e:
            raise FileFault("unreadable") from e
        digest.add(gaps)

    def framed(self, count: int, command: bytes) -> memoryview:
        """Return the PDUs of `count` bytes, `command` right before them."""
        full, rest = divmod(count, self._chunk)
        begin, end = _COMMAND_ROOM - len(command), _COMMAND_ROOM + full * self._stride + (_HEADER + rest if rest else 0)
        self._bytes[begin:_COMMAND_ROOM] = command
        return self._bytes[begin:end]

    def close_last(self, count: int) -> None:
        """Mark the fragment that holds the last of `count` bytes as the last one."""
        number = (count - 1) // self._chunk
        self._lay(number, pdata_header(count - number * self._chunk, self._context_id, is_last=True))
        self._shortened = number


class Digest:
    """SHA-256 of one file after the other; of large ones on a thread of its own, while the sender sends."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._work: SimpleQueue[list[memoryview]] | None = None
        self._done: SimpleQueue[None] = SimpleQueue()
        self._pending = 0
        self.threaded = False

    def begin(self, head: bytes, *, threaded: bool) -> None:
        """Begin with a new file."""
        self.wait(most=0)
        self._hash, self.threaded = hashlib.sha256(head), threaded

    def add(self, parts: list[memoryview]) -> None:
        """Take the next bytes; with `threaded` they must stay until `wait` says so."""
        if not self.threaded:
            self._update(parts)
            return
        if self._work is None:
            self._work = SimpleQueue()
            Thread(target=self._run, args=(self._work,), daemon=True).start()
        self._pending += 1
        self._work.put(parts)

    def wait(self, *, most: int) -> None:
        """Wait until no more than `most` of the added parts are still to be hashed."""
        while self._pending > most:
            self._done.get()
            self._pending -= 1

    def result(self) -> str:
        """Return the digest of everything that was added, in hexadecimal."""
        self.wait(most=0)
        return self._hash.hexdigest()

    def _run(self, work: SimpleQueue[list[memoryview]]) -> None:
        while True:
            self._update(work.get())
            self._done.put(None)

    def _update(self, parts: list[memoryview]) -> None:
        for part in parts:
            self._hash.update(part)


def _after(gaps: list[memoryview], got: int) -> list[memoryview]:
    """Return the gaps that are still empty after `got` bytes."""
    rest = []
    for gap in gaps:
        if got < len(gap):
            rest.append(gap[got:])
        got = max(0, got - len(gap))
    return rest
