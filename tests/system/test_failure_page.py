"""What the service leaves for the failure page, whatever stops it; and the door that it takes over when it serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.ops import serving
from tests.system.world import Box, toml_for_peer, wait_for


def runtime(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def ends(box: Box, folder: Path) -> tuple[str, int]:
    box.start(ready=False, RUNTIME_DIRECTORY=str(folder))
    assert box.process is not None
    assert box.process.wait(timeout=40) != 0
    return serving.last(folder)


def test_a_bad_configuration_leaves_its_code_until_the_service_serves(tmp_path: Path) -> None:
    folder, good = runtime(tmp_path), toml_for_peer(1)
    box = Box(tmp_path / "box", good.replace("[box]", "[boks]"))
    assert ends(box, folder) == ("C-01", 1)
    assert ends(box, folder) == ("C-01", 2)
    box.config.write_text(good)
    box.start(RUNTIME_DIRECTORY=str(folder))
    try:
        assert serving.last(folder) == ("", 0)
        assert (box.data / "failure" / serving.PAGE).exists()
    finally:
        assert box.stop() == 0
    assert serving.last(folder) == ("", 0), "a person stopped it"


@pytest.mark.parametrize(("spoil", "code"), [("newer", "D-03"), ("no folder", "D-10")])
def test_data_that_cannot_be_used_leave_their_code(tmp_path: Path, spoil: str, code: str) -> None:
    import sqlite3
    from contextlib import closing

    folder = runtime(tmp_path)
    box = Box(tmp_path / "box", toml_for_peer(1))
    box.start()
    assert box.stop() == 0
    if spoil == "newer":
        with closing(sqlite3.connect(box.data / "agent.sqlite3")) as database:
            database.execute("PRAGMA user_version = 999")
            database.execute("PRAGMA application_id = 999")
    else:
        (box.data / "box.key").write_bytes(b"short")
    assert ends(box, folder) == (code, 1)


def test_a_disk_that_breaks_its_word_leaves_its_code(tmp_path: Path) -> None:
    folder = runtime(tmp_path)
    box = Box(tmp_path / "box", toml_for_peer(1))
    broken = (
        "import os; from agent.errors import StorageError; from agent import supervisor\n"
        "old = supervisor.Supervisor._watch\n"
        "def watch(self, *args):\n    self._broken(StorageError())\n    return old(self, *args)\n"
        "supervisor.Supervisor._watch = watch"
    )
    box.start(ready=False, code=broken, RUNTIME_DIRECTORY=str(folder))
    assert box.process is not None
    assert box.process.wait(timeout=60) == 70
    wait_for("the code", lambda: serving.last(folder) == ("D-10", 1), 5)
