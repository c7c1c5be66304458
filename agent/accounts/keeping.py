"""The worker of the accounts: writes down what time did to sessions, and minds the file with the first code.

A box without an administrator has an open enrolment code. It is readable in one place: the file `enrolment-code` in the
data folder (0600), from which the maker prints a label or a first-boot program shows it; the journal never has it. A
person who enrolled the box over its set-up page was shown a code there: it waits in that file and becomes the open one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agent.accounts.access import ADMINISTRATOR, Access
from agent.accounts.logins import Logins
from agent.accounts.secrets import usable
from agent.spool import fsync_folder
from agent.store import Stamp, Store

CODE_FILE = "enrolment-code"
_TURN_S = 2.0
_KEEP_ENDED_S = 30 * 86400.0


class Keeping:
    """Looks every two seconds; `root` is the data folder."""

    def __init__(
        self,
        store: Store,
        logins: Logins,
        access: Access,
        root: Path,
        *,
        stamp: Callable[[str], Stamp],
        turned: Callable[[], None],
    ) -> None:
        self._store, self._logins, self._access = store, logins, access
        self._file, self._stamp, self._turned = root / CODE_FILE, stamp, turned

    def now(self, who: str = "") -> Stamp:
        """Return when and in which run something is done, and by whom."""
        return self._stamp(who)

    def first_start(self) -> None:
        """See that a box without an administrator has an open code, readable in its file; durable on return."""
        if self._store.accounts.has_administrator():
            self.forget_file()
        elif not self._waits():
            code, _ = self._access.make_code(ADMINISTRATOR, "", told=usable(read_private(self._file)))
            write_private(self._file, f"{code}\n".encode())

    def forget_file(self) -> None:
        """Remove the file: its code was used, replaced, or is too old."""
        with suppress(FileNotFoundError):
            self._file.unlink()

    def _waits(self) -> bool:
        return self._store.accounts.open_code(ADMINISTRATOR, self._stamp("").unix)

    def run(self, stop: threading.Event) -> None:
        """Turn every two seconds until `stop`; the thread's main loop."""
        while not stop.is_set():
            self._turned()
            self.turn()
            stop.wait(_TURN_S)

    def turn(self) -> None:
        """Write down what time did since."""
        self._logins.end_overdue()
        if seen := self._logins.activity.unwritten():
            self._store.sessions.seen(seen)
        self._store.sessions.forget(self._stamp("").unix - _KEEP_ENDED_S)
        if self._file.exists() and not self._waits():
            self.forget_file()


def private_folder(folder: Path) -> None:
    """Make a folder that only the box's own user looks into, unless it is there; its name is durable on return."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fsync_folder(folder.parent)


def read_private(path: Path) -> str:
    """Return what a small file says; empty: there is none that can be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:200]
    except OSError:
        return ""


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only the box's own user reads, whole or not at all; durable on return."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    fsync_folder(path.parent)
