"""A short sample of `make soak`: no answer is lost or doubled while both cores are busy."""

from __future__ import annotations

from tests.bench.soak import run


def test_no_answer_is_lost_or_doubled_under_load() -> None:
    mine, stock = run(2000, 0)
    assert (mine.stores, mine.lost, mine.doubled) == (2000, 0, 0)
    assert stock.stores == 0
