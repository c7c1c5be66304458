"""The site's policy for accounts, and what makes a password or PIN too easy (NIST SP 800-63B 5.1.1)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from itertools import pairwise

from agent.errors import BadRequest, WeakSecret

LONGEST = 128
"""A longer password is refused before it is hashed: bounded work for anybody who asks."""
_COMMON = frozenset({
    "password", "passw0rd", "parol", "parolparol", "qwerty", "qwertyuiop", "administrator", "admin", "letmein",
    "welcome", "changeme", "iloveyou", "hospital", "modality", "ultrasound", "пароль", "йцукен", "йцукенгшщз",
    "адміністратор", "лікарня",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """Times in seconds, memory in KiB."""

    idle_lock_s: float
    session_s: float
    password_again_s: float
    password_length: int
    pin_length: int
    hash_memory_kib: int
    hash_passes: int
    hashes_at_once: int
    code_s: float = 86400.0


def assert_good_password(password: str, name: str, shortest: int) -> str:
    """Return the password in the form that is hashed; raises `WeakSecret`, which never repeats it."""
    password = unicodedata.normalize("NFKC", password)
    if not shortest <= len(password) <= LONGEST:
        raise WeakSecret(f"A password has {shortest} to {LONGEST} characters.")
    small = password.casefold()
    if len(set(small)) < 5 or small.strip("0123456789!.") in _COMMON or small in _COMMON or _runs(small):
        raise WeakSecret("This password is one of the first that are tried.")
    if name.casefold() and name.casefold() in small:
        raise WeakSecret("A password does not contain the name of its person.")
    return password


def assert_good_pin(pin: str, shortest: int) -> str:
    """Return a PIN; raises `WeakSecret` for a short one, a row of digits or one digit again and again."""
    if not (pin.isascii() and pin.isdigit() and shortest <= len(pin) <= 12):
        raise WeakSecret(f"A PIN has {shortest} to 12 digits.")
    if len(set(pin)) < 2 or _runs(pin):
        raise WeakSecret("This PIN is one of the first that are tried.")
    return pin


def _runs(text: str) -> bool:
    """Return whether every character is one more, or one less, than the one before."""
    steps = {ord(b) - ord(a) for a, b in pairwise(text)}
    return steps in ({1}, {-1}, {0})


def assert_name(name: str) -> str:
    """Return an account's or screen's name; raises `BadRequest`."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not 1 <= len(name) <= 64 or any(unicodedata.category(c).startswith("C") for c in name):
        raise BadRequest("A name has 1 to 64 letters, digits and signs.")
    return name
