"""The few words that our device layers say to the kernel, as one seam: open, ioctl, wait, map, look into sysfs.

`LinuxKernel` says them. A test may put a recorder around it, or replay what was recorded, so that the code above
is the same on a machine without the device. Standard library only.
"""

from __future__ import annotations

import fcntl
import glob
import mmap
import os
import select
from contextlib import suppress
from pathlib import Path
from typing import Protocol

READABLE, URGENT, GONE = select.POLLIN, select.POLLPRI, select.POLLERR | select.POLLHUP | select.POLLNVAL


class Mapping(Protocol):
    """Memory that the kernel fills."""

    def read(self, size: int) -> bytes:
        """Return a copy of the first `size` bytes."""
        ...

    def close(self) -> None: ...


class Kernel(Protocol):
    """What a device layer may ask; every failure is an `OSError` with its errno."""

    def open(self, path: str) -> int:
        """Open a device node for reading and writing without blocking."""
        ...

    def close(self, fd: int) -> None: ...

    def ioctl(self, fd: int, request: int, argument: bytearray) -> None:
        """Ask the driver; `argument` is changed in place."""
        ...

    def read(self, fd: int, size: int) -> bytes: ...

    def wait(self, fd: int, timeout_s: float) -> int:
        """Return the events of `fd` (READABLE, URGENT, GONE), 0 after `timeout_s`."""
        ...

    def map(self, fd: int, length: int, offset: int) -> Mapping: ...

    def paths(self, pattern: str) -> list[str]:
        """Return the paths that match, sorted."""
        ...

    def text(self, path: str) -> str:
        """Return the text of a small file in sysfs without its line end; empty where there is none."""
        ...

    def real(self, path: str) -> str:
        """Return where a path leads after all symbolic links."""
        ...


class _Mapped:
    def __init__(self, mapped: mmap.mmap) -> None:
        self._mapped = mapped

    def read(self, size: int) -> bytes:
        return self._mapped[:size]

    def close(self) -> None:
        with suppress(BufferError):
            self._mapped.close()


class LinuxKernel:
    """The kernel of this machine."""

    def open(self, path: str) -> int:
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def close(self, fd: int) -> None:
        os.close(fd)

    def ioctl(self, fd: int, request: int, argument: bytearray) -> None:
        fcntl.ioctl(fd, request, argument, True)

    def read(self, fd: int, size: int) -> bytes:
        return os.read(fd, size)

    def wait(self, fd: int, timeout_s: float) -> int:
        poll = select.poll()
        poll.register(fd, READABLE | URGENT)
        found = poll.poll(max(0, round(timeout_s * 1000)))
        return found[0][1] if found else 0

    def map(self, fd: int, length: int, offset: int) -> Mapping:
        return _Mapped(mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=offset))

    def paths(self, pattern: str) -> list[str]:
        return sorted(glob.glob(pattern))  # noqa: PTH207 - an absolute pattern

    def text(self, path: str) -> str:
        try:
            return Path(path).read_text(errors="replace").strip()
        except OSError:
            return ""

    def real(self, path: str) -> str:
        return os.path.realpath(path)
