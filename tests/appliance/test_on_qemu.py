"""`make appliance-test` under pytest: the story of one box, from the first start on; minutes under emulation."""

from __future__ import annotations

import pytest

from tests.appliance import __main__ as story

pytestmark = [pytest.mark.appliance, pytest.mark.timeout(3600)]


def test_a_box_enrolled_by_a_file_works() -> None:
    assert story.main() == 0
