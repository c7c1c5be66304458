"""`make board-test`: the image of a Raspberry Pi, unmodified, read from its file and started on two machines of QEMU.

What is in it is read with sfdisk, mtools and unsquashfs. It is started on QEMU's own arm64 machine, with the test's
door, and on a Raspberry Pi 3 from its card: U-Boot, kernel, enrolment, until the RIS is asked. U-Boot's two words are
tried with small systems and power cuts. Then everything is built twice from nothing and compared. What no emulator has,
the board's firmware before U-Boot, is said in docs/appliance.md. The last line says what was shown, each with its time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from tests.appliance import site
from tests.appliance.closed import PORTS, listening
from tests.appliance.guest import fat_stick
from tests.appliance.image import image, manifest, missing
from tests.appliance.story import Story, slowly
from tests.boards import pi, system, twice
from tests.boards.alive import enrolled_by_its_card
from tests.boards.contents import Contents
from tests.boards.machines import Raspi3b, Virt, card
from tests.update.tiny import Tiny, contents, shown

BOARD, ARCHITECTURE = "rpi-arm64", "arm64"
NEEDED = ("raspi-firmware", "u-boot-rpi", "linux-image-arm64")
_NAMES = {pi.KERNEL_A: "kernel-a", pi.KERNEL_B: "kernel-b", pi.SYSTEM_A: "system-a", pi.SYSTEM_B: "system-b"}
_MEMORY = "awk '/^MemTotal|^MemAvailable/{print $2}' /proc/meminfo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the parts share."""

    folder: Path
    built: Path
    image: Contents
    version: str
    cuts: int

    @property
    def root(self) -> Path:
        """Return what is read of the system, unpacked once."""
        out = self.folder / "system"
        return out if out.exists() else self.image.unpack(pi.SYSTEM_A, out, system.READ)


class TinyPi(Tiny):
    """A small box that is a Raspberry Pi 3."""

    def __init__(self, board: Raspi3b) -> None:
        super().__init__(board.folder, board.card)
        self._board = board

    def arguments(self, serial: str) -> list[str]:
        return self._board.arguments(serial)


def _loader(told: Shown) -> str:
    """U-Boot and `boot-choice`, with small systems in the slots of a card, and the power taken away."""
    medium = card(told.image, told.folder / "tiny.img")
    at = {name: (place.offset, place.size) for n, place in told.image.partitions.items() if (name := _NAMES.get(n))}
    box = TinyPi(Raspi3b(told.folder, told.image, medium))
    try:
        return shown(box, at, contents(told.folder, told.root, told.built, "ttyS1"), told.cuts, seed=6)
    finally:
        medium.unlink()


def _virt(told: Shown) -> str:
    """The whole box on QEMU's arm64 machine: closed before, ready after an enrolment by a stick."""
    with site.site_in(told.folder / "site-virt") as sandbox:
        guest = Virt(told.folder, told.image, sandbox.time_server.anew)
        story = Story(told.folder, guest, sandbox)
        try:
            up = guest.boot(1800)
            assert guest.sh("uname -m").strip() == "aarch64"
            assert guest.sh("cat /run/modality-agent-image/booted").strip() == "a"
            slowly("the set-up page listens, and nothing else", lambda: listening(guest) == PORTS)
            enrolment = site.enrolment(sandbox, source=site.SIMULATOR, pedal=False, reader=False)
            begun = monotonic()
            guest.plug_stick(fat_stick(told.folder, "enrol.img", {"modality-agent-enrol.toml": enrolment}), "enrol")
            slowly("the clock is trusted", lambda: story.get("/status")["clock_trust"] == "synchronised", 1800)
            story.source_where("the source is ready", 1800, state="ready")
            ready = monotonic() - begun
            story.open_exam()
            frame = story.post("/sources/us1/capture", {"trigger_id": "picture 1"})
            story.finish_and_receive(str(frame["sop_instance_uid"]))
            listens = listening(guest)
            assert listens == PORTS, f"listening: {sorted(listens)}"
            total, free = (int(word) >> 10 for word in guest.sh(_MEMORY).split())
            size = guest.sh("df -m / /data | awk 'NR>1{print $2}'").split()
        except BaseException:
            print(guest.log_tail(), flush=True)
            with suppress(Exception):
                print(guest.ask(sh="journalctl -b --no-pager | tail -60")["out"], flush=True)
            raise
        finally:
            guest.stop()
    return (
        f"up {up:.0f} s after power, ready {ready:.0f} s after the stick, a picture at the PACS; "
        f"{total - free} of {total} MiB of memory in use; system {size[0]} MiB, data grown to {size[1]} MiB"
    )


def _raspi3b(told: Shown) -> str:
    return enrolled_by_its_card(told.folder, told.image)


PARTS: tuple[tuple[str, Callable[[Shown], str]], ...] = (
    ("partitions", lambda told: pi.partitions(told.image)),
    ("firmware", lambda told: pi.firmware(told.image)),
    ("kernel", lambda told: pi.kernel(told.image)),
    ("packages", lambda told: system.packages(told.root, ARCHITECTURE, told.version, NEEDED)),
    ("nobody gets in", lambda told: system.closed(told.root)),
    ("virt", _virt),
    ("raspi3b", _raspi3b),
    ("loader", _loader),
)
"""Everything that is shown of one image, in order."""


def _twice(folder: Path, *, base: bool) -> str:
    """Build everything twice and name every difference."""
    one, two = (twice.built(BOARD, name, base=base) for name in ("one", "two"))
    found = twice.differences(one, two, folder)
    for name in found[: twice.MOST_NAMED]:
        print(f"         differs: {name}", flush=True)
    assert not found, f"{len(found)} differences between two builds of one commit"
    what = "Debian, package and image" if base else "package and image, from the same Debian"
    return f"{what}, built twice: the same bytes, but for {len(twice.ALLOWED)} that are listed"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names of parts, with commas")
    parser.add_argument("--cuts", type=int, default=3, help="while the loader's words are written")
    parser.add_argument("--twice", choices=("no", "image", "base"), default="image", help="what is built twice")
    parser.add_argument("--folder", default=None, help="where the disks of the test are put")
    a = parser.parse_args()
    why = missing("aarch64")
    if why:
        print(f"board test: not possible here, {why}")
        return 2
    wanted = a.only.split(",") if a.only else [name for name, _ in PARTS]
    took: list[tuple[str, float]] = []

    def part(name: str, act: Callable[[], str]) -> None:
        begun = monotonic()
        said = act()
        took.append((name, monotonic() - begun))
        print(f"[{took[-1][1]:6.1f} s] {name}: {said}", flush=True)

    built = image(BOARD)
    version = str(manifest(built)["version"])
    size = (built / "disk.img.zst").stat().st_size >> 20
    print(f"image {version}: {size} MiB compressed", flush=True)
    with tempfile.TemporaryDirectory(prefix="boards-", dir=a.folder) as name:
        told = Shown(folder=Path(name), built=built, image=Contents(built / "disk.img"), version=version, cuts=a.cuts)
        for title, act in PARTS:
            if title in wanted:
                part(title, lambda act=act: act(told))  # type: ignore[misc]
        if a.twice != "no" and not a.only:
            part("built twice", lambda: _twice(Path(name), base=a.twice == "base"))
    print(f"shown in {sum(s for _, s in took):.0f} s: {', '.join(f'{what} {s:.0f} s' for what, s in took)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
