"""The chip that keeps a key, as a real board has one: `swtpm`, whose state outlives the box's power."""

from __future__ import annotations

import subprocess
from pathlib import Path
from time import monotonic

from tests.system.world import PAUSE

_OPEN_S = 20.0


class Tpm:
    """A TPM 2.0 in `folder`. It is started anew with the box: QEMU's end is its end, its state stays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tpm"
        self.folder.mkdir(exist_ok=True)
        self.socket = folder / "tpm.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, once the one before has let go of its state; it ends by itself when QEMU lets go of it."""
        if self._process is not None:
            self._process.wait(_OPEN_S)
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.folder}", "--ctrl",
             f"type=unixio,path={self.socket}", "--flags", "startup-clear", "--terminate"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        end = monotonic() + _OPEN_S
        while not self.socket.exists():
            assert monotonic() < end, "swtpm does not start"
            PAUSE.wait(0.05)

    def arguments(self) -> list[str]:
        return [
            "-chardev", f"socket,id=chip,path={self.socket}", "-tpmdev", "emulator,id=tpm0,chardev=chip",
            "-device", "tpm-crb,tpmdev=tpm0",
        ]  # fmt: skip
