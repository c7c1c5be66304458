"""Reset and erase on the folder of a real box: refused while something is owed, and whole whatever cuts the power."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent import clearing
from agent.host import KILL_AT
from tests.system.test_health import command
from tests.system.world import Box, Sandbox, box_in, toml_for, toml_for_peer, wait_for

SECRET = b"-----BEGIN PRIVATE KEY-----\nnot for others\n"
BESIDES = ("lock", "run.log", "agent.sqlite3-wal", "agent.sqlite3-shm")
"""Made by looking, or by the service itself."""
TWICE = ("--lose-unsent", "--box", "Test")


@contextmanager
def nobody_listens() -> Iterator[int]:
    """Give a port of this machine at which nobody answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a box with one object that is not sent, one open exam, one person, and secrets."""
    folder = tmp_path_factory.mktemp("used") / "box"
    with nobody_listens() as port:
        with box_in(folder, toml_for_peer(port)) as box:
            (unsent,) = box.emergency(1)
            wait_for("in the queue", lambda: box.job(unsent))
            box.post("/exams/emergency", {"source": "us1"})
            box.capture("open")
            box.technician()
        (folder / "tls").mkdir()
        (folder / "tls" / "agent.key").write_bytes(SECRET)
        (folder / "site.toml").write_text("")
        (folder / "config.toml.previous").write_text("[box]\n")
        (folder / "data" / "inbox").mkdir()
        (folder / "data" / "inbox" / "IVANENKO.jpg").write_bytes(b"a patient's")
        yield folder


def copy_of(used: Path, tmp_path: Path) -> Box:
    shutil.copytree(used, tmp_path / "box")
    return Box(tmp_path / "box", (used / "config.toml").read_text())


def everything(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in BESIDES
    }


def erased(folder: Path) -> bool:
    return not everything(folder).keys() - {"certificate.json"}


def cut(box: Box, step: str, *words: str) -> int:
    """Give a command and end its process at a step; return how it ended."""
    line = [sys.executable, "-P", "-m", "agent.cli", "--config", str(box.config), *words]
    done = subprocess.run(line, env={**os.environ, KILL_AT: step}, capture_output=True, timeout=60, check=False)
    return done.returncode


def test_nothing_is_removed_while_something_is_owed_unless_it_is_said_twice(used: Path, tmp_path: Path) -> None:
    box = copy_of(used, tmp_path)
    before = everything(box.folder)
    asked = [("reset", "--box", "Test"), ("reset", "--lose-unsent"), ("reset", "--lose-unsent", "--box", "Tes")]
    asked += [("erase", *words, "--certificate", str(tmp_path / "c.json")) for _, *words in list(asked)]
    for words in asked:
        said = command(box, *words)
        assert said.returncode == 1, (words, said.stdout)
        assert everything(box.folder) == before, words
        assert not (tmp_path / "c.json").exists()
    said = command(box, "reset", "--box", "Test")
    assert "1 objects are not sent to archive" in said.stderr
    assert "1 pictures of which no object was made yet" in said.stderr
    assert "D-12" in said.stderr
    inside = command(box, "erase", *TWICE, "--certificate", str(box.data / "c.json"))
    assert (inside.returncode, "D-15" in inside.stderr) == (1, True)
    (box.data / clearing.SALVAGING).touch()
    refused = command(box, "erase", *TWICE, "--certificate", str(tmp_path / "c.json"))
    assert (refused.returncode, "D-13" in refused.stderr) == (1, True)
    (box.data / clearing.SALVAGING).unlink()
    assert everything(box.folder) == before


def test_a_running_service_is_not_reset(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        assert command(box, "reset", "--box", "Sandbox box").returncode == 75


def test_a_damaged_database_proves_nothing(used: Path, tmp_path: Path) -> None:
    for spoil in (lambda path: path.write_bytes(b"\0" * 8192), Path.unlink):
        shutil.rmtree(tmp_path / "box", ignore_errors=True)
        box = copy_of(used, tmp_path)
        for suffix in ("-wal", "-shm"):
            (box.data / f"agent.sqlite3{suffix}").unlink(missing_ok=True)
        spoil(box.data / "agent.sqlite3")
        said = command(box, "reset", "--box", "Test")
        assert said.returncode == 1
        assert "nobody knows what was sent" in said.stderr
        assert "2 files of pictures" in said.stderr


def test_a_reset_box_is_the_same_box_without_patients_and_people(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        box.open_exam()
        box.capture("sent")
        box.post(f"/exams/{box.get('/sources')[0]['exam_id']}/finish")
        wait_for("delivery", box.all_sent)
        wait_for("confirmed", lambda: all(j["state"] == "confirmed" for j in box.jobs()))
        wait_for("the RIS knows", lambda: all(j["state"] in ("sent", "confirmed") for j in box.get("/queue")))
        box.technician()
        name = box.get("/status")["box"]
        uid, key = ((box.data / file).read_bytes() for file in ("device-uid", "box.key"))
        last = box.post("/audit/verify")["last"]
        assert box.stop() == 0
        said = command(box, "reset", "--box", name, "--who", "Engineer")
        assert said.returncode == 0, said.stderr
        left = everything(box.data)
        assert not [file for file in left if file.startswith(("agent.sqlite3", "spool/"))], left.keys()
        box.start()
        assert (box.get("/exams"), box.get("/users"), box.jobs()) == ([], [], [])
        assert ((box.data / "device-uid").read_bytes(), (box.data / "box.key").read_bytes()) == (uid, key)
        told = box.post("/audit/verify")
        assert (told["ok"], told["last"] > last) == (True, True), "the trail goes on, and says why"
        rows = box.post("/audit/read", {"before": 0, "limit": 100})
        assert [r["who"] for r in rows if r["told"].get("reason", "").startswith("reset:")] == ["Engineer"]
        assert not clearing.marker(box.config).exists()
        box.emergency(1)
        wait_for("it works as before", box.all_sent)


STEPS = (
    "clearing:announced", "clearing:marked", "clearing:file", "clearing:file#4", "clearing:file#11",
    "clearing:certified", "clearing:cleared", "clearing:configuration",
)  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_an_erase_that_was_cut_off_is_ended_by_the_next_start_or_never_began(
    used: Path, tmp_path: Path, step: str
) -> None:
    box = copy_of(used, tmp_path)
    certificate = box.folder / "certificate.json"
    before = everything(box.folder)
    assert cut(box, step, "erase", *TWICE, "--who", "Engineer", "--certificate", str(certificate)) == -signal.SIGKILL
    if step == "clearing:announced":
        assert {**everything(box.folder), "certificate.json": b""} == {**before, "certificate.json": b""}
        return
    if box.config.exists():
        box.start(ready=False)
        assert box.process is not None
        assert box.process.wait(timeout=30) == 0, box.text()
    left = clearing.marker(box.config)
    assert left.exists() == (step == "clearing:configuration"), "without a configuration nothing starts"
    left.unlink(missing_ok=True)
    assert erased(box.folder), everything(box.folder).keys()
    content = certificate.read_bytes()
    assert clearing.is_genuine(content)
    told = json.loads(content)
    assert (told["who"], told["box"], bool(told["finished_at"])) == ("Engineer", "Test", True)
    assert told["counts"]["pictures"] == 2
    assert "1 objects are not sent to archive" in told["lost_knowingly"]
    assert not clearing.is_genuine(content.replace(b"Engineer", b"Somebody"))


@pytest.mark.parametrize("step", STEPS[1:-2])
def test_an_erase_that_was_cut_off_is_ended_by_hand(used: Path, tmp_path: Path, step: str) -> None:
    box = copy_of(used, tmp_path)
    assert command(box, "clear").stdout == "nothing was begun\n"
    gone = tmp_path / "stick"
    gone.mkdir()
    words = ("erase", *TWICE, "--who", "Engineer", "--certificate", str(gone / "erased.json"))
    assert cut(box, step, *words) == -signal.SIGKILL
    shutil.rmtree(gone)
    done = command(box, "clear")
    assert done.returncode == 0, done.stderr
    assert not clearing.marker(box.config).exists()
    told = json.loads((box.folder / "erased.json").read_bytes())
    assert everything(box.folder).keys() == {"erased.json"}
    assert (told["who"], bool(told["finished_at"])) == ("Engineer", True)


def test_a_reset_that_was_cut_off_is_ended_by_the_next_start(used: Path, tmp_path: Path) -> None:
    box = copy_of(used, tmp_path)
    assert cut(box, "clearing:file#3", "reset", *TWICE) == -signal.SIGKILL
    refused = command(box, "restore", str(tmp_path))
    assert (refused.returncode, "D-14" in refused.stderr) == (1, True)
    box.start()
    try:
        assert (box.get("/exams"), box.get("/users")) == ([], [])
        assert not clearing.marker(box.config).exists()
        assert (box.folder / "tls" / "agent.key").read_bytes() == SECRET, "the configuration stays"
    finally:
        box.stop()


def test_what_is_erased_is_overwritten_first(used: Path, tmp_path: Path) -> None:
    box = copy_of(used, tmp_path)
    os.link(box.folder / "tls" / "agent.key", tmp_path / "second name of the same bytes")
    said = command(box, "erase", *TWICE, "--certificate", str(tmp_path / "certificate.json"))
    assert said.returncode == 0, said.stderr
    assert erased(box.folder), everything(box.folder).keys()
    assert set((tmp_path / "second name of the same bytes").read_bytes()) == {0}
    assert "IVANENKO" not in said.stdout + (tmp_path / "certificate.json").read_text()


WRONG = (
    "",
    "[erase]\n",
    "what = 'erase'\n",
    "[erase]\nbox = 'Test'\nwho = 1\n",
    "[erase]\nbox = 'Test'\n[reset]\nbox = 'Test'\n",
    "[erase]\nbox = 'Test'\nidentity_too = true\n",
    "\xff",
)


@pytest.mark.parametrize("text", WRONG)
def test_a_file_that_is_not_understood_removes_nothing(used: Path, tmp_path: Path, text: str) -> None:
    box, asked = copy_of(used, tmp_path), tmp_path / "modality-agent-erase.toml"
    asked.write_bytes(text.encode("latin-1"))
    before = everything(box.folder)
    said = command(box, "clear", str(asked))
    assert (said.returncode, "D-19" in said.stderr) == (1, True), said.stderr
    assert everything(box.folder) == before


def test_a_file_asks_for_an_erase_as_the_command_does(used: Path, tmp_path: Path) -> None:
    """A box where nobody can log in takes it from a stick; what is owed is refused there, too, unless told twice."""
    box, asked = copy_of(used, tmp_path), tmp_path / "modality-agent-erase.toml"
    asked.write_text('[erase]\nbox = "Test"\nwho = "A. Engineer"\n')
    said = command(box, "clear", str(asked))
    assert (said.returncode, "D-12" in said.stderr) == (1, True), said.stderr
    asked.write_text('[erase]\nbox = "Test"\nwho = "A. Engineer"\nlose_unsent = true\n')
    said = command(box, "clear", str(asked))
    assert said.returncode == 0, said.stderr
    assert erased(box.folder)
    certificate = json.loads((tmp_path / "modality-agent-erased.json").read_text())
    assert certificate["who"] == "A. Engineer"
    assert not asked.exists(), "it would be asked for again at the next start"


def test_a_file_asks_for_a_reset(used: Path, tmp_path: Path) -> None:
    box, asked = copy_of(used, tmp_path), tmp_path / "modality-agent-erase.toml"
    asked.write_text('[reset]\nbox = "Test"\nwho = "A. Engineer"\nlose_unsent = true\n')
    assert command(box, "clear", str(asked)).returncode == 0
    assert box.config.exists()
    assert not (box.data / "agent.sqlite3").exists()
