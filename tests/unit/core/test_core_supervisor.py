"""A worker that meets a full disk begins anew; any other error ends the process."""

from __future__ import annotations

import threading
from pathlib import Path

from agent import errors
from agent.config.load import load
from agent.config_change import ConfigChange
from agent.supervisor import EXIT_BROKEN, EXIT_OK, Supervisor
from tests.system.world import toml_for_peer


def supervisor(folder: Path) -> Supervisor:
    (folder / "box.toml").write_text(toml_for_peer(9))
    return Supervisor(load(folder / "box.toml"), ConfigChange(folder / "box.toml"))


def test_a_full_disk_ends_no_worker(tmp_path: Path) -> None:
    box, turns = supervisor(tmp_path), []

    def work(stop: threading.Event) -> None:
        turns.append(len(turns))
        if len(turns) < 2:
            raise errors.DiskFull

    box._guard("worker", work)
    assert turns == [0, 1]
    assert box._status == EXIT_OK


def test_any_other_error_ends_the_process(tmp_path: Path) -> None:
    box = supervisor(tmp_path)

    def work(stop: threading.Event) -> None:
        raise errors.WrongState

    box._guard("worker", work)
    assert box._status == EXIT_BROKEN
    assert box._stop.is_set()
