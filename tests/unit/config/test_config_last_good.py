"""Three quick failures with any file, then the last good one; a good run, a clean stop or a change forgive."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import last_good, versions
from agent.config.load import load
from agent.config_change import MOST_STARTS, ConfigChange
from agent.errors import ConfigurationError, WrongState
from agent.lifecycle import ConfigurationState as State
from tests.system.world import toml_for_peer

PROFILE = '[object]\nmodality = "US"\nseries_description = "of the profile"\n'


def write(folder: Path, name: str) -> Path:
    (folder / "p.toml").write_text(PROFILE)
    toml = toml_for_peer(9).replace('driver = "simulator"', 'driver = "simulator"\nprofile = "p.toml"')
    file = folder / "config.toml"
    file.write_text(toml.replace("[box]", f"[box]\nstation_name = {name!r}", 1))
    return file


def begun(file: Path, *, restarted: bool = True) -> ConfigChange:
    change = ConfigChange(file, restarted=restarted)
    change.begin()
    return change


def start(file: Path) -> str:
    """One start, as the supervisor begins it: what it would run with."""
    begun(file)
    try:
        return load(file).box.station_name
    except ConfigurationError:
        return "mistakes"


def starts(file: Path, count: int = MOST_STARTS + 2) -> list[str]:
    """So many starts, each a quick failure."""
    return [start(file) for _ in range(count)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration that has proven itself."""
    file = write(tmp_path, "OLD")
    assert begun(file).stayed_up()
    return file


def test_a_valid_file_that_fails_three_times_gives_way_and_is_kept_aside(file: Path, tmp_path: Path) -> None:
    write(tmp_path, "NEW")
    bad = file.read_bytes()
    assert starts(file) == ["NEW"] * 3 + ["OLD"] * 2
    assert versions.failed(file).read_bytes() == bad
    now = ConfigChange(file).now
    assert (now.state, now.told, now.after) == (State.RETURNED, False, versions.digest(bad))


def test_a_broken_or_a_missing_file_gives_way(file: Path) -> None:
    file.write_text("[box\n")
    assert starts(file) == ["mistakes"] * 3 + ["OLD"] * 2
    file.unlink()
    assert starts(file) == ["mistakes"] * 3 + ["OLD"] * 2


@pytest.mark.parametrize("broken", [True, False])
def test_a_profile_that_was_broken_or_lost_comes_back_too(file: Path, tmp_path: Path, broken: bool) -> None:
    profile = tmp_path / "p.toml"
    profile.write_text("[object\n") if broken else profile.unlink()
    assert starts(file)[-1] == "OLD"
    assert profile.read_text() == PROFILE
    assert not versions.failed(file).exists(), "the file itself was good"


def test_a_change_begins_anew(file: Path, tmp_path: Path) -> None:
    write(tmp_path, "NEW")
    starts(file, 3)
    write(tmp_path, "NEWER")
    assert starts(file) == ["NEWER"] * 3 + ["OLD"] * 2


def test_a_clean_stop_is_no_failure(file: Path, tmp_path: Path) -> None:
    write(tmp_path, "NEW")
    for _ in range(5):
        change = begun(file)
        assert load(file).box.station_name == "NEW"
        change.stopped()


def test_the_last_good_file_is_used_however_often_it_fails(file: Path) -> None:
    assert starts(file) == ["OLD"] * 5
    assert not versions.change(file).exists(), "a steady box writes nothing at its start"


def test_a_file_that_stayed_up_is_the_last_good_one(file: Path, tmp_path: Path) -> None:
    write(tmp_path, "NEW")
    starts(file, 2)
    assert begun(file).stayed_up()
    write(tmp_path, "NEWER")
    assert starts(file)[-1] == "NEW"


def test_mending_by_hand_ends_the_return(file: Path, tmp_path: Path) -> None:
    write(tmp_path, "NEW")
    starts(file)
    write(tmp_path, "MENDED")
    change = begun(file)
    assert (change.now.state, change.now.told) == (State.STEADY, False)


def test_a_watched_change_is_not_good_yet_and_its_return_is_one_counter(file: Path, tmp_path: Path) -> None:
    change = begun(file)
    new = file.read_bytes().replace(b"OLD", b"NEW")
    kept = change.propose(new, "Ганна", "now")
    change.confirm(kept.after, ("pacs",), "Ганна", "now")
    change = begun(file)
    change.came_up()
    assert not change.stayed_up()
    assert starts(file, 4) == ["NEW", "NEW", "OLD", "OLD"]
    assert ConfigChange(file).now.words == "The service did not come up with it."


def test_a_change_that_was_kept_and_then_fails_gives_way_all_the_same(file: Path) -> None:
    change = begun(file)
    kept = change.propose(file.read_bytes().replace(b"OLD", b"NEW"), "Ганна", "now")
    change.confirm(kept.after, (), "Ганна", "now")
    change = begun(file)
    change.came_up()
    change.keep()
    assert starts(file) == ["NEW"] * 3 + ["OLD"] * 2


@pytest.mark.parametrize("step", ["configuration:returning", "configuration:put-back"])
def test_a_death_while_it_is_put_back_changes_nothing(file: Path, tmp_path: Path, step: str) -> None:
    class Death(Exception):
        pass

    def die(name: str) -> None:
        if name == step:
            raise Death

    write(tmp_path, "NEW")
    starts(file, 3)
    with pytest.raises(Death):
        ConfigChange(file, die, restarted=True).begin()
    assert start(file) == "OLD"
    assert ConfigChange(file).now.state is State.RETURNED


@pytest.mark.parametrize("torn", [b"", b"{", b"[]", b"null", b'{"files": {}}', b'{"files": {"config.toml": "x"}}'])
def test_a_torn_memory_is_none(file: Path, torn: bytes) -> None:
    versions.change(file).write_bytes(torn)
    versions.last_good(file).write_bytes(torn)
    assert last_good.read(file) is None
    file.write_text("[box\n")
    assert starts(file) == ["mistakes"] * 5


def test_nothing_is_counted_or_kept_without_a_service_manager(tmp_path: Path) -> None:
    file = write(tmp_path, "NEW")
    change = begun(file, restarted=False)
    assert change.stayed_up()
    change.stopped()
    assert sorted(f.name for f in tmp_path.iterdir()) == ["config.toml", "p.toml"]


def test_nobody_gives_back_what_is_no_change(file: Path) -> None:
    with pytest.raises(WrongState):
        begun(file).give_back("A person gave it back.")


def test_who_may_not_read_the_configuration_may_not_read_what_was_kept(file: Path) -> None:
    file.chmod(0o600)
    file.write_text(file.read_text() + "\n")
    begun(file).stayed_up()
    assert versions.last_good(file).stat().st_mode & 0o777 == 0o600
