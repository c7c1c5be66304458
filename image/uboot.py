"""The boot loader of a Raspberry Pi: its own firmware, then U-Boot, which reads two words as GRUB does on a PC.

The firmware has a trial of its own (`tryboot`), but only the kernel of Raspberry Pi OS can ask for it; Debian's cannot.
U-Boot is the same on every board, and its script runs under QEMU as well. The two words lie in one sector of a
partition of their own, which is written at once: a power cut leaves the old words or the new ones.
"""

from __future__ import annotations

import shutil
import struct
import zlib
from pathlib import Path

from board import Board
from layout import CHOICE

WORDS = b"slot=a\ntrial=\n".ljust(512, b"\0")
FIRMWARE = ("bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat")
"""Pi 3 and Zero 2 W read the first three, a Pi 4 and a Compute Module 4 the others."""
TREES = (
    "bcm2837-rpi-3-a-plus", "bcm2837-rpi-3-b", "bcm2837-rpi-3-b-plus", "bcm2837-rpi-cm3-io3",
    "bcm2837-rpi-zero-2-w", "bcm2711-rpi-4-b", "bcm2711-rpi-cm4-io",
)  # fmt: skip
"""The descriptions of the boards that this image is for."""
CONFIG = """# Read by the firmware of the board; everything later is U-Boot's script (boot.scr).
arm_64bit=1
enable_uart=1
upstream_kernel=1
kernel=u-boot.bin
disable_splash=1
"""
_ENVIRONMENT_SIZE = 0x4000
_AT = {"script_r": "0x03000000", "words_r": "0x03100000", "kernel_r": "0x00200000", "initrd_r": "0x04000000"}
"""Where things are put in memory; the kernel has 46 MiB from 2 MiB on, firmware and QEMU put the tree above."""
_START = "setenv devnum 0; load mmc 0:1 ${script_r} boot.scr && source ${script_r}; sleep 5; reset"
_SCRIPT = """# Which system starts: the proven one, or once the one on trial; `boot-choice` writes both words.
{at}
if test -z "${{devnum}}"; then setenv devnum 0; fi
setenv slot a
setenv trial
mmc dev ${{devnum}}
part start mmc ${{devnum}} {choice} choice
mmc read ${{words_r}} ${{choice}} 1 && env import -t ${{words_r}} 200 slot trial
if test "${{slot}}" != b; then setenv slot a; fi
setenv pick ${{slot}}
setenv how proven
setenv wanted
if test "${{trial}}" = a; then setenv wanted a; fi
if test "${{trial}}" = b; then setenv wanted b; fi
if test -n "${{wanted}}"; then
  setenv kept ${{slot}}
  setenv trial -
  mw.b ${{words_r}} 0 200
  env export -t -s 200 ${{words_r}} slot trial
  mmc write ${{words_r}} ${{choice}} 1
  # A trial that this disk does not forget would be for ever: then there is none.
  setenv trial unknown
  mw.b ${{words_r}} 0 200
  mmc read ${{words_r}} ${{choice}} 1 && env import -t ${{words_r}} 200 slot trial
  setenv slot ${{kept}}
  if test "${{trial}}" = -; then
    setenv pick ${{wanted}}
    setenv how trial
  fi
fi
setenv from {a}
if test "${{pick}}" = b; then setenv from {b}; else setenv pick a; fi
echo "system ${{pick}}, ${{how}}"
setenv words
load mmc ${{devnum}}:${{from}} ${{words_r}} start.txt && env import -t ${{words_r}} ${{filesize}} words
setenv bootargs rauc.slot=${{pick}} modality.start=${{how}} ${{words}}
load mmc ${{devnum}}:${{from}} ${{kernel_r}} vmlinuz && load mmc ${{devnum}}:${{from}} ${{initrd_r}} initrd.img \
&& booti ${{kernel_r}} ${{initrd_r}}:${{filesize}} ${{fdt_addr}}
echo "system ${{pick}} cannot be started"
sleep 5
reset
"""


def made(root: Path, work: Path) -> None:
    """Take firmware, board descriptions and U-Boot out of the Debian packages of the system itself."""
    kept = work / "firmware"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for name in FIRMWARE:
        shutil.copy(root / "usr/lib/raspi-firmware" / name, kept)
    (trees,) = root.glob("usr/lib/linux-image-*/broadcom")
    for name in TREES:
        shutil.copy(trees / f"{name}.dtb", kept)
    shutil.copy(root / "usr/lib/u-boot/rpi_arm64/u-boot.bin", kept)
    shutil.rmtree(trees.parent)
    shutil.rmtree(root / "usr/lib/raspi-firmware")
    shutil.rmtree(root / "usr/lib/u-boot")
    (work / "choice.img").write_bytes(WORDS)


def boot_files(board: Board, work: Path, folder: Path) -> None:
    """Write everything of the boot partition into `folder`: firmware, U-Boot and its script, no system."""
    shutil.copytree(work / "firmware", folder, dirs_exist_ok=True)
    (folder / "config.txt").write_text(CONFIG)
    (folder / "uboot.env").write_bytes(_environment())
    (folder / "boot.scr").write_bytes(_image(script(board).encode()))


def start(board: Board, folder: Path) -> None:
    """Write beside a slot's kernel how it is started."""
    (folder / "start.txt").write_text(f"words={board.words}\n")


def script(board: Board) -> str:
    """Return U-Boot's script."""
    at = "\n".join(f"setenv {name} {place}" for name, place in _AT.items())
    return _SCRIPT.format(at=at, choice=CHOICE, **{slot: f"{number:x}" for slot, number in board.kernels.items()})


def _environment() -> bytes:
    """Return U-Boot's settings: the script at once. Nobody at a keyboard or a serial line stops it."""
    words = {"bootdelay": "-2", "script_r": _AT["script_r"], "bootcmd": _START}
    body = b"".join(f"{name}={value}".encode() + b"\0" for name, value in sorted(words.items())) + b"\0"
    body = body.ljust(_ENVIRONMENT_SIZE - 4, b"\0")
    return struct.pack("<I", zlib.crc32(body)) + body


def _image(text: bytes) -> bytes:
    """Return a script in U-Boot's legacy image form: 64 bytes of head, then the length of the text and the text."""
    body = struct.pack(">II", len(text), 0) + text
    magic, linux, arm64, kind, plain = 0x27051956, 5, 22, 6, 0

    def head(check: int) -> bytes:
        fields = (magic, check, 0, len(body), 0, 0, zlib.crc32(body), linux, arm64, kind, plain, b"modality-agent")
        return struct.pack(">7I4B32s", *fields)

    return head(zlib.crc32(head(0))) + body
