"""Three quick failures with a file, then the configuration before it; a good run, a clean stop or a change forgive."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.errors import ConfigurationError
from agent.last_good import QUICK_FAILURES, LastGood
from tests.system.world import toml_for_peer

PROFILE = '[object]\nmodality = "US"\nseries_description = "of the profile"\n'


def write(folder: Path, name: str) -> Path:
    (folder / "p.toml").write_text(PROFILE)
    toml = toml_for_peer(9).replace('driver = "simulator"', 'driver = "simulator"\nprofile = "p.toml"')
    file = folder / "config.toml"
    file.write_text(toml.replace("[box]", f"[box]\nstation_name = {name!r}", 1))
    return file


def starts(folder: Path, file: Path) -> list[tuple[str, bool]]:
    """Every start until the last good one is used, each a quick failure."""
    seen = []
    for _ in range(QUICK_FAILURES + 2):
        try:
            chosen = LastGood(folder).choose(file)
            seen.append((chosen.configuration.box.station_name, chosen.is_last_good))
        except ConfigurationError:
            seen.append(("mistakes", False))
    return seen


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration that has proven itself."""
    file = write(tmp_path, "OLD")
    memory = LastGood(tmp_path)
    memory.proven(memory.choose(file))
    return file


def test_a_valid_file_that_fails_three_times_gives_way(tmp_path: Path, file: Path) -> None:
    write(tmp_path, "NEW")
    assert starts(tmp_path, file) == [("NEW", False)] * 3 + [("OLD", True)] * 2


def test_a_broken_file_gives_way(tmp_path: Path, file: Path) -> None:
    file.write_text("[box\n")
    assert starts(tmp_path, file) == [("mistakes", False)] * 3 + [("OLD", True)] * 2


def test_a_missing_file_gives_way(tmp_path: Path, file: Path) -> None:
    file.unlink()
    assert starts(tmp_path, file)[-1] == ("OLD", True)


def test_what_the_profile_said_is_kept_though_the_profile_is_gone(tmp_path: Path, file: Path) -> None:
    file.write_text("[box\n")
    (tmp_path / "p.toml").unlink()
    starts(tmp_path, file)
    kept = LastGood(tmp_path).choose(file).configuration
    assert kept.source[0].object.series_description in ("of the profile", "Simulated ultrasound")
    assert Path(kept.box.data_dir) == tmp_path / "data"


def test_a_broken_profile_counts_as_a_change_of_the_file(tmp_path: Path, file: Path) -> None:
    (tmp_path / "p.toml").write_text("[object\n")
    assert starts(tmp_path, file)[-1] == ("OLD", True)


def test_a_change_begins_anew(tmp_path: Path, file: Path) -> None:
    write(tmp_path, "NEW")
    starts(tmp_path, file)
    write(tmp_path, "NEWER")
    assert starts(tmp_path, file)[0] == ("NEWER", False)


def test_a_clean_stop_is_no_failure(tmp_path: Path, file: Path) -> None:
    write(tmp_path, "NEW")
    for _ in range(5):
        memory = LastGood(tmp_path)
        assert not memory.choose(file).is_last_good
        memory.stopped()


def test_the_same_good_file_is_used_however_often_it_fails(tmp_path: Path, file: Path) -> None:
    assert starts(tmp_path, file) == [("OLD", False)] * 5


def test_a_run_on_the_last_good_one_does_not_make_the_new_one_good(tmp_path: Path, file: Path) -> None:
    write(tmp_path, "NEW")
    starts(tmp_path, file)
    memory = LastGood(tmp_path)
    memory.proven(memory.choose(file))
    assert LastGood(tmp_path).choose(file).is_last_good


@pytest.mark.parametrize("torn", [b"", b"{", b"[]", b"null"])
def test_torn_memories_are_none(tmp_path: Path, file: Path, torn: bytes) -> None:
    (tmp_path / "starts.json").write_bytes(torn)
    assert not LastGood(tmp_path).choose(file).is_last_good
    (tmp_path / "last-good-configuration.json").write_bytes(torn)
    file.write_text("[box\n")
    assert starts(tmp_path, file) == [("mistakes", False)] * 5


def test_nothing_is_kept_without_a_service_manager(tmp_path: Path) -> None:
    file = write(tmp_path, "NEW")
    memory = LastGood.of({})
    memory.proven(memory.choose(file))
    memory.stopped()
    assert sorted(f.name for f in tmp_path.iterdir()) == ["config.toml", "p.toml"]
    assert LastGood.of({"STATE_DIRECTORY": f"{tmp_path}:/elsewhere"}).choose(file).configuration
    assert json.loads((tmp_path / "starts.json").read_text())["count"] == 1
