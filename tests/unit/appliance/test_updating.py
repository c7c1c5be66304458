"""When an update is refused, and what a new system has to show."""

from __future__ import annotations

import pytest

from agent.updating import open_exams, ordered, reachable, refusal, still_missing


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"offered": "0.0.9+20261126000000"}, "is older"),
        ({"offered": "0.0.9+20261126000000", "downgrade_to": "0.0.9+20261126000000"}, ""),
        ({"offered": "0.0.9+20261126000000", "downgrade_to": "0.0.8"}, "is older"),
        ({"offered": "0.1.0+20261124000000"}, "is older"),
        ({"on_trial": True}, "trying a new system"),
        ({"open_exams": 1}, "exam is open"),
    ],
)
def test_refusals(change: dict[str, object], said: str) -> None:
    facts = {"installed": "0.1.0+20261125120000", "offered": "0.1.0+20261125130000", "on_trial": False, "open_exams": 0}
    told = refusal(**{**facts, **change})
    assert said in told if said else told == ""


def test_versions_compare_by_number() -> None:
    assert ordered("0.10.0+20260101000000") > ordered("0.9.0+20270101000000")


def test_only_a_destination_that_was_up_before_is_missed() -> None:
    status = {"destinations": [{"name": "a", "state": "up"}, {"name": "b", "state": "down"}]}
    assert reachable(status) == ("a",)
    assert still_missing(reachable(status), {"a": False}) == ("a",)
    assert still_missing(reachable(status), {"a": True}) == ()


def test_open_and_finishing_exams_hold_an_update_back() -> None:
    assert open_exams([{"state": s} for s in ("open", "finishing", "released", "held", "committed")]) == 2
