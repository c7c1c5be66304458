"""Passwords and PINs as argon2id (RFC 9106): bounded memory, bounded at once, and nobody learns who exists.

The only owner of argon2-cffi. A wrong name costs the same work as a wrong password.
"""

from __future__ import annotations

import threading
import unicodedata

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

from agent.accounts.rules import LONGEST, AccountRules
from agent.errors import LoginBusy

_WAITING = 4
"""So many may wait for their turn; whoever comes then is told to try again."""
_TURN_S = 5.0


class Passwords:
    """Hashes and verifies; at most `hashes_at_once` at a time, `hash_memory_kib` each."""

    def __init__(self, rules: AccountRules, dummy: str) -> None:
        self._hasher = PasswordHasher(
            time_cost=rules.hash_passes, memory_cost=rules.hash_memory_kib, parallelism=1, type=Type.ID
        )
        self._turns = threading.BoundedSemaphore(rules.hashes_at_once)
        self._queue = threading.BoundedSemaphore(rules.hashes_at_once + _WAITING)
        self._dummy = self._hasher.hash(dummy)

    def hashed(self, secret: str) -> str:
        """Return the hash of a new secret; raises `LoginBusy`."""
        with self._turn():
            return self._hasher.hash(_one_form(secret))

    def fits(self, kept: str, secret: str) -> bool:
        """Return whether `secret` is the one that was hashed as `kept`; empty: it never is, at the same cost.

        Raises `LoginBusy`.
        """
        with self._turn():
            try:
                return self._hasher.verify(kept or self._dummy, _one_form(secret)) and bool(kept)
            except (Argon2Error, InvalidHashError):
                return False

    def outdated(self, kept: str) -> bool:
        """Return whether `kept` was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    def _turn(self) -> _Turn:
        return _Turn(self._queue, self._turns)


def _one_form(secret: str) -> str:
    """Return a secret as it is hashed: № is No on every keyboard, й is й however it was put together; bounded."""
    return unicodedata.normalize("NFKC", secret[: 4 * LONGEST])[: LONGEST + 1]


class _Turn:
    def __init__(self, queue: threading.BoundedSemaphore, turns: threading.BoundedSemaphore) -> None:
        self._queue, self._turns = queue, turns

    def __enter__(self) -> None:
        if not self._queue.acquire(blocking=False):
            raise LoginBusy
        if not self._turns.acquire(timeout=_TURN_S):
            self._queue.release()
            raise LoginBusy

    def __exit__(self, *_: object) -> None:
        self._turns.release()
        self._queue.release()
