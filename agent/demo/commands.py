"""Runs `modality-agent` commands as a user would, with bounded waits, and ends what it started."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

COMMAND = [sys.executable, "-P", "-m", "agent.cli"]
COMMAND_TIMEOUT_S = 60.0


class DemoFailed(Exception):
    """A step did not end as promised; the text says which and how."""


class Commands:
    """The commands of one demonstration below `folder`, all with one configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._config = folder / "config.toml"
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._pause = threading.Event()
        self._starting = self._interrupted = False

    def interrupt(self) -> None:
        """Raise `DemoFailed`, but never between the birth of a process and our knowledge of it."""
        self._interrupted = True
        if not self._starting:
            raise DemoFailed("interrupted")

    def start(self, *words: str) -> None:
        """Start a command that stays up; its output goes to `<folder>/<command>.log`."""
        self.start_foreign(words[0], self._line(words))

    def start_foreign(self, name: str, line: list[str]) -> None:
        """Start somebody else's program that stays up; its output goes to `<folder>/<name>.log`."""
        self._starting = True
        with (self.folder / f"{name}.log").open("wb") as out:
            process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self._running.append((name, process))
        self._starting = False
        if self._interrupted:
            self.interrupt()

    def pause(self, seconds: float) -> None:
        """Let time pass, as a person does who records."""
        self._pause.wait(seconds)

    def ask(self, *words: str) -> Any:
        """Run a client command with `--json` and return its answer; raises `DemoFailed`."""
        try:
            return json.loads(self.run(*words, "--json"))
        except ValueError as e:
            raise DemoFailed(f"`modality-agent {' '.join(words)} --json` did not answer in JSON") from e

    def run(self, *words: str) -> str:
        """Run a command to its end and return what it printed; raises `DemoFailed`."""
        try:
            done = subprocess.run(
                self._line(words), capture_output=True, check=False, timeout=COMMAND_TIMEOUT_S, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired as e:
            raise DemoFailed(f"`modality-agent {' '.join(words)}` took too long") from e
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise DemoFailed(f"`modality-agent {' '.join(words)}` said: {said}")
        return done.stdout.decode()

    def _line(self, words: tuple[str, ...]) -> list[str]:
        return [*COMMAND, "--config", str(self._config), *words]

    def until(self, what: str, holds: Callable[[], bool], limit_s: float) -> None:
        """Wait until `holds()`; raises `DemoFailed` after `limit_s` or when a started command has ended."""
        end = monotonic() + limit_s
        while not holds():
            for name, process in self._running:
                if process.poll() is not None:
                    raise DemoFailed(f"`modality-agent {name}` ended by itself ({process.returncode})")
            if monotonic() > end:
                raise DemoFailed(f"{what}: not within {limit_s:.0f} s")
            self._pause.wait(0.1)

    def logs(self) -> str:
        """Return the ends of all logs."""
        tails = []
        for name, _process in self._running:
            text = (self.folder / f"{name}.log").read_text(errors="replace")
            tails.append(f"--- {name}\n" + "\n".join(text.splitlines()[-15:]))
        return "\n".join(tails)

    def end(self) -> None:
        """End everything that was started, last first."""
        for _name, process in reversed(self._running):
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=10)
