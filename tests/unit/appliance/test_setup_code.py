"""The one-time code of the set-up page: how strong, how often it may be wrong, what a restart forgets (nothing)."""

from __future__ import annotations

import os
from itertools import cycle
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from agent.accounts.secrets import ALPHABET, new_code, usable
from agent.cli import main as _main  # noqa: F401 - all commands
from agent.cli.main import cli
from agent.enrolling import Owner
from agent.enrolment_errors import CodeSpent, TooManyCodes, WrongSetupCode
from agent.setup_code import MOST_WRONG, SetupCode, take

OWNER = Owner(uid=os.getuid(), gid=os.getgid())
WRONG = "ACDE-3479-FGHJ-KLMN"
HERE, THERE = "192.0.2.7", "192.0.2.8"


class Clock:
    """Seconds since the box was started, as far as it knows."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def made(folder: Path, clock: Clock | None = None) -> SetupCode:
    return SetupCode(folder, random=os.urandom, monotonic=clock or Clock())


def wrong(code: SetupCode, times: int, address: str = HERE) -> None:
    for _ in range(times):
        with pytest.raises(WrongSetupCode):
            code.assert_right(WRONG, address)


def test_it_is_made_once_and_strong_enough_and_nobody_else_reads_it(tmp_path: Path) -> None:
    first = made(tmp_path / "setup")
    assert len(ALPHABET) ** 16 > 2**60, "60 bits or more (H1)"
    assert made(tmp_path / "setup").code == first.code
    assert made(tmp_path / "other").code != first.code
    assert (tmp_path / "setup").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "setup" / "code").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("write", [str.lower, lambda c: c.replace("-", " "), lambda c: c.replace("A", "А")])
def test_it_is_taken_as_people_type_it_and_costs_no_try(tmp_path: Path, write: object) -> None:
    code = made(tmp_path / "setup")
    for _ in range(20):
        code.assert_right(write(code.code), HERE)  # type: ignore[operator]
    wrong(code, 1)


@pytest.mark.parametrize("typed", ["", "-", "ACDE", "A" * 16, "\0", "é" * 200, WRONG + "A"])
def test_everything_else_is_wrong(tmp_path: Path, typed: str) -> None:
    with pytest.raises(WrongSetupCode):
        made(tmp_path / "setup").assert_right(typed, HERE)


def test_waits_grow_and_are_each_address_s_own(tmp_path: Path) -> None:
    clock = Clock()
    code = made(tmp_path / "setup", clock)
    wrong(code, 5)
    waits = []
    for _ in range(4):
        with pytest.raises(TooManyCodes) as told:
            code.assert_right(code.code, HERE)
        waits.append(told.value.facts["wait_s"])
        clock.now += float(waits[-1] or 0)
        wrong(code, 1)
    assert waits == sorted(set(waits))
    assert waits[-1] >= 4 * waits[0]
    code.assert_right(code.code, THERE)
    clock.now += 900
    code.assert_right(code.code, HERE)


def test_a_restart_gives_no_try_and_no_wait_away(tmp_path: Path) -> None:
    clock = Clock()
    code = made(tmp_path / "setup", clock)
    for _ in range(7):
        wrong(code, 1)
        clock.now += 60
    clock = Clock()
    again = made(tmp_path / "setup", clock)
    with pytest.raises(TooManyCodes):
        again.assert_right(again.code, HERE)
    clock.now += 3
    with pytest.raises(TooManyCodes, match=r"wait [567] seconds"):
        again.assert_right(again.code, HERE)


def test_the_try_is_on_the_disk_before_it_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Power that is cut at the very comparison: the try counts."""
    import agent.setup_code as room

    code = made(tmp_path / "setup")
    wrong(code, 4)
    monkeypatch.setattr(room.hmac, "compare_digest", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        code.assert_right(WRONG, HERE)
    monkeypatch.undo()
    with pytest.raises(TooManyCodes):
        made(tmp_path / "setup").assert_right(code.code, HERE)


def test_a_hundred_wrong_ones_from_anywhere_make_it_worthless(tmp_path: Path) -> None:
    code, addresses = made(tmp_path / "setup"), cycle(f"192.0.2.{n}" for n in range(1, 51))
    old = code.code
    for _ in range(MOST_WRONG - 1):
        wrong(code, 1, next(addresses))
    with pytest.raises(CodeSpent):
        code.assert_right(WRONG, next(addresses))
    assert code.code != old
    with pytest.raises(WrongSetupCode):
        code.assert_right(old, THERE)
    assert made(tmp_path / "setup").code == code.code
    code.assert_right(code.code, "192.0.2.200")


def test_many_addresses_do_not_fill_the_disk_and_are_counted_all_the_same(tmp_path: Path) -> None:
    code = made(tmp_path / "setup")
    old = code.code
    for n in range(MOST_WRONG * 4):
        with pytest.raises((WrongSetupCode, CodeSpent)):
            code.assert_right(WRONG, f"10.0.{n // 250}.{n % 250}")
    assert (tmp_path / "setup" / "tries.json").stat().st_size < 16_384
    assert code.code != old


@pytest.mark.parametrize("spoilt", [b"", b"{}", b"[]", b'{"wrong": 3, "in_all": "x"}', b"\xff"])
def test_spoilt_files_are_no_reason_not_to_come_up(tmp_path: Path, spoilt: bytes) -> None:
    made(tmp_path / "setup")
    for name in ("code", "tries.json"):
        (tmp_path / "setup" / name).write_bytes(spoilt)
    code = made(tmp_path / "setup")
    code.assert_right(code.code, HERE)


def test_after_use_nothing_is_left(tmp_path: Path) -> None:
    code = made(tmp_path / "setup")
    code.use_up()
    assert not (tmp_path / "setup").exists()


def test_a_code_from_the_label_is_this_box_s_and_a_weak_one_is_not(tmp_path: Path) -> None:
    printed = new_code(os.urandom)
    assert take(f" {printed.lower()}\r\n", tmp_path / "setup", OWNER)
    assert made(tmp_path / "setup").code == printed
    for weak in ("", "1234", "AAAA-AAAA-AAAA-AAAA", "ACAC-ACAC-ACAC-ACAC", "ACDE-3479-FGHJ", printed + "A"):
        assert not take(weak, tmp_path / "setup", OWNER)
    assert made(tmp_path / "setup").code == printed


def test_the_command_makes_codes_for_labels_takes_them_and_wipes_the_medium(tmp_path: Path) -> None:
    def said(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["setup-code", *words, "--data", str(tmp_path / "data")])
        return done.exit_code, done.output

    (rc, printed), (_, another) = said(), said()
    assert rc == 0
    assert usable(printed) != usable(another) != ""
    file = tmp_path / "modality-agent-setup-code.txt"
    file.write_text(printed)
    assert said("--take", str(file))[0] == 0
    assert not file.exists()
    assert f"{made(tmp_path / 'data' / 'setup').code}\n" == printed
    file.write_text("123456")
    assert said("--take", str(file))[0] == 1
    assert not file.exists()
    assert f"{made(tmp_path / 'data' / 'setup').code}\n" == printed


@given(st.text(max_size=40))
def test_whatever_a_file_says_it_is_a_code_of_ours_or_none(text: str) -> None:
    code = usable(text)
    assert not code or (len(code) == 19 and set(code) <= {*ALPHABET, "-"})
