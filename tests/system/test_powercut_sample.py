"""A sample of the power cut test in every run of the suite; skipped, with the reason, where a disk cannot be logged."""

from __future__ import annotations

import pytest

from tests.powercut import __main__ as powercut
from tests.powercut.disk import missing


@pytest.mark.timeout(300)
@pytest.mark.skipif(bool(missing()), reason=missing())
def test_60_crash_states_lose_nothing_and_the_control_is_found_out(capsys: pytest.CaptureFixture[str]) -> None:
    status = powercut.main(states=60, exams=4, lives=2, control_states=20, seed=20261125)
    said = capsys.readouterr().out
    with capsys.disabled():
        print("\n" + said)
    assert status == 0, said
