"""The boards as data: what differs between one kind of hardware and another; everything else is one recipe."""

from __future__ import annotations

from dataclasses import dataclass

SUITE = "trixie"
PYTHON = "3.13"
DATA_LABEL, BOOT_LABEL = "modality-data", "MODALITY"
DATA_UNFINISHED = "modality-new"
"""Label of an encrypted data partition that is still being made; see `sealed`."""
SLOTS = {"a": 2, "b": 3}
KERNELS = {"a": 5, "b": 6}
"""Slot → number of its partition; 1 is the boot partition, 4 the data, last on the disk so that it can grow."""
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
    boot_mb: int
    kernel_mb: int
    slot_mb: int
    console: str
    command_line: str
    initrd_modules: tuple[str, ...]


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
    )
}  # fmt: skip
