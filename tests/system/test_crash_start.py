"""A sample of the crash test in every run of the suite."""

from __future__ import annotations

import pytest

from tests.system import crash_test


@pytest.mark.timeout(300)
def test_a_box_that_holds_much_is_usable_soon_after_a_crash(capsys: pytest.CaptureFixture[str]) -> None:
    status = crash_test.main(objects=600, rows=60_000)
    said = capsys.readouterr().out
    with capsys.disabled():
        print("\n" + said)
    assert status == 0, said
