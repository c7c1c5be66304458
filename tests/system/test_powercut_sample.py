"""A sample of the power cut test in every run of the suite; skipped, with the reason, where a disk cannot be logged."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.powercut.disk import missing

SAMPLE = ("--states", "40", "--exams", "4", "--lives", "1", "--control-states", "20", "--seed", "20261125")


@pytest.mark.timeout(300)
@pytest.mark.skipif(bool(missing()), reason=missing())
def test_40_crash_states_lose_nothing_and_the_control_is_found_out() -> None:
    line = [sys.executable, "-m", "tests.powercut", *SAMPLE]
    done = subprocess.run(line, check=False, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "product: 0 of 40 crash states" in done.stdout
