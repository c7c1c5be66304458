"""Codes, tokens, names, passwords, waiting: the pure rules of accounts with every number that matters."""

from __future__ import annotations

import math
import os
import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.accounts import tries
from agent.accounts.passwords import Passwords
from agent.accounts.rules import AccountRules, assert_good_password, assert_good_pin, assert_name
from agent.accounts.secrets import ALPHABET, fold_code, fold_name, keyed, new_code, new_token
from agent.errors import BadRequest, LoginBusy, WeakSecret
from agent.web.account_pages import next_page, scale

RULES = AccountRules(
    idle_lock_s=900, session_s=43200, password_again_s=600, password_length=10, pin_length=4, hash_memory_kib=8192,
    hash_passes=1, hashes_at_once=1,
)  # fmt: skip


# --- codes and tokens --------------------------------------------------------------------------------------------


def test_a_code_has_more_than_sixty_bits_and_no_letter_is_favoured() -> None:
    code = new_code(os.urandom)
    assert re.fullmatch(r"([A-Z0-9]{4}-){3}[A-Z0-9]{4}", code)
    letters = code.replace("-", "")
    assert set(letters) <= set(ALPHABET)
    assert len(ALPHABET) == len(set(ALPHABET))
    assert len(letters) * math.log2(len(ALPHABET)) >= 60
    every_byte = iter([bytes(range(start, start + 32)) for start in range(0, 256, 32)] * 4)
    drawn = "".join(new_code(lambda _n: next(every_byte)).replace("-", "") for _ in range(8))
    assert new_code(lambda n: bytes([255] * (n - 16) + [0] * 16)).replace("-", "") == ALPHABET[0] * 16
    assert len(drawn) == 128


@pytest.mark.parametrize("ambiguous", ["0O", "1I", "2Z", "5S", "8B"])
def test_no_two_letters_of_a_code_look_alike(ambiguous: str) -> None:
    assert not set(ambiguous) & set(ALPHABET)


@pytest.mark.parametrize(
    "typed", ["acde 3479 fghj klmn", "ACDE-3479-FGHJ-KLMN", " асDе3479FGНJКLМN ", "ＡＣＤＥ3479fghjklmn"]
)
def test_a_code_is_the_same_however_it_is_typed(typed: str) -> None:
    assert fold_code(typed) == "ACDE3479FGHJKLMN"


def test_a_token_has_256_bits_and_is_new_each_time() -> None:
    assert len({new_token(os.urandom) for _ in range(100)}) == 100
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", new_token(os.urandom))


def test_names_are_compared_as_people_read_them() -> None:
    assert fold_name("  ІВАНЕНКО   Олена ") == fold_name("іваненко олена")
    assert fold_name("и\u0306ра") == fold_name("йра")


def test_what_is_kept_under_the_key_depends_on_every_part() -> None:
    key = b"k" * 32
    kept = {keyed(key, "pin", "12"), keyed(key, "pi", "n12"), keyed(key, "badge", "12"), keyed(b"o" * 32, "pin", "12")}
    assert len(kept) == 4


# --- what is too easy --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    ["short", "x" * 129, "password123", "йцукенгшщз", "aaaaaaaaaaaa", "abcdefghijkl", "Олена2026!!", "адміністратор1"],
)
def test_an_easy_password_is_refused_and_never_repeated(password: str) -> None:
    with pytest.raises(WeakSecret) as refused:
        assert_good_password(password, "Олена", 10)
    assert password not in str(refused.value)


def test_a_phrase_is_a_password() -> None:
    assert assert_good_password("кінь батарея скоба", "Олена", 10) == "кінь батарея скоба"


@pytest.mark.parametrize("pin", ["123", "1234", "4321", "7777", "12a4", "١٢٣٩", "1" * 13, ""])
def test_an_easy_pin_is_refused(pin: str) -> None:
    with pytest.raises(WeakSecret):
        assert_good_pin(pin, 4)
    assert assert_good_pin("2580", 4) == "2580"


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "a\x00b", "a\u202eb"])
def test_a_name_is_one_that_people_can_read(name: str) -> None:
    with pytest.raises(BadRequest):
        assert_name(name)


# --- argon2id ----------------------------------------------------------------------------------------------------


def test_hashes_are_argon2id_with_the_configured_cost_and_made_anew_when_it_changes() -> None:
    passwords = Passwords(RULES, "dummy")
    kept = passwords.hashed("correct horse")
    assert kept.startswith("$argon2id$v=19$m=8192,t=1,p=1$")
    assert passwords.fits(kept, "correct horse")
    assert not passwords.fits(kept, "correct horsf")
    assert not passwords.fits("", "dummy")  # nobody has the dummy's password
    assert not passwords.fits("not a hash", "x")
    assert not passwords.outdated(kept)
    assert passwords.outdated("$argon2id$v=19$m=4096,t=1,p=1$c29tZXNhbHQ$" + kept.rpartition("$")[2])


def test_so_many_wait_and_the_next_is_told_that_it_is_busy() -> None:
    """More than one and four waiting never happens, so the memory is bounded whoever asks."""
    passwords = Passwords(RULES, "dummy")
    kept, turns = passwords.hashed("x"), passwords._turns
    turns.acquire()
    waiting = [threading.Thread(target=passwords.fits, args=(kept, "x")) for _ in range(5)]
    for thread in waiting:
        thread.start()
    try:
        while passwords._queue._value:
            pass
        with pytest.raises(LoginBusy):
            passwords.fits(kept, "x")
    finally:
        turns.release()
        for thread in waiting:
            thread.join(timeout=20)
    assert passwords.fits(kept, "x")


# --- waiting -----------------------------------------------------------------------------------------------------


def test_the_wait_doubles_after_five_failures_up_to_a_quarter_of_an_hour() -> None:
    waits = [tries.wait_s(failures, 1000.0, 1000.0) for failures in range(17)]
    assert waits == [0, 0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


@given(st.integers(0, 10_000), st.floats(0, 1e10), st.floats(0, 1e10))
def test_a_wait_is_bounded_and_a_clock_that_jumped_locks_nobody_out(failures: int, last: float, now: float) -> None:
    wait = tries.wait_s(failures, last, now)
    assert 0 <= wait <= tries.LONGEST_S
    if now < last or now - last >= tries.FORGET_S:
        assert wait == 0


# --- forms -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wanted",
    ["https://attacker.example/", "//attacker.example", "/\\attacker.example", "/a\\b", "javascript:alert(1)", "", "x",
     "/a\r\nSet-Cookie: a=b", "\t//attacker.example"],
)  # fmt: skip
def test_a_form_leads_to_the_box_s_own_pages_only(wanted: str) -> None:
    assert next_page(wanted) == "/"
    assert next_page("/exam/1?x=2") == "/exam/1?x=2"


def test_the_scale_of_a_screen_is_a_number() -> None:
    assert [scale(typed) for typed in ("", "4.63", "4,63", " 12 ")] == [0.0, 4.63, 4.63, 12.0]
    for typed in ("4x", "4.6.3", "٤", "-4", "1e9", "nan", ".", "9" * 9):
        with pytest.raises(BadRequest):
            scale(typed)
