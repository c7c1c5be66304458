"""One scan job: a scanimage child in a folder of its own, its pages as they come, its end in words."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from drivers.scanner.command import ENDINGS, OTHER, TOO_SLOW, TRUNCATED, environment
from drivers.scanner.options import Options
from drivers.scanner.pnm import NotWhole, Page, read

_TURN_S = 0.2
_KILL_S = 3.0


class JobFailed(Exception):
    """The job ended before its time; pages that were handed over stay."""

    def __init__(self, code: str, message: str, pages: int) -> None:
        super().__init__(message)
        self.code, self.pages = code, pages


class Job:
    """Runs one command. `page` gets every whole page, `turn` is called often and says whether to go on."""

    def __init__(
        self, words: list[str], options: Options, *, page: Callable[[Page], None], turn: Callable[[], bool]
    ) -> None:
        self._words, self._options, self._page, self._turn = words, options, page, turn
        self.pages = 0

    def run(self) -> None:
        """Return when the last page is handed over; raises `JobFailed`."""
        with tempfile.TemporaryDirectory(prefix="scan-") as folder:
            child = subprocess.Popen(
                self._words,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(self._options),
                start_new_session=True,
            )
            try:
                self._follow(child, Path(folder))
            finally:
                _end(child)

    def _follow(self, child: subprocess.Popen[bytes], folder: Path) -> None:
        """Hand over each page whose name scanimage has printed: it was written whole and renamed before."""
        if child.stdout is None:
            raise JobFailed(*OTHER, self.pages)
        os.set_blocking(child.stdout.fileno(), False)
        rest, until = b"", monotonic() + self._options.page_timeout_s
        with selectors.DefaultSelector() as ready:
            ready.register(child.stdout, selectors.EVENT_READ)
            while True:
                ready.select(_TURN_S)
                told = child.stdout.read()
                if told == b"":
                    break
                *lines, rest = (rest + (told or b"")).split(b"\n")
                for line in lines:
                    self._hand_over(folder / line.decode("ascii", "replace").strip())
                    until = monotonic() + self._options.page_timeout_s
                if not self._turn():
                    _end(child)
                    raise JobFailed(*ENDINGS[2], self.pages)
                if monotonic() > until:
                    raise JobFailed(*TOO_SLOW, self.pages)
        self._judge(child.wait(_KILL_S))

    def _hand_over(self, file: Path) -> None:
        try:
            page = read(file.read_bytes())
        except (OSError, NotWhole) as e:
            raise JobFailed(*TRUNCATED, self.pages) from e
        file.unlink(missing_ok=True)
        self._page(page)
        self.pages += 1

    def _judge(self, status: int) -> None:
        if status == 7 and self.pages:
            return  # the feeder is empty: that is how a batch ends
        if status:
            raise JobFailed(*ENDINGS.get(status, OTHER), self.pages)
        if not self.pages:
            raise JobFailed(*ENDINGS[7], self.pages)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a scanimage and everything that it started; an interrupt first, so that the sheet is let go."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if child.poll() is not None:
            break
        try:
            os.killpg(child.pid, number)
            child.wait(_KILL_S)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    if child.stdout is not None:
        child.stdout.close()
