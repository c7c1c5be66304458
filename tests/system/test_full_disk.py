"""A full disk refuses the press in words, loses nothing and recovers by itself."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import errors
from tests.system.world import Sandbox, box_in, toml_for, wait_for


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 120 MB (needs root, as CI has)."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_refuses_and_recovers(sandbox: Sandbox, tmp_path: Path, small_disk: Path) -> None:
    toml = toml_for(sandbox, undo_window_s=60).replace('data_dir = "data"', f'data_dir = "{small_disk}/data"')
    toml += "\n[delivery]\nminimum_free_mb = 50\n"
    box = box_in(tmp_path / "box", toml, ready=False)
    with box as running:
        running.data = small_disk / "data"
        running.wait_ready()
        exam = running.open_exam("Ґалаґан")
        running.capture("one")
        filler = small_disk / "filler"
        filler.write_bytes(bytes(60 << 20))
        with pytest.raises(errors.DiskFull):
            running.capture("two")
        filler.unlink()
        running.capture("three")
        assert running.get(f"/exams/{exam['exam_id']}")["captured"] == 2
        running.post(f"/exams/{exam['exam_id']}/finish")
        running.post(f"/exams/{exam['exam_id']}/undo")
        wait_for("nothing is lost", lambda: running.get(f"/exams/{exam['exam_id']}")["captured"] == 2)
