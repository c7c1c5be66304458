"""The boards as data: what differs between one kind of hardware and another; everything else is one recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SUITE = "trixie"
PYTHON = "3.13"
BASE_EPOCH = 1_754_697_600
"""2025-08-09, the day of Debian 13: the time of every file that is made while its packages are configured."""
DATA_LABEL, BOOT_LABEL = "modality-data", "MODALITY"
DATA_UNFINISHED = "modality-new"
"""Label of an encrypted data partition that is still being made; see `sealed`."""
DATA = 4
"""The number of the data partition, last on the disk of every board so that it can grow; 1 is the boot partition."""
COMMON = "image-common-packages.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One kind of hardware."""

    name: str
    architecture: str
    components: str
    packages: str
    """File of the Debian packages beside the common ones, below `image/packages`."""
    kernel: str
    loader: str
    """The module of this folder that makes the boot loader: `grub` or `uboot`."""
    table: str
    """What the hardware's own loader reads: `gpt`, or `dos` with the two systems as logical partitions."""
    systems: Mapping[str, int]
    kernels: Mapping[str, int]
    """Slot → number of its partition."""
    boot_mb: int
    kernel_mb: int
    slot_mb: int
    console: str
    command_line: str
    initrd_modules: tuple[str, ...]

    @property
    def words(self) -> str:
        """Return the kernel's command line, but for what the loader says of the chosen slot."""
        return f"{self.command_line} {self.console}"


_COMMAND_LINE = (
    "ro quiet panic=10 fsck.repair=yes systemd.show_status=false net.ifnames=0 usbcore.autosuspend=-1 "
    "systemd.log_color=0 vt.global_cursor_default=0"
)

BOARDS = {
    board.name: board
    for board in (
        Board(
            name="pc-amd64",
            architecture="amd64",
            components="main",
            packages="image-pc-amd64-packages.txt",
            kernel="linux-image-amd64",
            loader="grub",
            table="gpt",
            systems={"a": 2, "b": 3},
            kernels={"a": 5, "b": 6},
            boot_mb=64,
            kernel_mb=64,
            slot_mb=768,
            console="console=tty0 console=ttyS0,115200",
            command_line=_COMMAND_LINE,
            initrd_modules=(
                "virtio_pci", "virtio_blk", "virtio_scsi", "ahci", "nvme", "sd_mod", "usb_storage", "uas", "xhci_pci",
                "ehci_pci", "mmc_block", "sdhci_pci", "sdhci_acpi", "crc32c_generic", "crc32c_intel", "ext4",
                "squashfs", "overlay", "vfat",
            ),
        ),
        Board(
            name="rpi-arm64",
            architecture="arm64",
            components="main,contrib,non-free,non-free-firmware",
            packages="image-rpi-arm64-packages.txt",
            kernel="linux-image-arm64",
            loader="uboot",
            table="dos",
            systems={"a": 7, "b": 8},
            kernels={"a": 5, "b": 6},
            boot_mb=64,
            kernel_mb=96,
            slot_mb=768,
            console="console=tty0 console=ttyS1,115200",
            command_line=_COMMAND_LINE,
            initrd_modules=(
                "fixed", "gpio_regulator", "mmc_block", "sdhci_iproc", "bcm2835", "bcm2835_wdt", "virtio_pci",
                "virtio_mmio", "virtio_blk", "crc32c_generic", "ext4", "squashfs", "overlay", "vfat",
            ),
        ),
    )
}  # fmt: skip
