"""How the sandbox and the demonstration end, as processes: at once, and with nothing left running."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.world import PASSWORD, Page

COMMAND = [sys.executable, "-P", "-m", "agent.cli"]


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    assert any(text in line for line in process.stdout), f"ended without saying {text!r}"


def processes_below(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue  # it ended while we looked
            found += [int(entry.name)] if str(folder).encode() in line else []
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sandbox_does_not_wait_for_its_seconds_after_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    with running("sandbox", "--folder", str(tmp_path / "s"), "--seconds", "60") as process:
        read_until(process, "next: ")
        process.send_signal(number)
        assert process.wait(timeout=10) == 0


def test_sandbox_ends_by_itself(tmp_path: Path) -> None:
    with running("sandbox", "--folder", str(tmp_path / "s"), "--seconds", "0.1") as process:
        assert process.wait(timeout=20) == 0


def test_sandbox_leaves_a_configuration_alone_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[box]\n")
    with running("sandbox", "--folder", str(tmp_path), "--seconds", "0.1") as process:
        assert process.wait(timeout=20) == 1
    assert (tmp_path / "config.toml").read_text() == "[box]\n"
    assert [file.name for file in tmp_path.iterdir()] == ["config.toml"]


def test_a_kept_demonstration_prints_where_and_with_which_code_to_enrol(tmp_path: Path) -> None:
    with running("demo", "--folder", str(tmp_path), "--keep") as process:
        assert process.stdout is not None
        said = next(line for line in process.stdout if "/enrol " in line)
        address, code = re.search(r"https://\S+", said), next(process.stdout).split(": ")[1].split(";")[0]
        assert address is not None
        (certificate,) = tmp_path.rglob("page.crt")
        page = Page(address[0], certificate)
        assert page.get("/enrol").status == 200
        assert page.api("POST", "/enrol", {"code": code, "name": "Інна", "password": PASSWORD})["fresh"]
        assert page.get("/").status == 200
        process.terminate()
        told, _ = process.communicate(timeout=40)
        assert process.returncode == 0
        assert "delivered: " in told


@pytest.mark.parametrize("moment", ["starting a RIS", "the box runs"])
def test_a_terminated_demonstration_leaves_nothing_running(tmp_path: Path, moment: str) -> None:
    with running("demo", "--folder", str(tmp_path)) as process:
        read_until(process, moment)
        process.terminate()
        said, _ = process.communicate(timeout=40)
        assert process.returncode == 1
        assert "demo failed: interrupted" in said
        assert "delivered: " not in said
    assert processes_below(tmp_path) == []
