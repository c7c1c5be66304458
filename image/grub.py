"""The boot loader of a PC: GRUB, with a script that reads two words and forgets the second before it starts a trial."""

from __future__ import annotations

import shutil
from pathlib import Path

from board import BOOT_LABEL, Board
from root import run

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


def made(root: Path, work: Path) -> None:
    """Make the loader with its script inside, from the Debian packages of the system itself."""
    shutil.copytree(root / "usr/lib/grub", work / "grub-modules", dirs_exist_ok=True)
    script = root / "grub-start.cfg"
    script.write_text(_EMBEDDED)
    run(
        "chroot", root, "grub-mkimage", "-O", "x86_64-efi", "-o", "/grub-start.efi", "-p", "/grub", "-c",
        "/grub-start.cfg", *_MODULES,
    )  # fmt: skip
    shutil.move(root / "grub-start.efi", work / "BOOTX64.EFI")
    script.unlink()


def boot_files(board: Board, work: Path, folder: Path) -> None:
    """Write everything of the boot partition into `folder`: the loader and its two words, no system."""
    (folder / "EFI/BOOT").mkdir(parents=True)
    shutil.copy(work / "BOOTX64.EFI", folder / "EFI/BOOT")
    (folder / "grub").mkdir()
    script = _GRUB
    for slot, number in board.kernels.items():
        script = script.replace(f"{{{slot}}}", str(number))
    (folder / "grub/grub.cfg").write_text(script)
    (folder / "grub/grubenv").write_text(ENVIRONMENT)


def start(board: Board, folder: Path) -> None:
    """Write beside a slot's kernel how it is started."""
    (folder / "start.cfg").write_text(
        f"linux $from/vmlinuz rauc.slot=$pick modality.start=$how {board.words}\ninitrd $from/initrd.img\n"
    )
