"""A configuration changed over the interface of the running service: named mistakes, roll-back, crash at every step."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent import errors
from agent.config import versions
from agent.supervisor import EXIT_AGAIN
from tests.system.world import Box, Sandbox, toml_for, wait_for

NAME = 'name = "{}"'


@pytest.fixture
def box(sandbox: Sandbox, tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path / "box", toml_for(sandbox))
    made.start()
    try:
        yield made
    finally:
        made.stop()


def again(box: Box) -> None:
    """What the service manager does: the process ended by itself, it is started again."""
    assert box.process is not None
    assert box.process.wait(timeout=30) == EXIT_AGAIN, box.text()
    box.start()


def now(box: Box) -> dict[str, Any]:
    return dict(box.get("/configuration"))


def propose(box: Box, old: str, new: str) -> dict[str, Any]:
    text = now(box)["text"]
    assert old in text
    return dict(box.post("/configuration", {"text": text.replace(old, new)}))


def confirm(box: Box, view: dict[str, Any], **more: Any) -> dict[str, Any]:
    return dict(box.post("/configuration/confirm", {"digest": view["digest"], "box_name": view["box_name"], **more}))


def events(box: Box, machine: str = "configuration") -> list[tuple[str, str]]:
    with closing(sqlite3.connect(box.data / "agent.sqlite3")) as connection:
        return connection.execute("SELECT event, who FROM event WHERE machine = ?", (machine,)).fetchall()


def port_of_nobody() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def port_line(box: Box) -> str:
    """The line of the configuration that gives the port of the (only) destination."""
    text = box.config.read_text(encoding="utf-8")
    return next(line for line in text.partition("[[destination]]")[2].splitlines() if line.startswith("port"))


def test_a_change_is_reviewed_confirmed_and_kept(box: Box) -> None:
    before = box.config.read_bytes()
    view = propose(box, "undo_window_s = 0", "undo_window_s = 30")
    assert [(c["key"], c["before"], c["after"], c["weakens"]) for c in view["changes"]] == [
        ("exam.undo_window_s", "0", "30", False)
    ]
    assert box.config.read_bytes() == before
    with pytest.raises(errors.NotPermitted):
        box.post("/configuration/confirm", {"digest": view["digest"], "box_name": "another box"})
    with pytest.raises(errors.OutOfDate):
        box.post("/configuration/confirm", {"digest": "0" * 64, "box_name": view["box_name"]})
    assert box.config.read_bytes() == before
    confirm(box, view)
    again(box)
    assert box.get("/status")["undo_window_s"] == 30
    wait_for("kept", lambda: now(box)["state"] == "kept", 60)
    assert versions.previous(box.config).read_bytes() == before
    wait_for("told", lambda: [event for event, _ in events(box)] == ["propose", "confirm", "keep"], 20)
    assert box.config.stat().st_mode == versions.previous(box.config).stat().st_mode


def test_every_mistake_is_named_and_nothing_is_kept(box: Box) -> None:
    before = box.config.read_bytes()
    text = now(box)["text"].replace("undo_window_s = 0", "undo_window_s = -1\nundo_windows = 4\n")
    view = box.post("/configuration", {"text": text + "\n[tsl]\nca_file = 1\n"})
    assert {p["key"] for p in view["problems"]} >= {"exam.undo_window_s", "exam.undo_windows", "tsl"}
    assert (view["digest"], view["changes"], view["state"]) == ("", [], "steady")
    nonsense = box.post("/configuration", {"text": "this is [ not TOML"})
    assert len(nonsense["problems"]) == 1
    moved = propose(box, 'data_dir = "', 'data_dir = "elsewhere')
    assert [p["key"] for p in moved["problems"]] == ["box.data_dir"]
    assert box.config.read_bytes() == before
    left = {path.name for path in box.folder.iterdir() if path.name.startswith(("config.toml", ".config"))}
    assert left <= {"config.toml", "config.toml.proposed", "config.toml.change"}


def test_weaker_confirmation_is_named_and_written_into_the_history(sandbox: Sandbox, tmp_path: Path) -> None:
    strict = toml_for(sandbox).replace('confirmation = "click"', 'confirmation = "reenter"')
    box = Box(tmp_path / "box", strict)
    box.start()
    try:
        view = propose(box, 'confirmation = "reenter"', 'confirmation = "click"')
        assert [(c["key"], c["weakens"]) for c in view["changes"]] == [("exam.confirmation", True)]
        confirm(box, view)
        again(box)
        assert "weaken" in [event for event, _ in events(box)]
        assert box.get("/status")["confirmation"] == "click"
    finally:
        box.stop()


@pytest.mark.timeout(300)
def test_a_destination_that_is_down_after_it_brings_the_old_file_back(sandbox: Sandbox, tmp_path: Path) -> None:
    box = Box(tmp_path / "box", toml_for(sandbox))
    quick = "import agent.config_change as c\nc.WATCH_S = 4.0\n"
    box.start(code=quick)
    try:
        before = box.config.read_bytes()
        confirm(box, propose(box, port_line(box), f"port = {port_of_nobody()}"))
        assert box.process is not None
        assert box.process.wait(timeout=30) == EXIT_AGAIN
        box.start(code=quick)
        assert now(box)["state"] == "watched"
        wait_for("asked", lambda: now(box)["waits_for"], 20)
        assert box.process.wait(timeout=60) == EXIT_AGAIN
        assert box.config.read_bytes() == before
        box.start(code=quick)
        view = now(box)
        assert view["state"] == "returned"
        assert view["words"].startswith("No longer answers: ")
        assert "C-11" in {alarm["code"] for alarm in wait_for("told", lambda: box.get("/status")["alarms"], 20)}
        wait_for("told", lambda: "returned" in [event for event, _ in events(box)], 20)
    finally:
        box.stop()


def test_a_destination_that_was_down_before_gives_nothing_back(sandbox: Sandbox, tmp_path: Path) -> None:
    text = toml_for(sandbox)
    box = Box(tmp_path / "box", text)
    box.config.write_text(text.replace(port_line(box), f"port = {port_of_nobody()}"), encoding="utf-8")
    box.start()
    try:
        confirm(box, propose(box, "undo_window_s = 0", "undo_window_s = 30"))
        again(box)
        wait_for("kept", lambda: now(box)["state"] == "kept", 60)
    finally:
        box.stop()


def test_a_person_may_keep_what_does_not_answer_and_may_give_back_what_does(box: Box) -> None:
    before = box.config.read_bytes()
    confirm(box, propose(box, port_line(box), f"port = {port_of_nobody()}"))
    again(box)
    wait_for("watched", lambda: now(box)["state"] == "watched", 20)
    with pytest.raises(errors.WrongState):
        propose(box, "undo_window_s = 0", "undo_window_s = 30")
    box.post("/configuration/give-back")
    again(box)
    assert now(box)["state"] == "returned"
    assert box.config.read_bytes() == before
    confirm(box, propose(box, port_line(box), f"port = {port_of_nobody()}"))
    again(box)
    box.post("/configuration/keep")
    assert now(box)["state"] == "kept"
    assert box.config.read_bytes() != before


def test_a_service_that_does_not_come_up_puts_the_old_file_back(box: Box) -> None:
    before = box.config.read_bytes()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        confirm(box, propose(box, "port = 0", f"port = {taken.getsockname()[1]}"))
        assert box.process is not None
        assert box.process.wait(timeout=30) == EXIT_AGAIN
        for _ in range(3):
            box.start(ready=False)
            assert box.process.wait(timeout=60) != 0
        assert box.config.read_bytes() != before
        box.start()
    assert box.config.read_bytes() == before
    assert now(box)["words"] == "The service did not come up with it."


def test_a_file_that_cannot_be_read_any_more_is_given_back_at_once(box: Box) -> None:
    before = box.config.read_bytes()
    ca_file = next(line for line in before.decode().splitlines() if line.startswith("ca_file"))
    name = ca_file.partition('"')[2].rpartition('"')[0]
    profile = box.folder / "mine.toml"
    profile.write_text("[picture]\n")
    view = propose(box, 'driver = "simulator"', 'driver = "simulator"\nprofile = "mine.toml"')
    assert not view["problems"], (view["problems"], name)
    confirm(box, view)
    assert box.process is not None
    assert box.process.wait(timeout=30) == EXIT_AGAIN
    profile.write_text("[this is no profile")
    box.start()
    assert box.config.read_bytes() == before
    assert now(box)["words"] == "The service could not read it."


def test_nothing_is_swapped_under_an_open_exam(box: Box) -> None:
    view = propose(box, "undo_window_s = 0", "undo_window_s = 30")
    box.open_exam("Ґалаґан")
    with pytest.raises(errors.WrongState):
        confirm(box, view)


STEPS = ("previous", "swapped", "renamed", "returning", "put-back", "returned")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", STEPS)
def test_death_at_every_step_leaves_one_whole_file_and_a_state_that_fits(
    sandbox: Sandbox, tmp_path: Path, step: str
) -> None:
    box = Box(tmp_path / "box", toml_for(sandbox))
    before = box.config.read_bytes()
    box.start(MODALITY_AGENT_KILL_AT=f"configuration:{step}")
    try:
        # A destination that does not answer, so that the change is watched until it is given back.
        view = propose(box, port_line(box), f"port = {port_of_nobody()}")
        after = versions.proposed(box.config).read_bytes()
        try:
            confirm(box, view)
            again_with_death(box, step)
            box.post("/configuration/give-back")
        except errors.AgentError:
            pass
        assert box.process is not None
        assert box.process.wait(timeout=30) == -9
        whole = box.config.read_bytes()
        assert whole in (before, after)
        box.start()
        found = {before: {"proposed", "returned"}, after: {"watched", "kept"}}[box.config.read_bytes()]
        wait_for("the start is over", lambda: now(box)["state"] in found, 30)
        view = now(box)
        state = json.loads(versions.change(box.config).read_bytes())["state"]
        assert state == view["state"] or {state, view["state"]} <= {"watched", "kept"}
        assert not [p for p in box.folder.iterdir() if p.name.endswith(".part") and p.stat().st_size == 0]
    finally:
        box.stop()


def again_with_death(box: Box, step: str) -> None:
    assert box.process is not None
    assert box.process.wait(timeout=30) == EXIT_AGAIN
    box.start(MODALITY_AGENT_KILL_AT=f"configuration:{step}")
