"""The parts of a disk as files, put together without loop devices and without mounting anything."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any

from board import BOOT_LABEL, DATA_LABEL, Board
from layout import DATA_MB, places, table, total_mb
from root import run


def slot(root: Path, out: Path, epoch: int) -> None:
    """Write the read-only file system of a slot; the same tree gives the same bytes."""
    out.unlink(missing_ok=True)
    run(
        "mksquashfs", root, out, "-noappend", "-no-progress", "-quiet", "-comp", "zstd", "-Xcompression-level", "6",
        "-b", "256K", "-no-xattrs", "-mkfs-time", str(epoch), "-root-mode", "755", stdout=subprocess.DEVNULL,
    )  # fmt: skip


def loader(board: Board) -> Any:
    """Return the module that makes the board's boot loader."""
    return importlib.import_module(board.loader)


def boot_files(board: Board, work: Path) -> Path:
    """Return a folder with everything of the boot partition."""
    folder = work / "boot"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    loader(board).boot_files(board, work, folder)
    return folder


def fat(folder: Path, out: Path, size_mb: int, epoch: int, label: str = BOOT_LABEL) -> None:
    """Write a FAT file system with the files of `folder`, in the order of their names."""
    out.unlink(missing_ok=True)
    with out.open("wb") as file:
        os.truncate(file.fileno(), size_mb << 20)
    run("mkfs.vfat", "--invariant", "-F", "32", "-n", label, out, stdout=subprocess.DEVNULL)
    for path in sorted(folder.rglob("*")):
        os.utime(path, (epoch, epoch))
    env = {**os.environ, "MTOOLS_SKIP_CHECK": "1", "SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC"}
    for path in sorted(folder.iterdir()):
        run("mcopy", "-s", "-m", "-i", out, path, "::", env=env)


def data(out: Path, epoch: int) -> None:
    """Write the empty data partition; it grows at the first start."""
    out.unlink(missing_ok=True)
    fixed = str(uuid.uuid5(uuid.NAMESPACE_OID, DATA_LABEL))
    env = {**os.environ, "E2FSPROGS_FAKE_TIME": str(epoch)}
    run(
        "mke2fs", "-q", "-t", "ext4", "-L", DATA_LABEL, "-U", fixed, "-E", f"hash_seed={fixed},lazy_itable_init=0,"
        "lazy_journal_init=0", "-O", "^resize_inode,metadata_csum,64bit", "-b", "4096", "-I", "256", out,
        f"{DATA_MB}M", env=env,
    )  # fmt: skip


def assemble(board: Board, parts: dict[str, Path], out: Path) -> None:
    """Write the whole disk; `parts`: partition → file. A partition without a file stays empty."""
    out.unlink(missing_ok=True)
    with out.open("wb") as file:
        os.truncate(file.fileno(), total_mb(board) << 20)
    run("sfdisk", "-q", out, input=table(board).encode())
    for place in places(board):
        part = parts.get(place.name)
        if part is None:
            continue
        if part.stat().st_size > place.size_mb << 20:
            raise ValueError(f"the partition is too small for {place.name}")
        run("dd", f"if={part}", f"of={out}", "bs=1M", f"seek={place.start_mb}", "conv=notrunc,sparse", "status=none")
