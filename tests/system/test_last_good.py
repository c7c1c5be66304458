"""The real service comes back with the last good configuration, says so, and takes the mended file again."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from pathlib import Path

from agent.cli.client import NotRunning
from agent.config import versions
from agent.errors import AgentError
from tests.system.world import Box, Sandbox, toml_for, wait_for

SOON_GOOD = "import agent.supervisor; agent.supervisor.GOOD_AFTER_S = 0.5"


def alarms(box: Box) -> set[str]:
    try:
        return {alarm["code"] for alarm in box.get("/status")["alarms"]}
    except (NotRunning, AgentError):
        return set()


def test_three_failures_then_the_last_good_one(sandbox: Sandbox, tmp_path: Path) -> None:
    box = Box(tmp_path / "box", toml_for(sandbox))
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        _live_through(box, {"NOTIFY_SOCKET": address, "code": SOON_GOOD})


def _live_through(box: Box, told: dict[str, str]) -> None:
    good = box.config.read_text()
    bad = good.replace("[box]", "[boks]")
    box.start(**told)
    wait_for("the proof", versions.last_good(box.config).exists)
    assert "C-11" not in alarms(box)
    assert box.stop() == 0
    box.config.write_text(bad)
    for _ in range(3):
        box.start(ready=False, **told)
        assert box.process is not None
        assert box.process.wait(30) == 1
    box.start(**told)
    wait_for("said", lambda: "C-11" in alarms(box))
    assert (box.config.read_text(), versions.failed(box.config).read_text()) == (good, bad)
    box.kill()
    box.config.write_text(good + "\n# mended\n")
    box.start(**told)
    wait_for("no longer said", lambda: "C-11" not in alarms(box))
    assert box.stop() == 0
    with closing(sqlite3.connect(box.data / "agent.sqlite3")) as connection:
        rows = connection.execute("SELECT event FROM event WHERE machine = 'configuration' ORDER BY rowid").fetchall()
    assert [event for event, in rows] == ["returned", "edited by hand"]
