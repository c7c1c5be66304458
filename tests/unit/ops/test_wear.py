"""What a card says of its own wear, and what the kernel says of its clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.ops.clock_sync import kernel_offset_s
from agent.ops.wear import life_used


@pytest.mark.parametrize(
    ("told", "used"),
    [("0x01 0x01\n", 0.1), ("0x02 0x07\n", 0.7), ("0x0b 0x01\n", 1.1), ("0x00 0x00\n", None), ("?", None), ("", None)],
)
def test_the_worse_kind_of_cells_counts(tmp_path: Path, told: str, used: float | None) -> None:
    folder = tmp_path / "mmcblk0" / "device"
    folder.mkdir(parents=True)
    (folder / "life_time").write_text(told)
    (tmp_path / "sda" / "device").mkdir(parents=True)
    assert life_used(tmp_path) == ({} if used is None else {"mmcblk0": used})


def test_a_machine_without_cards_says_nothing(tmp_path: Path) -> None:
    assert life_used(tmp_path / "none") == {}


def test_the_kernel_is_asked_for_its_offset() -> None:
    assert abs(kernel_offset_s()) < 10
