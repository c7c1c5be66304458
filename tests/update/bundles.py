"""The updates that the test offers, made of the built image's own system: a good one, one whose service never gets
ready, one that somebody else signed, an older one. Made once for an image.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.appliance.image import BUILD, ROOT, manifest

sys.path.insert(0, str(ROOT / "image"))

import bundle
from board import BOARDS

NEVER_READY = "[Service]\nExecStart=\nExecStart=/bin/sleep infinity\n"
BOARD = "pc-amd64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundles:
    """Bundle files and the versions in them; `root`: the image's system, unpacked."""

    folder: Path
    root: Path
    installed: str
    good: str
    broken: str
    older: str

    def version(self, name: str) -> str:
        """Return the version of a bundle; the forged one says that it is the good one."""
        return {"good": self.good, "broken": self.broken, "older": self.older, "forged": self.good}[name]

    def file(self, name: str) -> Path:
        """Return the file of `good`, `broken`, `older` or `forged`."""
        return self.folder / f"{name}.raucb"


def offered(image: Path) -> Bundles:
    """Return what is offered to the image in `image`, its system unpacked and the bundles not made yet."""
    version = str(manifest(image)["version"])
    folder = BUILD / f"update-test-{version.partition('+')[2]}"
    base, stamp = version.split("+")
    made = Bundles(
        folder=folder,
        root=folder / "root",
        installed=version,
        good=f"{base}+{int(stamp) + 1}",
        broken=f"{base}+{int(stamp) + 2}",
        older=f"{base}+{int(stamp) - 1}",
    )
    if not (folder / "unpacked").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _run("unsquashfs", "-q", "-n", "-d", made.root, image / "system.squashfs")
        (folder / "unpacked").touch()
    return made


def make(made: Bundles, image: Path, names: Sequence[str]) -> None:
    """Make those of the bundles that are not there yet."""
    ours = bundle.development(BUILD / "signing")
    theirs = bundle.Signer(
        authority=made.folder / "other-authority.pem",
        key=made.folder / "other.key",
        certificate=made.folder / "other.pem",
    )
    if not theirs.certificate.exists():
        bundle.new_signer(theirs)
    small = made.folder / "small.img"
    small.write_bytes(random.Random(1).randbytes(1 << 20))
    for name in names:
        part = made.folder / "part.raucb"
        if made.file(name).exists():
            continue
        if name in ("good", "broken"):
            system = _system(made, name)
            bundle.make(BOARDS[BOARD], system, image / "kernel.fat", part, made.version(name), ours)
            system.unlink()
        else:
            bundle.make(BOARDS[BOARD], small, small, part, made.version(name), theirs if name == "forged" else ours)
        part.rename(made.file(name))


def _system(made: Bundles, name: str) -> Path:
    """Return the image's system with the version of a bundle; the broken one's service never gets ready."""
    drop_in = made.root / "etc/systemd/system/modality-agent.service.d/99-never-ready.conf"
    drop_in.unlink(missing_ok=True)
    if name == "broken":
        drop_in.write_text(NEVER_READY)
    (made.root / "usr/lib/modality-agent-image/version").write_text(f"{made.version(name)}\n")
    out = made.folder / "system.squashfs"
    fast = ("-comp", "zstd", "-Xcompression-level", "1", "-b", "256K")
    _run("mksquashfs", made.root, out, "-quiet", "-no-progress", "-noappend", "-no-xattrs", *fast)
    return out


def _run(*line: str | Path) -> None:
    subprocess.run([str(word) for word in line], check=True, stdout=subprocess.DEVNULL)


def disk_of(made: Bundles, folder: Path, names: Sequence[str]) -> Path:
    """Return a disk with the bundles."""
    out = folder / "bundles.img"
    size = sum(made.file(name).stat().st_size for name in names)
    out.unlink(missing_ok=True)
    _run("truncate", "-s", str(size + (64 << 20)), out)
    _run("mkfs.vfat", "-F", "32", "-n", "BUNDLES", out)
    for name in names:
        _run("mcopy", "-i", out, made.file(name), f"::{name}.raucb")
    return out
