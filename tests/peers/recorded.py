"""A conversation with the kernel, recorded on a machine that has the device and replayed on one that has not.

What is recorded is every word at the seam `drivers.kernel.Kernel` and every reading of the clock, in order. In a
replay the code has to say the same words; what the kernel answered then, it answers now.
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from pathlib import Path
from typing import Any

from drivers.clock import Monotonic
from drivers.kernel import LinuxKernel, Mapping

Word = list[Any]
"""[what, arguments, answer, errno]; large byte strings as zlib in base64."""


LONGEST = 200_000
"""What does not compress to this is noise (a decoder without a signal); it is replayed as black."""


def _told(data: bytes, level: int = 1) -> str:
    return base64.b85encode(zlib.compress(bytes(data), level)).decode()


def _heard(text: str) -> bytes:
    return zlib.decompress(base64.b85decode(text))


class Recorder:
    """A kernel and a clock that write down what they are asked."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self._kernel, self._clock = LinuxKernel(), Monotonic()

    def now_ns(self) -> int:
        now = self._clock.now_ns()
        self.words.append(["now", [], now, 0])
        return now

    def open(self, path: str) -> int:
        return int(self._say("open", [path], lambda: self._kernel.open(path)))

    def close(self, fd: int) -> None:
        self._say("close", [fd], lambda: self._kernel.close(fd))

    def ioctl(self, fd: int, request: int, argument: bytearray) -> None:
        word = ["ioctl", [fd, request, _told(argument)], None, 0]
        self.words.append(word)
        try:
            self._kernel.ioctl(fd, request, argument)
        except OSError as e:
            word[3] = e.errno
            raise
        word[2] = _told(argument)

    def read(self, fd: int, size: int) -> bytes:
        return _heard(self._say("read", [fd, size], lambda: _told(self._kernel.read(fd, size))))

    def wait(self, fd: int, timeout_s: float) -> int:
        return int(self._say("wait", [fd], lambda: self._kernel.wait(fd, timeout_s)))

    def map(self, fd: int, length: int, offset: int) -> Mapping:
        mapped = self._kernel.map(fd, length, offset)
        self.words.append(["map", [fd, length, offset], None, 0])
        return _RecordedMapping(self, mapped)

    def paths(self, pattern: str) -> list[str]:
        return list(self._say("paths", [pattern], lambda: self._kernel.paths(pattern)))

    def text(self, path: str) -> str:
        return str(self._say("text", [path], lambda: self._kernel.text(path)))

    def real(self, path: str) -> str:
        return str(self._say("real", [path], lambda: self._kernel.real(path)))

    def _say(self, what: str, arguments: list[Any], ask: Any) -> Any:
        word: Word = [what, arguments, None, 0]
        self.words.append(word)
        try:
            word[2] = ask()
        except OSError as e:
            word[3] = e.errno
            raise
        return word[2]


class _RecordedMapping:
    def __init__(self, recorder: Recorder, mapped: Mapping) -> None:
        self._recorder, self._mapped = recorder, mapped

    def read(self, size: int) -> bytes:
        data = self._mapped.read(size)
        told = _told(data)
        self._recorder.words.append(["content", [size], told if len(told) <= LONGEST else "", 0])
        return data

    def close(self) -> None:
        self._mapped.close()


class Replay:
    """A kernel and a clock that answer as recorded, and refuse any other question."""

    def __init__(self, words: list[Word]) -> None:
        self._words = iter(words)

    def _next(self, what: str, arguments: list[Any]) -> Any:
        told, asked, answer, number = next(self._words, ["nothing", [], None, 0])
        assert [told, asked] == [what, arguments], f"recorded: {told} {asked}, asked: {what} {arguments}"
        if number:
            raise OSError(number, "as recorded")
        return answer

    def now_ns(self) -> int:
        return int(self._next("now", []))

    def open(self, path: str) -> int:
        return int(self._next("open", [path]))

    def close(self, fd: int) -> None:
        self._next("close", [fd])

    def ioctl(self, fd: int, request: int, argument: bytearray) -> None:
        argument[:] = _heard(self._next("ioctl", [fd, request, _told(argument)]))

    def read(self, fd: int, size: int) -> bytes:
        return _heard(self._next("read", [fd, size]))

    def wait(self, fd: int, _timeout_s: float) -> int:
        return int(self._next("wait", [fd]))

    def map(self, fd: int, length: int, offset: int) -> Mapping:
        self._next("map", [fd, length, offset])
        return _ReplayedMapping(self)

    def content(self, size: int) -> bytes:
        told = self._next("content", [size])
        return _heard(told) if told else bytes(size)

    def paths(self, pattern: str) -> list[str]:
        return list(self._next("paths", [pattern]))

    def text(self, path: str) -> str:
        return str(self._next("text", [path]))

    def real(self, path: str) -> str:
        return str(self._next("real", [path]))


class _ReplayedMapping:
    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def read(self, size: int) -> bytes:
        return self._replay.content(size)

    def close(self) -> None:
        pass


def save(path: Path, head: dict[str, Any], scenes: dict[str, dict[str, Any]], matters: bytes) -> None:
    """Write `head` (kernel version, commit) and the scenes, one JSON line each.

    Of the pictures only those are kept that equal `matters`; every other one is replayed as black of its size.
    """
    for scene in scenes.values():
        for word in scene["words"]:
            if word[0] == "content" and word[2]:
                word[2] = _told(matters, 9) if _heard(word[2]) == matters else ""
    lines = [json.dumps(head, sort_keys=True), *(json.dumps([name, scene]) for name, scene in scenes.items())]
    path.write_bytes(gzip.compress("\n".join(lines).encode(), 9, mtime=0))


def load(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the head and the scenes of a recording."""
    head, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    return json.loads(head), dict(json.loads(line) for line in lines)
