"""A sample of the kill test in every run of the suite."""

from __future__ import annotations

import pytest

from tests.system import kill_test


@pytest.mark.timeout(560)
def test_42_kills_lose_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    status = kill_test.main(kills=42, seed=20261124)
    said = capsys.readouterr().out
    with capsys.disabled():
        print("\n" + said)
    assert status == 0, said
