"""Power, heat and the speed of the card, from fake trees of sysfs as real boards have them, to alarms in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.board_watch import SLOW_CARD, TOO_HOT, WEAK_POWER, BoardLimits, BoardWatch
from agent.card_speed import FEWEST, FRESH_S, CardSpeed
from agent.ops.board import Board, board
from agent.spool import Spool
from agent.store import Stamp, Store
from agent.store.migrations import migrate

STAMP = Stamp(at="2026-11-24T10:00:00.000+02:00", unix=1.8e9, run_id="run")


def write(sys: Path, name: str, text: str) -> None:
    path = sys / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


FIRMWARE = "devices/platform/soc/soc:firmware/get_throttled"


@pytest.mark.parametrize(
    ("bits", "low", "since", "throttled"),
    [
        ("0", False, False, False),
        ("50005", True, True, True),  # low and throttled, now and before
        ("50000", False, True, False),  # only remembered
        ("20002", False, False, True),  # capped by heat
        ("80008", False, False, False),  # soft temperature limit alone
        ("nonsense", None, None, None),
        ("", None, None, None),
    ],
)
def test_what_the_firmware_of_a_raspberry_pi_says(
    tmp_path: Path, bits: str, low: bool | None, since: bool | None, throttled: bool | None
) -> None:
    write(tmp_path, FIRMWARE, bits + "\n")
    told = board(tmp_path)
    assert (told.undervoltage, told.undervoltage_since_boot, told.throttled) == (low, since, throttled)


@pytest.mark.parametrize(("alarm", "low"), [("0", False), ("1", True), ("", None)])
def test_the_driver_of_the_voltage_speaks_where_the_firmware_is_silent(
    tmp_path: Path, alarm: str, low: bool | None
) -> None:
    write(tmp_path, "class/hwmon/hwmon0/name", "cpu_thermal\n")
    write(tmp_path, "class/hwmon/hwmon0/in0_lcrit_alarm", "1\n")
    write(tmp_path, "class/hwmon/hwmon1/name", "rpi_volt\n")
    write(tmp_path, "class/hwmon/hwmon1/in0_lcrit_alarm", alarm + "\n")
    assert board(tmp_path).undervoltage is low


def test_every_zone_has_its_temperature_and_a_dead_sensor_has_none(tmp_path: Path) -> None:
    for zone, text in enumerate(("48312\n", "-273000\n", "x", "86000\n")):
        write(tmp_path, f"class/thermal/thermal_zone{zone}/temp", text)
    told = board(tmp_path)
    assert told.temperatures == {"thermal_zone0": 48.312, "thermal_zone3": 86.0}
    assert told.hottest == 86.0


def test_a_machine_that_says_nothing_is_not_called_well(tmp_path: Path) -> None:
    assert board(tmp_path) == Board()
    assert board(tmp_path / "none").hottest is None


class Standing:
    """A watch with everything that it looks at in the test's hands."""

    def __init__(self, store: Store) -> None:
        self.store, self.now, self.slow, self.board = store, 0.0, 0.0, Board()
        self.heard: list[tuple[str, str]] = []
        self.watch = BoardWatch(
            store,
            BoardLimits(hot_c=(75.0, 85.0), slow_s=(1.0, 5.0)),
            board=lambda: self.board,
            card_slow_s=lambda: self.slow,
            monotonic=lambda: self.now,
            stamp=lambda: STAMP,
            notice=lambda what, name: self.heard.append((what, name)),
            turned=lambda: None,
        )

    def alarms(self) -> set[str]:
        self.watch.turn()
        return {alarm["code"] for alarm in self.store.records.alarms()}


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[Standing]:
    migrate(str(tmp_path / "agent.sqlite3"))
    store = Store(tmp_path / "agent.sqlite3")
    yield Standing(store)
    store.close()


def test_a_weak_supply_is_told_for_an_hour_after_it_was_last_seen(standing: Standing) -> None:
    standing.board = Board(undervoltage=True, undervoltage_since_boot=True)
    assert standing.alarms() == {WEAK_POWER}
    standing.board = Board(undervoltage=False, undervoltage_since_boot=True)
    standing.now = 3599.0
    assert standing.alarms() == {WEAK_POWER}
    standing.now = 3601.0
    assert standing.alarms() == set(), "what the firmware remembers is no new fall"
    assert standing.heard == [("box", WEAK_POWER), ("box", TOO_HOT), ("box", SLOW_CARD), ("box", WEAK_POWER)]


def test_a_fall_between_two_looks_is_seen(standing: Standing) -> None:
    assert standing.alarms() == set()
    standing.now = 10.0
    standing.board = Board(undervoltage=False, undervoltage_since_boot=True)
    assert standing.alarms() == {WEAK_POWER}


def test_heat_is_told_until_it_is_well_below(standing: Standing) -> None:
    for degrees, told in ((84.0, set()), (86.0, {TOO_HOT}), (80.0, {TOO_HOT}), (74.0, set()), (80.0, set())):
        standing.board = Board(temperatures={"thermal_zone0": degrees})
        assert standing.alarms() == told, degrees
    standing.board = Board(throttled=True)
    assert standing.alarms() == {TOO_HOT}


def test_an_alarm_of_an_older_run_ends_with_its_cause(standing: Standing) -> None:
    standing.store.records.raise_alarm(SLOW_CARD, "box", "older", STAMP)
    assert standing.alarms() == set()


def test_a_card_is_slow_when_most_of_its_newest_syncs_are() -> None:
    now, heard = [0.0], []
    speed = CardSpeed(lambda: now[0], heard.append)
    for _ in range(FEWEST - 1):
        speed.synced(9.0)
    assert speed.slow_s() == 0.0, "too few to say so"
    for _ in range(60):
        speed.synced(0.01)
    assert speed.slow_s() == 0.01, "a stall or two is no slow card"
    for _ in range(20):
        speed.synced(6.0)
    assert speed.slow_s() == 6.0
    now[0] = FRESH_S + 1
    assert speed.slow_s() == 0.0, "nothing was written for long: nothing is known"
    assert len(heard) == FEWEST - 1 + 80


def test_the_speed_is_measured_on_what_is_written_anyway(tmp_path: Path) -> None:
    migrate(str(tmp_path / "agent.sqlite3"))
    took: list[float] = []
    store = Store(tmp_path / "agent.sqlite3", synced=took.append)
    store.records.next_number("x")
    store.close()
    assert len(took) == 1
    spool = Spool(tmp_path / "spool", synced=took.append)
    spool.write_frame("00000000-0000-4000-8000-000000000001", b"header", None, 0)
    assert len(took) == 2
    assert all(0 < seconds < 60 for seconds in took)
    assert not spool.read_only()
