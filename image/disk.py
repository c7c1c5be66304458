"""The parts of a disk as files, put together without loop devices and without mounting anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from pathlib import Path

from board import BOOT_LABEL, DATA_LABEL, KERNELS, SLOTS, Board
from root import run

DATA_MB = 64
START_MB = 4
_EMBEDDED = f"search --no-floppy --set=root --label {BOOT_LABEL}\nset prefix=($root)/grub\n"
_GRUB = """# Which system starts: the proven one, or once the one on trial; `boot-choice` writes both words.
set slot=a
set trial=
load_env --file $prefix/grubenv slot trial
set pick=$slot
set how=proven
if [ -n "$trial" ]; then
  set wanted=$trial
  set trial=
  save_env --file $prefix/grubenv trial
  # A trial that this disk does not forget would be for ever: then there is none.
  set trial=unknown
  load_env --file $prefix/grubenv trial
  if [ -z "$trial" ]; then
    set pick=$wanted
    set how=trial
  fi
fi
set part={a}
if [ "$pick" = b ]; then set part={b}; else set pick=a; fi
regexp --set=1:disk '^([^,]+),' $root
set from=($disk,gpt$part)
echo "system $pick, $how"
source $from/start.cfg
boot
echo "system $pick cannot be started"
sleep 5
reboot
"""
ENVIRONMENT = "# GRUB Environment Block\nslot=a\ntrial=\n".ljust(1024, "#")
_MODULES = (
    "part_gpt", "fat", "normal", "linux", "search", "search_label", "echo", "test", "configfile", "boot", "reboot",
    "sleep", "all_video", "efi_gop", "gzio", "loadenv", "regexp",
)  # fmt: skip


def slot(root: Path, out: Path, epoch: int) -> None:
    """Write the read-only file system of a slot; the same tree gives the same bytes."""
    out.unlink(missing_ok=True)
    run(
        "mksquashfs", root, out, "-noappend", "-no-progress", "-quiet", "-comp", "zstd", "-Xcompression-level", "6",
        "-b", "256K", "-no-xattrs", "-mkfs-time", str(epoch), "-root-mode", "755", stdout=subprocess.DEVNULL,
    )  # fmt: skip


def loader(root: Path, work: Path) -> None:
    """Make the PC's boot loader with its script inside, from the Debian packages of the system itself."""
    shutil.copytree(root / "usr/lib/grub", work / "grub-modules", dirs_exist_ok=True)
    script = root / "grub-start.cfg"
    script.write_text(_EMBEDDED)
    run(
        "chroot", root, "grub-mkimage", "-O", "x86_64-efi", "-o", "/grub-start.efi", "-p", "/grub", "-c",
        "/grub-start.cfg", *_MODULES,
    )  # fmt: skip
    shutil.move(root / "grub-start.efi", work / "BOOTX64.EFI")
    script.unlink()


def boot_files(work: Path) -> Path:
    """Return a folder with everything of the boot partition: the loader and its two words, no system."""
    folder = work / "boot"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "EFI/BOOT").mkdir(parents=True)
    shutil.copy(work / "BOOTX64.EFI", folder / "EFI/BOOT")
    (folder / "grub").mkdir()
    (folder / "grub/grub.cfg").write_text(_GRUB.replace("{a}", str(KERNELS["a"])).replace("{b}", str(KERNELS["b"])))
    (folder / "grub/grubenv").write_text(ENVIRONMENT)
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
    """Write the whole disk: boot, two slots and their kernels of which the first is filled, data."""
    sizes = (board.boot_mb, board.kernel_mb, board.kernel_mb, board.slot_mb, board.slot_mb, DATA_MB)
    total = START_MB + sum(sizes) + 4
    out.unlink(missing_ok=True)
    with out.open("wb") as file:
        os.truncate(file.fileno(), total << 20)
    run("sfdisk", "-q", out, input=_table(board, sizes).encode())
    at = START_MB
    for name, size in zip(("boot", "kernel", "", "slot", "", "data"), sizes, strict=True):
        if name:
            if parts[name].stat().st_size > size << 20:
                raise ValueError(f"the partition is too small for {name}")
            run("dd", f"if={parts[name]}", f"of={out}", "bs=1M", f"seek={at}", "conv=notrunc,sparse", "status=none")
        at += size


def _table(board: Board, sizes: tuple[int, ...]) -> str:
    numbers = (1, *KERNELS.values(), *SLOTS.values(), 4)
    names = ("boot", *(f"kernel-{slot}" for slot in KERNELS), *(f"system-{slot}" for slot in SLOTS), "data")
    lines = ["label: gpt", f"label-id: {uuid.uuid5(uuid.NAMESPACE_OID, board.name)}"]
    for number, size, name in zip(numbers, sizes, names, strict=True):
        start = f"start={START_MB}MiB, " if number == 1 else ""
        kind = "uefi" if number == 1 else "linux"
        own = f"name={name}, uuid={uuid.uuid5(uuid.NAMESPACE_OID, name)}"
        lines.append(f"{number} : {start}size={size}MiB, type={kind}, {own}")
    return "\n".join(lines) + "\n"
