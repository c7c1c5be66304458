"""The one-time code of the set-up page: on the label of a box or on its own screen, and worth nothing after use.

It is made on the box at its first start, or was put there when the card was flashed, so that it could be printed
before. It waits in a folder that only the service's user reads, in plain text: it is shown again after a restart.
Wrong codes are counted before they are judged, for each address and in all, in a file: a restart gives nobody a try,
because every wait that was due begins anew. Clocks do not matter: at a first start there is none to trust.
"""

from __future__ import annotations

import hmac
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from agent.accounts import tries
from agent.accounts.keeping import private_folder, read_private, write_private
from agent.accounts.secrets import Random, fold_code, new_code, usable
from agent.enrolling import Owner
from agent.enrolment_errors import CodeSpent, TooManyCodes, WrongSetupCode

MOST_WRONG = 100
"""After so many wrong codes in all, whoever typed them, the code is worth nothing and the box makes another."""
_MOST_ADDRESSES = 256
CODE, _TRIES = "code", "tries.json"


class SetupCode:
    """The code in `folder`; safe between threads. `monotonic` returns seconds, `random` bytes that nobody can guess."""

    def __init__(self, folder: Path, *, random: Random, monotonic: Callable[[], float]) -> None:
        self._folder, self._random, self._monotonic = folder, random, monotonic
        self._lock = threading.Lock()
        private_folder(folder)
        self._code = usable(read_private(folder / CODE)) or self._new()
        self._wrong, self._in_all = _tries(folder / _TRIES)
        self._last = dict.fromkeys(self._wrong, monotonic())

    @property
    def code(self) -> str:
        """Return the code, to be shown where only somebody at the box sees it."""
        return self._code

    def assert_right(self, typed: str, address: str) -> None:
        """Return if `typed` is the code; the try is on the disk before it is judged.

        Raises `WrongSetupCode`, `TooManyCodes` while a wait lasts, `CodeSpent` with the try that spends the code.
        """
        with self._lock:
            now = self._monotonic()
            left = tries.wait_s(self._wrong.get(address, 0), self._last.get(address, now), now)
            if left > 0:
                wait = int(left) + 1
                raise TooManyCodes(f"Too many wrong codes: wait {wait} seconds.", wait_s=wait)
            self._count(address, now)
            if hmac.compare_digest(fold_code(typed).encode(), fold_code(self._code).encode()):
                self._forgive(address)
                return
            if self._in_all >= MOST_WRONG:
                self._begin_anew()
                raise CodeSpent
            raise WrongSetupCode

    def use_up(self) -> None:
        """Forget the code and everything about it: it did what it was for."""
        with self._lock:
            shutil.rmtree(self._folder, ignore_errors=True)

    # --- the parts ------------------------------------------------------------------------------------------

    def _new(self) -> str:
        code = new_code(self._random)
        write_private(self._folder / CODE, f"{code}\n".encode())
        return code

    def _begin_anew(self) -> None:
        """Make another code; who was made to wait goes on waiting."""
        self._code, self._in_all = self._new(), 0
        self._write()

    def _count(self, address: str, now: float) -> None:
        wrong = self._wrong.pop(address, 0) + 1
        while len(self._wrong) >= _MOST_ADDRESSES:
            oldest = next(iter(self._wrong))
            del self._wrong[oldest], self._last[oldest]
        self._wrong[address], self._last[address] = wrong, now
        self._in_all += 1
        self._write()

    def _forgive(self, address: str) -> None:
        self._in_all -= 1
        del self._wrong[address], self._last[address]
        self._write()

    def _write(self) -> None:
        told = {"in_all": self._in_all, "wrong": self._wrong}
        write_private(self._folder / _TRIES, json.dumps(told).encode())


def take(text: str, folder: Path, owner: Owner) -> bool:
    """Keep a code that was printed before; durable on return. False: it is not one, the box makes its own."""
    code = usable(text)
    if code:
        private_folder(folder)
        write_private(folder / CODE, f"{code}\n".encode())
        owner.own(folder, folder / CODE)
    return bool(code)


def _tries(path: Path) -> tuple[dict[str, int], int]:
    """Return wrong tries by address and in all; a file that cannot be read costs nobody anything."""
    try:
        told = json.loads(path.read_bytes())
        return {str(key): int(count) for key, count in told["wrong"].items()}, int(told["in_all"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, 0
