"""A data set on its way from the file into P-DATA-TF, in one buffer that never grows (PS3.8 9.3.5, Annex E).

The twelve header bytes of every PDU are laid once; the file is read into the gaps between them with one call,
hashed there, and everything leaves with one send. The command set stands right before the first PDU, so that
it leaves with the first data. Memory does not depend on the size of the object.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

from .part10 import FileFault
from .upper.pdu import pdata_header

BUFFER_SIZE = 512 << 10
_HEADER = 12
_COMMAND_ROOM = 2048


class Framing:
    """The buffer of one association whose peer takes at most `longest_fragment` data set bytes in a PDU."""

    def __init__(self, longest_fragment: int) -> None:
        self._chunk = longest_fragment
        self._stride = _HEADER + longest_fragment
        count = max(1, BUFFER_SIZE // self._stride)
        self._buffer = memoryview(bytearray(_COMMAND_ROOM + count * self._stride))
        starts = [_COMMAND_ROOM + i * self._stride for i in range(count)]
        self._gaps = [self._buffer[s + _HEADER : s + self._stride] for s in starts]
        self._context_id = 0
        self._shortened: int | None = None

    def prepare(self, context_id: int) -> None:
        """Lay the headers for this presentation context; cheap when nothing changed."""
        header = pdata_header(self._chunk, context_id, is_last=False)
        if context_id != self._context_id:
            self._context_id, self._shortened = context_id, None
            for i in range(len(self._gaps)):
                self._lay(i, header)
        elif self._shortened is not None:
            self._lay(self._shortened, header)
            self._shortened = None

    def _lay(self, number: int, header: bytes) -> None:
        start = _COMMAND_ROOM + number * self._stride
        self._buffer[start : start + _HEADER] = header

    def batches(self, fd: int, head: bytes, size: int, sha256: str, command: bytes) -> Iterator[memoryview]:
        """Yield what to send, `command` (whole PDUs) first; each piece is valid until the next is asked for.

        `head` is the part of the file before its data set. The piece with the last fragment is yielded only
        when the whole file had `size` bytes and the digest `sha256`; raises `FileFault` (`corrupt`,
        `unreadable`) instead.
        """
        digest = hashlib.sha256(head)
        at = len(head)
        if len(command) > _COMMAND_ROOM:
            yield memoryview(command)
            command = b""
        begin = _COMMAND_ROOM - len(command)
        self._buffer[begin:_COMMAND_ROOM] = command
        while at < size:
            count = min(size - at, len(self._gaps) * self._chunk)
            self._read(fd, at, count, digest)
            at += count
            end = self._end_of(count)
            if at == size:
                self._close_last(count)
                if digest.hexdigest() != sha256 or os.fstat(fd).st_size != size:
                    raise FileFault("corrupt")
            yield self._buffer[begin:end]
            begin = _COMMAND_ROOM

    def _read(self, fd: int, offset: int, count: int, digest: hashlib._Hash) -> None:
        """Read `count` bytes of the file into the gaps and hash them."""
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
        for gap in gaps:
            digest.update(gap)

    def _end_of(self, count: int) -> int:
        full, rest = divmod(count, self._chunk)
        return _COMMAND_ROOM + full * self._stride + (_HEADER + rest if rest else 0)

    def _close_last(self, count: int) -> None:
        """Mark the fragment that holds the last of `count` bytes as the last one."""
        number = (count - 1) // self._chunk
        self._lay(number, pdata_header(count - number * self._chunk, self._context_id, is_last=True))
        self._shortened = number


def _after(gaps: list[memoryview], got: int) -> list[memoryview]:
    """Return the gaps that are still empty after `got` bytes."""
    rest = []
    for gap in gaps:
        if got < len(gap):
            rest.append(gap[got:])
        got = max(0, got - len(gap))
    return rest
