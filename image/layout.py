"""Where the parts of a disk lie, as data: the same six on every board, in the table that its own loader reads.

A PC has a GPT. A Raspberry Pi 3 finds its firmware by an MBR alone, in the first FAT partition; the two systems and
their kernels are logical partitions there, and the first sector of a partition of its own has the loader's two words.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from board import DATA, Board

DATA_MB, START_MB, GAP_MB = 64, 4, 1
CHOICE = 3
"""The partition with the loader's two words, where the loader does not keep them in a file."""
EXTENDED = 2
_DOS = {"boot": "c", "choice": "da", "kernel": "c", "system": "83", "data": "83", "extended": "f"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One partition; places in MiB from the beginning of the disk."""

    name: str
    number: int
    start_mb: int
    size_mb: int
    inner: bool = False
    """Whether it lies inside the extended partition."""


def places(board: Board) -> tuple[Place, ...]:
    """Return the partitions of a board's disk in their order on it."""
    dos = board.table == "dos"
    rows = [("boot", 1, board.boot_mb)]
    rows += [("choice", CHOICE, GAP_MB)] if dos else []
    rows += [(f"kernel-{slot}", number, board.kernel_mb) for slot, number in board.kernels.items()]
    rows += [(f"system-{slot}", number, board.slot_mb) for slot, number in board.systems.items()]
    found, at = [], START_MB
    for name, number, size in [*rows, ("data", DATA, DATA_MB)]:
        inner = dos and number > DATA
        at += GAP_MB if inner else 0  # the table of a logical partition lies before it
        found.append(Place(name=name, number=number, start_mb=at, size_mb=size, inner=inner))
        at += size
    return tuple(found)


def total_mb(board: Board) -> int:
    """Return the size of the whole disk; a GPT has its copy at the end."""
    last = places(board)[-1]
    return last.start_mb + last.size_mb + 4


def table(board: Board) -> str:
    """Return the partition table for sfdisk; identities are made of names, so that two builds are the same."""
    return _dos(board) if board.table == "dos" else _gpt(board)


def _gpt(board: Board) -> str:
    lines = ["label: gpt", f"label-id: {uuid.uuid5(uuid.NAMESPACE_OID, board.name)}"]
    for place in places(board):
        start = f"start={START_MB}MiB, " if place.number == 1 else ""
        kind = "uefi" if place.number == 1 else "linux"
        own = f"name={place.name}, uuid={uuid.uuid5(uuid.NAMESPACE_OID, place.name)}"
        lines.append(f"{place.number} : {start}size={place.size_mb}MiB, type={kind}, {own}")
    return "\n".join(lines) + "\n"


def _dos(board: Board) -> str:
    inner = [place for place in places(board) if place.inner]
    first, last = inner[0], inner[-1]
    around = Place(
        name="extended",
        number=EXTENDED,
        start_mb=first.start_mb - GAP_MB,
        size_mb=last.start_mb + last.size_mb - first.start_mb + GAP_MB,
    )
    lines = ["label: dos", f"label-id: 0x{uuid.uuid5(uuid.NAMESPACE_OID, board.name).hex[:8]}"]
    for place in sorted([*places(board), around], key=lambda place: place.number):
        kind = _DOS[place.name.partition("-")[0]]
        active = ", bootable" if place.number == 1 else ""
        lines.append(f"{place.number} : start={place.start_mb}MiB, size={place.size_mb}MiB, type={kind}{active}")
    return "\n".join(lines) + "\n"
