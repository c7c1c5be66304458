"""The real service comes back with the last good configuration, says so, and takes the mended file again."""

from __future__ import annotations

from pathlib import Path

from agent.cli.client import NotRunning
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
    state = tmp_path / "state"
    state.mkdir()
    told = {"STATE_DIRECTORY": str(state)}
    good = box.config.read_text()
    box.start(code=SOON_GOOD, **told)
    wait_for("the proof", (state / "last-good-configuration.json").exists)
    assert "B-21" not in alarms(box)
    assert box.stop() == 0
    box.config.write_text(good.replace("[box]", "[boks]"))
    for _ in range(3):
        box.start(ready=False, code=SOON_GOOD, **told)
        assert box.process is not None
        assert box.process.wait(20) == 1
    box.start(code=SOON_GOOD, **told)
    assert "B-21" in alarms(box)
    box.kill()
    box.config.write_text(good + "\n# mended\n")
    box.start(code=SOON_GOOD, **told)
    assert "B-21" not in alarms(box)
    assert box.stop() == 0
