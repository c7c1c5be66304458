"""The updates that the test offers, made of the built image's own system: a good one, one whose service never gets
ready, one that somebody else signed, an older one. Made once for an image.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
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


def make(made: Bundles, image: Path) -> None:
    """Make every bundle, once for an image."""
    if (made.folder / "done").exists():
        return
    ours = bundle.development(BUILD / "signing")
    theirs = bundle.Signer(
        authority=made.folder / "other-authority.pem",
        key=made.folder / "other.key",
        certificate=made.folder / "other.pem",
    )
    bundle.new_signer(theirs)
    small = made.folder / "small.img"
    small.write_bytes(random.Random(1).randbytes(1 << 20))
    drop_in = made.root / "etc/systemd/system/modality-agent.service.d/99-never-ready.conf"
    for name, version in (("good", made.good), ("broken", made.broken)):
        (made.root / "usr/lib/modality-agent-image/version").write_text(f"{version}\n")
        if name == "broken":
            drop_in.write_text(NEVER_READY)
        system = made.folder / f"{name}.squashfs"
        fast = ("-comp", "zstd", "-Xcompression-level", "1", "-b", "256K")
        _run("mksquashfs", made.root, system, "-quiet", "-no-progress", "-noappend", "-no-xattrs", *fast)
        bundle.make(BOARDS[BOARD], system, image / "kernel.fat", made.file(name), version, ours)
        system.unlink()
    bundle.make(BOARDS[BOARD], small, small, made.file("forged"), made.good, theirs)
    bundle.make(BOARDS[BOARD], small, small, made.file("older"), made.older, ours)
    (made.folder / "done").touch()


def _run(*line: str | Path) -> None:
    subprocess.run([str(word) for word in line], check=True, stdout=subprocess.DEVNULL)


def disk_of(made: Bundles, folder: Path) -> Path:
    """Return a disk with every bundle."""
    out = folder / "bundles.img"
    size = sum(made.file(name).stat().st_size for name in ("good", "broken", "older", "forged"))
    out.unlink(missing_ok=True)
    _run("truncate", "-s", str(size + (64 << 20)), out)
    _run("mkfs.vfat", "-F", "32", "-n", "BUNDLES", out)
    for name in ("good", "broken", "older", "forged"):
        _run("mcopy", "-i", out, made.file(name), f"::{name}.raucb")
    return out
