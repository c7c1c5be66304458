"""The two machines that QEMU has for the image of a Raspberry Pi.

`Virt` is a machine for testing with everything a test wants, the door included; it takes kernel and initrd from the
image. `Raspi3b` is a Raspberry Pi 3: card, serial line, watchdog, USB. It begins with U-Boot of the image,
where the firmware of a real board ends, and has no door: whoever wants to know whether it lives asks its surroundings.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tests.appliance.guest import Guest, credentials
from tests.boards import pi
from tests.boards.contents import Contents

CARD_GB = 4
LIFE_S = 7200


def taken(image: Contents, number: int, name: str, folder: Path) -> Path:
    """Copy a file out of a FAT partition of the image."""
    out = folder / name
    out.write_bytes(image.file(number, name))
    return out


class Virt(Guest):
    """The image on QEMU's own arm64 machine."""

    def __init__(self, folder: Path, image: Contents, started: Callable[[], None]) -> None:
        vmlinuz, initrd = (taken(image, pi.KERNEL_A, name, folder) for name in ("vmlinuz", "initrd.img"))
        told = image.file(pi.KERNEL_A, "start.txt").decode().removeprefix("words=").strip()
        brought = " ".join(f"systemd.set_credential_binary={name}:{value}" for name, value in credentials().items())
        words = f"rauc.slot=a modality.start=proven {told} console=ttyAMA0 {brought}"
        super().__init__(folder, image.disk, kernel=(vmlinuz, initrd, words), size_gb=CARD_GB, started=started)

    def machine(self) -> list[str]:
        return ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a72"]


class Raspi3b:
    """A Raspberry Pi 3 with a card."""

    def __init__(self, folder: Path, image: Contents, card: Path, more: Sequence[str] = ()) -> None:
        self.folder, self.card, self._more = folder, card, tuple(more)
        self._loader = taken(image, pi.BOOT, "u-boot.bin", folder)
        self._tree = taken(image, pi.BOOT, "bcm2837-rpi-3-b.dtb", folder)
        self.console = folder / "raspi3b.log"
        self.process: subprocess.Popen[bytes] | None = None

    def arguments(self, serial: str = "") -> list[str]:
        """Return QEMU's command line; the console is the second serial line, the mini UART, as on the board."""
        return [
            "timeout", "-k", "5", str(LIFE_S), "qemu-system-aarch64", "-machine", "raspi3b", "-nodefaults",
            "-display", "none", "-kernel", str(self._loader), "-dtb", str(self._tree),
            "-drive", f"file={self.card},if=sd,format=raw,cache=writeback",
            "-serial", "null", "-serial", serial or f"file:{self.console}", *self._more,
        ]  # fmt: skip

    def on(self) -> None:
        """Switch on."""
        with (self.folder / "raspi3b-qemu.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.arguments(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def said(self) -> str:
        """Return what came over the serial line, without what steers a screen."""
        text = self.console.read_text(errors="replace") if self.console.exists() else ""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)

    def cut(self) -> None:
        """Take the power away."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)


def card(image: Contents, out: Path) -> Path:
    """Return a card with the image, as large as a real one: QEMU takes powers of two only."""
    subprocess.run(["cp", "--sparse=always", image.disk, out], check=True)
    os.truncate(out, CARD_GB << 30)
    return out
