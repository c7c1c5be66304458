"""Copies that are made by themselves: read again, so many kept, nothing let go for one that failed, trouble told."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent import backup as backups
from agent import rotation
from agent.errors import AgentError
from agent.operations_errors import BackupBusy, BackupNowhere
from agent.rotation import Rotation, turn
from tests.system.test_health import command
from tests.system.world import Box, box_in, toml_for_peer, wait_for

OFTEN = "import agent.backup_watch as w\nw._TURN_S, w._TURNS_BETWEEN = 0.2, 1\n"
NOW = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)


def names(folder: Path) -> list[str]:
    return sorted(f.name for f in folder.iterdir())


def alarms(box: Box) -> set[str]:
    return {a["code"] for a in box.get("/status")["alarms"]}


def backup_part(box: Box) -> dict[str, object]:
    return dict(next(p for p in box.get("/health")["parts"] if p["part"] == "backup"))


def test_trouble_is_told_and_a_good_copy_ends_it(tmp_path: Path) -> None:
    place = tmp_path / "copies"
    place.mkdir()
    box = Box(tmp_path / "box", toml_for_peer(1) + "[backup]\nkeep = 2\n")
    box.start(code=OFTEN)
    try:
        assert backup_part(box)["state"] == "ok", "one is expected from now on"
        box.emergency(1)
        said = command(box, "backup", "--rotate", str(place))
        assert (said.returncode, "D-17" in said.stderr) == (1, True), "nothing is mounted there"
        assert names(place) == []
        wait_for("the alarm", lambda: "D-17" in alarms(box))
        box.config.write_text(box.config.read_text() + "mounted = false\n")
        said = command(box, "backup", "--rotate", str(place))
        assert said.returncode == 0, said.stderr
        wait_for("its end", lambda: "D-17" not in alarms(box))
        (name,) = names(place)
        kept = backups.read(place / name)
        assert any(n.startswith(("spool/objects/", "spool/frames/")) for n in kept.files)
        assert (place / name).stat().st_mode & 0o777 == 0o700
    finally:
        box.stop()


def test_without_the_table_nothing_is_done_and_nothing_is_asked(tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for_peer(1)) as box:
        said = command(box, "backup", "--rotate", str(tmp_path / "nowhere"))
        assert (said.returncode, "nothing was done" in said.stdout) == (0, True)
        assert not [p for p in box.get("/health")["parts"] if p["part"] == "backup"]
        assert not (box.data / rotation.STATE).exists()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a box that worked."""
    with box_in(tmp_path_factory.mktemp("rotation") / "box", toml_for_peer(1)) as box:
        box.emergency(1)
    return box.data


def plan(folder: Path, *, keep: int = 2, mounted: bool = False) -> Rotation:
    folder.mkdir(exist_ok=True)
    return Rotation(folder=folder, keep=keep, pictures=True, mounted=mounted)


def test_so_many_are_kept_and_the_oldest_goes(root: Path, tmp_path: Path) -> None:
    told = plan(tmp_path / "copies")
    (told.folder / "20260101T000000Z.part").mkdir()
    (told.folder / "of somebody else").mkdir()
    for day in range(4):
        turn(root, told, box="B", now=NOW + timedelta(days=day))
    assert names(told.folder) == ["20261126T013000Z", "20261127T013000Z", "of somebody else"]
    outcome = rotation.outcome(root)
    assert outcome is not None
    assert (outcome.code, outcome.copies, outcome.whole_unix) == ("", 2, (NOW + timedelta(days=3)).timestamp())
    assert all(backups.read(told.folder / name).box == "B" for name in names(told.folder)[:2])


def test_a_copy_that_cannot_be_read_again_is_none_and_no_other_goes(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = plan(tmp_path / "copies", keep=1)
    turn(root, told, box="B", now=NOW)
    make = backups.make

    def torn(*args: object, **named: object) -> backups.Backup:
        made = make(*args, **named)  # type: ignore[arg-type]
        file = next(f for f in Path(str(args[1])).rglob("*.*") if f.parent.name == "frames" or f.suffix == ".dcm")
        file.write_bytes(file.read_bytes()[:-1])
        return made

    monkeypatch.setattr(backups, "make", torn)
    with pytest.raises(AgentError):
        turn(root, told, box="B", now=NOW + timedelta(days=1))
    assert names(told.folder) == ["20261124T013000Z"]
    outcome = rotation.outcome(root)
    assert outcome is not None
    assert (bool(outcome.code), outcome.whole_unix) == (True, NOW.timestamp())


def test_a_disk_that_is_full_is_told_in_words_and_leaves_nothing_behind(root: Path, tmp_path: Path) -> None:
    full = tmp_path / "full"
    told = plan(full)
    full.rmdir()
    full.symlink_to("/dev/full")  # a place that takes nothing
    with pytest.raises(BackupNowhere):
        turn(root, told, box="B", now=NOW)
    full.unlink()
    full.mkdir(mode=0o500)
    if os.getuid() != 0:
        with pytest.raises(AgentError, match="could not be written"):
            turn(root, told, box="B", now=NOW)
    assert names(full) == []


def test_two_at_a_time_do_not_meet(root: Path, tmp_path: Path) -> None:
    told = plan(tmp_path / "copies")
    with rotation._alone(root), pytest.raises(BackupBusy):
        turn(root, told, box="B", now=NOW)
    turn(root, told, box="B", now=NOW)


def test_the_age_counts_from_when_a_copy_was_first_expected(tmp_path: Path) -> None:
    assert rotation.age_s(tmp_path, lambda: 1_000_000.0) == 0.0
    assert rotation.age_s(tmp_path, lambda: 1_000_500.0) == 500.0
    rotation.note(tmp_path, rotation.Outcome(at=NOW.isoformat(), code="D-17", whole_unix=1_000_200.0))
    assert rotation.age_s(tmp_path, lambda: 1_000_500.0) == 300.0
    (tmp_path / rotation.STATE).write_text(json.dumps({"at": 1, "strange": 2}))
    assert rotation.age_s(tmp_path, lambda: 1_000_700.0) == 0.0, "what cannot be read is begun anew"
