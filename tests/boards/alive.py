"""Proofs of life of a box that has no door: what its surroundings hear of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from agent.dimse.sandbox.ris import Ris
from tests.appliance import site
from tests.appliance.guest import put_files
from tests.appliance.story import slowly
from tests.boards import pi
from tests.boards.contents import Contents
from tests.boards.machines import Raspi3b, card

ENROLMENT = "modality-agent-enrol.toml"
NO_WATCHDOG = "module_blacklist=bcm2835_wdt"
"""QEMU starts its Raspberry Pi anew at the moment when the watchdog is armed, as the system does. It is told to the
kernel of the copy that is started, the one thing in which it is not the image.
"""
LIMIT_S = 2400.0
"""Generous: four emulated processors share two that others use as well."""


@contextmanager
def asked_of_the_ris() -> Iterator[list[float]]:
    """Let the RIS write down when it was asked for its worklist."""
    own, told, lock = Ris.find, [], threading.Lock()

    def find(self: Ris, event: Any) -> Any:
        with lock:
            told.append(monotonic())
        return own(self, event)

    Ris.find = find  # type: ignore[method-assign]
    try:
        yield told
    finally:
        Ris.find = own  # type: ignore[method-assign]


def enrolled_by_its_card(folder: Path, image: Contents) -> str:
    """A Raspberry Pi 3 with the image and an enrolment file on its card, nothing else, until its RIS is asked by it."""
    medium = card(image, folder / "card.img")
    offset = image.partitions[pi.BOOT].offset
    with asked_of_the_ris() as asked, site.site_in(folder / "site") as sandbox:
        content = site.enrolment(sandbox, source=site.SIMULATOR, pedal=False, reader=False)
        put_files(medium, offset, {ENROLMENT: content})
        words = image.file(pi.KERNEL_A, "start.txt").decode().rstrip()
        put_files(medium, image.partitions[pi.KERNEL_A].offset, {"start.txt": f"{words} {NO_WATCHDOG}\n".encode()})
        assert b"PRIVATE KEY" in Contents(medium).file(pi.BOOT, ENROLMENT)
        box = Raspi3b(folder, image, medium, ("-netdev", "user,id=n0", "-device", "usb-net,netdev=n0"))
        begun = monotonic()
        box.on()
        try:
            slowly("U-Boot chooses a system", lambda: "system a, proven" in box.said(), LIMIT_S)
            chosen = monotonic() - begun
            slowly("the RIS is asked by the box", lambda: asked or _running(box), LIMIT_S)
            ready = asked[0] - begun
            slowly("the enrolment file is gone", lambda: ENROLMENT not in Contents(medium).names(pi.BOOT), LIMIT_S)
        except AssertionError:
            print(box.said()[-3000:], flush=True)
            raise
        finally:
            box.cut()
    boot = Contents(medium).read(pi.BOOT)
    assert b"PRIVATE KEY" not in boot, "the key is still on the card"
    medium.unlink()
    return f"U-Boot chose after {chosen:.0f} s; enrolled, network, clock, RIS asked over TLS after {ready:.0f} s"


def _running(box: Raspi3b) -> bool:
    assert box.process is not None
    assert box.process.poll() is None, "QEMU ended"
    assert "Kernel panic" not in box.said()
    return False
