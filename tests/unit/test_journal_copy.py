"""What is kept of a journal in memory: every line once, the newest, never more than the bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.ops import journal_copy
from agent.ops.journal_copy import FILES, keep, name


def kept(folder: Path) -> bytes:
    return b"".join((folder / name(n)).read_bytes() for n in range(FILES - 1, -1, -1) if (folder / name(n)).exists())


def test_it_appends(tmp_path: Path) -> None:
    keep([b"one\n"], tmp_path)
    keep([b"two\n"], tmp_path)
    keep([], tmp_path)
    assert kept(tmp_path) == b"one\ntwo\n"


def test_the_newest_stay_within_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_copy, "LONGEST_FILE_BYTES", 100)
    lines = [b"%09d\n" % n for n in range(1000)]
    for at in range(0, 1000, 7):
        keep(lines[at : at + 7], tmp_path)
    assert len(list(tmp_path.iterdir())) == FILES
    assert all(file.stat().st_size <= 100 for file in tmp_path.iterdir())
    told = kept(tmp_path)
    assert b"".join(lines).endswith(told)
    assert len(told) > 100 * (FILES - 1)


def test_an_endless_line_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_copy, "LONGEST_FILE_BYTES", 100)
    keep([b"x" * 1000, b"end\n"], tmp_path)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) == 104
