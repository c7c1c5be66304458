"""The image of a Raspberry Pi as it has to be, written down a second time: the recipe is not asked."""

from __future__ import annotations

import itertools
import struct
import subprocess
import zlib

from tests.boards.contents import Contents

BOOT, CHOICE, DATA, KERNEL_A, KERNEL_B, SYSTEM_A, SYSTEM_B = 1, 3, 4, 5, 6, 7, 8
KINDS = {1: "c", 2: "f", 3: "da", 4: "83", 5: "c", 6: "c", 7: "83", 8: "83"}
OLD_FIRMWARE = ("bootcode.bin", "start.elf", "fixup.dat")
NEW_FIRMWARE = ("start4.elf", "fixup4.dat")
EVERY = ("config.txt", "u-boot.bin", "uboot.env", "boot.scr")
BOARDS = {
    "Raspberry Pi 3 Model B": ("bcm2837-rpi-3-b.dtb", OLD_FIRMWARE),
    "Raspberry Pi 3 Model B+": ("bcm2837-rpi-3-b-plus.dtb", OLD_FIRMWARE),
    "Raspberry Pi Zero 2 W": ("bcm2837-rpi-zero-2-w.dtb", OLD_FIRMWARE),
    "Raspberry Pi 4 Model B": ("bcm2711-rpi-4-b.dtb", NEW_FIRMWARE),
    "Raspberry Pi Compute Module 4 IO Board": ("bcm2711-rpi-cm4-io.dtb", NEW_FIRMWARE),
}
"""The board's own name of itself → the description the firmware looks for, and the firmware itself."""
NEEDED_EARLY = ("bcm2835", "sdhci-iproc", "gpio-regulator", "fixed", "bcm2835_wdt", "squashfs", "ext4", "overlay")
"""Without these no card is found on one of the boards, or a box that hangs is not started anew."""
NO_DOORS = ("openssh-server", "dropbear", "telnetd", "rsh-server", "cockpit", "shellinabox", "avahi-daemon")
_AARCH64, _ELF = 183, b"\x7fELF"


def partitions(image: Contents) -> str:
    """An MBR; firmware first and active; data last; nothing over another; the second system empty."""
    assert image.table["label"] == "dos"
    assert {row.number: row.kind for row in image.partitions.values()} == KINDS
    assert [row.number for row in image.partitions.values() if row.active] == [BOOT]
    flat = sorted((p for p in image.partitions.values() if p.number != 2), key=lambda p: p.offset)
    for one, two in itertools.pairwise(flat):
        assert one.offset + one.size <= two.offset, f"{one.number} reaches into {two.number}"
    assert flat[0].number == BOOT
    assert flat[-1].number == DATA, "only the last one can grow"
    around = image.partitions[2]
    for number in (KERNEL_A, KERNEL_B, SYSTEM_A, SYSTEM_B):
        inner = image.partitions[number]
        assert around.offset < inner.offset <= inner.offset + inner.size <= around.offset + around.size
    assert image.partitions[SYSTEM_A].size == image.partitions[SYSTEM_B].size
    assert image.partitions[KERNEL_A].size == image.partitions[KERNEL_B].size
    assert image.empty(KERNEL_B), "something is in the second kernel's partition"
    assert image.empty(SYSTEM_B), "something is in the second system's partition"
    assert image.read(CHOICE, 512).rstrip(b"\0") == b"slot=a\ntrial=\n"
    assert image.read(DATA, 2, 0x438) == b"\x53\xef", "no ext4"
    return f"{len(flat)} partitions, MBR, data last"


def firmware(image: Contents) -> str:
    """Every board finds what its own loader reads; U-Boot finds a script that its checksum vouches for."""
    names = image.names(BOOT)
    for board, (tree, files) in BOARDS.items():
        for name in (*EVERY, *files, tree):
            assert name in names, f"{board} lacks {name}"
        content = image.file(BOOT, tree)
        assert content[:4] == b"\xd0\x0d\xfe\xed", f"{tree} is no device tree"
        assert f"{board}\0".encode() in content, f"{tree} is not of a {board}"
    for name in ("start.elf", "start4.elf"):
        assert image.file(BOOT, name)[:4] == _ELF, name
    config = image.file(BOOT, "config.txt").decode().splitlines()
    for line in ("arm_64bit=1", "kernel=u-boot.bin", "upstream_kernel=1", "enable_uart=1"):
        assert line in config, f"config.txt: {line}"
    assert b"U-Boot 20" in image.file(BOOT, "u-boot.bin"), "u-boot.bin is not U-Boot"
    settings = image.file(BOOT, "uboot.env")
    assert len(settings) == 0x4000
    assert struct.unpack("<I", settings[:4])[0] == zlib.crc32(settings[4:]), "U-Boot would not believe its settings"
    assert b"bootdelay=-2\0" in settings, "somebody at a keyboard could stop U-Boot"
    script = image.file(BOOT, "boot.scr")
    assert struct.unpack(">I", script[24:28])[0] == zlib.crc32(script[64:]), "U-Boot would not believe its script"
    return f"{len(names)} files; " + ", ".join(BOARDS)


def kernel(image: Contents) -> str:
    """The kernel, how it is started, and a first file system that can find a card on every board."""
    assert image.names(KERNEL_A) == {"vmlinuz", "initrd.img", "start.txt"}
    vmlinuz = image.file(KERNEL_A, "vmlinuz")
    assert vmlinuz[56:60] == b"ARM\x64", "not a plain 64-bit kernel: U-Boot's booti takes no other"
    words = image.file(KERNEL_A, "start.txt").decode().split("=", 1)[1].split()
    assert "ro" in words
    assert not [word for word in words if word.startswith(("init=", "root=", "systemd.unit=", "systemd.debug"))], words
    packed = image.file(KERNEL_A, "initrd.img")
    first = subprocess.run(["zstd", "-dcq"], input=packed, check=True, capture_output=True).stdout
    names = {name.partition(".")[0] for name in _cpio_names(first)}
    for module in NEEDED_EARLY:
        assert f"m/{module}" in names, f"the first file system lacks {module}"
    return f"{len(vmlinuz) >> 20} MiB and {len(packed) >> 10} KiB"


def _cpio_names(archive: bytes) -> list[str]:
    at, found = 0, []
    while True:
        size, length = int(archive[at + 54 : at + 62], 16), int(archive[at + 94 : at + 102], 16)
        name = archive[at + 110 : at + 110 + length - 1].decode()
        if name == "TRAILER!!!":
            return found
        found.append(name)
        at += 110 + length
        at += -at % 4 + size
        at += -at % 4
