"""Two screens on one source."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from agent import errors
from agent.actor import BOX, Actor, Role
from agent.control import Control

LEFT = Actor(name="Ія", role=Role.TECHNICIAN, screen="left")
RIGHT = Actor(name="Юрій", role=Role.TECHNICIAN, screen="right")
PROGRAM = Actor(name="his", role=Role.TECHNICIAN)


@pytest.fixture
def open_now() -> dict[str, Any]:
    return {}


@pytest.fixture
def control(open_now: dict[str, Any]) -> Control:
    return Control(open_now.get)


def test_only_one_screen_acts_until_the_other_takes_over(control: Control, open_now: dict[str, Any]) -> None:
    control.assert_mine("us1", RIGHT)  # nothing is open: nobody is in the way
    open_now["us1"] = SimpleNamespace(exam_id="e1")
    control.take("us1", "e1", LEFT)
    control.assert_mine("us1", LEFT)
    control.assert_mine("us1", BOX)
    for other in (RIGHT, PROGRAM):
        with pytest.raises(errors.NotInControl):
            control.assert_mine("us1", other)
    assert (control.controller("us1"), control.is_mine("us1", RIGHT)) == ("Ія", False)
    control.take("us1", "e1", RIGHT)
    control.assert_mine("us1", RIGHT)
    with pytest.raises(errors.NotInControl):
        control.assert_mine("us1", LEFT)
    control.take("us1", "e1", BOX)  # the box takes nothing away
    assert control.controller("us1") == "Юрій"


def test_control_ends_with_the_exam(control: Control, open_now: dict[str, Any]) -> None:
    open_now["us1"] = SimpleNamespace(exam_id="e1")
    control.take("us1", "e1", LEFT)
    open_now["us1"] = SimpleNamespace(exam_id="e2")
    assert (control.controller("us1"), control.is_mine("us1", RIGHT)) == ("", True)
    control.assert_mine("us1", RIGHT)  # the first who acts
    with pytest.raises(errors.NotInControl):
        control.assert_mine("us1", LEFT)
    del open_now["us1"]
    control.assert_mine("us1", LEFT)


def test_it_is_a_conflict_with_its_own_code() -> None:
    assert issubclass(errors.NotInControl, errors.OutOfDate)
    assert errors.NotInControl.code == "S-10"
