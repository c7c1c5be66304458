"""The numbers that sheets get, in one pass and in two."""

from __future__ import annotations

import pytest

from agent.exam import page_numbers


def numbers(kept: list[int], sheets: int, *, two_passes: bool) -> list[int]:
    number_of = page_numbers(kept, two_passes=two_passes)
    return [number_of(seen) for seen in range(1, sheets + 1)]


def test_one_pass_goes_on_after_what_is_there() -> None:
    assert numbers([], 3, two_passes=False) == [1, 2, 3]
    assert numbers([1, 2, 3], 2, two_passes=False) == [4, 5]


def test_a_pile_that_is_turned_over_comes_out_in_order() -> None:
    fronts = numbers([], 4, two_passes=True)
    assert fronts == [1, 3, 5, 7]
    backs = numbers(fronts, 4, two_passes=True)
    assert backs == [8, 6, 4, 2]
    assert sorted(fronts + backs) == list(range(1, 9))
    assert numbers(fronts + backs, 2, two_passes=True) == [9, 11]


@pytest.mark.parametrize(("stopped", "rest"), [(1, [6, 4, 2]), (3, [2])])
def test_a_jam_among_the_backs_goes_on_where_it_stopped(stopped: int, rest: list[int]) -> None:
    fronts = [1, 3, 5, 7]
    assert numbers(fronts + [8, 6, 4, 2][:stopped], len(rest), two_passes=True) == rest


def test_more_backs_than_fronts_get_numbers_of_their_own() -> None:
    found = numbers([1, 3], 4, two_passes=True)
    assert found[:2] == [4, 2]
    assert len(set(found)) == 4
