"""Copies the box's own part of a journal in memory into a bounded folder (`modality-agent-journal.timer`, hourly).

A box that runs from a card keeps its journal in memory, so that messages do not wear the card out; what a person needs
after a power cut is copied here: four files of at most a megabyte each. Started by its timer, never by the core.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

FILES = 4
LONGEST_FILE_BYTES = 1 << 20
_CURSOR = "cursor"
_LONGEST_S = 300


def name(number: int) -> str:
    """Return the name of a file: 0 is written now, the others are older."""
    return f"journal.{number}.log"


def keep(lines: Iterable[bytes], folder: Path) -> None:
    """Append `lines` to the folder, older files leaving; durable on return. Raises `OSError`."""
    file = (folder / name(0)).open("ab")
    try:
        for line in lines:
            if file.tell() + len(line) > LONGEST_FILE_BYTES:
                file.close()
                _shift(folder)
                file = (folder / name(0)).open("ab")
            file.write(line[:LONGEST_FILE_BYTES])
        file.flush()
        os.fsync(file.fileno())
    finally:
        file.close()


def _shift(folder: Path) -> None:
    for number in range(FILES - 2, -1, -1):
        if (folder / name(number)).exists():
            (folder / name(number)).replace(folder / name(number + 1))


def main(folder: Path) -> int:
    """Copy what was said since the last time; return the exit status of journalctl."""
    command = ["journalctl", "--quiet", "--no-pager", "--identifier=modality-agent", "--output=short-iso",
               f"--cursor-file={folder / _CURSOR}"]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as asked:
        keep(asked.stdout or (), folder)
        return asked.wait(_LONGEST_S)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
