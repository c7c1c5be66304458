"""`make appliance-test` under pytest: the story of one box, from the first start on; minutes under emulation."""

from __future__ import annotations

import os

import pytest

from tests.appliance import __main__ as story
from tests.appliance.image import missing

pytestmark = [pytest.mark.appliance, pytest.mark.timeout(3600)]


@pytest.mark.skipif(os.geteuid() != 0, reason="builds an image, which needs root")
@pytest.mark.skipif(bool(missing()), reason=missing())
def test_a_box_enrolled_by_a_file_works() -> None:
    assert story.main() == 0
