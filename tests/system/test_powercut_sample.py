"""A sample of the power cut test in every run of the suite: on a logged disk, and by the traced writing of files.

The disk needs root, loop devices, FUSE and mounts; where they are not to be had, both samples trace files, which
needs strace alone. Neither is ever skipped.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

SEED = ("--seed", "20261125")
DISK = ("--states", "40", "--exams", "4", "--lives", "1", "--control-states", "20")
FILES = ("--files", "--states", "40", "--exams", "2", "--lives", "1", "--control-states", "20")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("sample", [DISK, FILES], ids=["disk", "files"])
def test_40_crash_states_lose_nothing_and_the_control_is_found_out(sample: tuple[str, ...]) -> None:
    line = [sys.executable, "-m", "tests.powercut", *sample, *SEED]
    done = subprocess.run(line, check=False, capture_output=True, text=True, timeout=380)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "product: 0 of 40 crash states" in done.stdout
