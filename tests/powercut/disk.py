"""A disk whose every write and flush is logged, with a real ext4 on it that this machine's kernel writes.

QEMU's storage daemon shows a block device as a file (FUSE), with its `blklogwrites` filter between; the kernel's loop
device makes a disk of that file and passes its flushes on. So the service runs at full speed on this machine and the
log holds what the block layer asked for, neither more nor less. Needs root, loop devices and FUSE.

The loop device writes through the page cache of the FUSE file, which is write-through: direct I/O is off because
QEMU 7.2's FUSE export corrupts it (a fresh ext4 cannot be mounted then).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.powercut.log import copy_sparse
from tests.system.world import wait_for

DAEMON = "qemu-storage-daemon"
MKFS = ("mke2fs", "-q", "-F", "-t", "ext4")


def missing() -> str:
    """Return why a logged disk cannot be had here; empty: it can."""
    if os.geteuid() != 0:
        return "needs root"
    for path in ("/dev/fuse", "/dev/loop-control"):
        if not Path(path).exists():
            return f"needs {path}"
    return "" if shutil.which(DAEMON) else f"needs {DAEMON} (Debian package qemu-system-common)"


class LoggedDisk:
    """One disk: `folder/blank.raw` as it was made, `folder/log` everything since, mounted at `folder/mounted`."""

    def __init__(self, folder: Path) -> None:
        self.blank, self.log = folder / "blank.raw", folder / "log"
        self.mounted = folder / "mounted"

    def position(self) -> int:
        """Return how far the log is now."""
        return self.log.stat().st_size


@contextmanager
def logged_disk(folder: Path, size_mb: int) -> Iterator[LoggedDisk]:
    """Make a disk of `size_mb` in `folder`, mounted for the length of the block."""
    disk = LoggedDisk(folder)
    data, shown = folder / "data.raw", folder / "shown"
    for path, size in ((disk.blank, size_mb << 20), (disk.log, 0), (shown, 0)):
        path.touch()
        os.truncate(path, size)
    subprocess.run([*MKFS, str(disk.blank)], check=True)
    copy_sparse(disk.blank, data)
    disk.mounted.mkdir()
    daemon = subprocess.Popen(
        [
            DAEMON,
            "--blockdev", f"driver=file,filename={data},node-name=data",
            "--blockdev", f"driver=file,filename={disk.log},node-name=log",
            "--blockdev", "driver=blklogwrites,file=data,log=log,log-sector-size=512,node-name=logged",
            "--export", f"type=fuse,id=shown,node-name=logged,mountpoint={shown},writable=on",
        ]
    )  # fmt: skip
    try:
        wait_for("the disk is shown", lambda: shown.stat().st_size == size_mb << 20, 20)
        with mounted(shown, disk.mounted):
            yield disk
    finally:
        daemon.terminate()
        daemon.wait(20)


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[None]:
    """Mount the ext4 in `image` at `folder`, its journal replayed; raises `CalledProcessError` where it cannot be."""
    folder.mkdir(exist_ok=True)
    line = ["losetup", "--show", "-f", str(image)]
    device = subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()
    try:
        subprocess.run(["mount", "-t", "ext4", "-o", "noatime", device, str(folder)], check=True, capture_output=True)
        try:
            yield
        finally:
            subprocess.run(["umount", str(folder)], check=True)
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


def start_check(image: Path) -> str:
    """Check the file system as the appliance does before it mounts (`fsck.repair=yes`); return what cannot be mended.

    A power cut can tear the superblock itself, which ext4 writes in place: the kernel then refuses to mount, and
    e2fsck takes the backup. So the check before the mount is part of the promise.
    """
    said = subprocess.run(["e2fsck", "-y", str(image)], check=False, capture_output=True, text=True)
    return "" if said.returncode in (0, 1) else said.stdout[-400:]


def file_system_faults(image: Path) -> str:
    """Return what e2fsck has to say against a file system whose journal was replayed; empty: it is clean."""
    said = subprocess.run(["e2fsck", "-fn", str(image)], check=False, capture_output=True, text=True)
    return "" if said.returncode == 0 else said.stdout[-400:]
