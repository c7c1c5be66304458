"""Looks at what the box stands on, every ten seconds, and says aloud when it is not good enough: power, heat, card.

| code | begins | ends |
|---|---|---|
| B-31 | the voltage is too low, or was since boot | an hour without |
| B-32 | hotter than `temperature_c_failing`, or throttled | below `temperature_c_attention` and not throttled |
| B-33 | nine of ten synchronisations take longer than `card_ms_failing` | shorter than `card_ms_attention` |

A card that became read-only is not among them: nothing can be written down then. The disk is *failing*, `/metrics` says
so, the first write ends the run, and whoever opens the page is told.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from agent.ops.board import Board
from agent.store import Stamp, Store

WEAK_POWER, TOO_HOT, SLOW_CARD = "B-31", "B-32", "B-33"
WORDS = {
    WEAK_POWER: "The power supply is too weak: the voltage fell too low, and the card may be damaged.",
    TOO_HOT: "The box is too hot and works more slowly.",
    SLOW_CARD: "The card is slow: a picture takes long until it is safe.",
}
_TURN_S = 10.0
_CALM_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardLimits:
    """When it is told (`failing`) and when it is over (`attention`)."""

    hot_c: tuple[float, float]
    slow_s: tuple[float, float]


class BoardWatch:
    """The worker."""

    def __init__(
        self,
        store: Store,
        limits: BoardLimits,
        *,
        board: Callable[[], Board],
        card_slow_s: Callable[[], float],
        monotonic: Callable[[], float],
        stamp: Callable[[], Stamp],
        notice: Callable[[str, str], None],
        turned: Callable[[], None],
    ) -> None:
        self._store, self._limits = store, limits
        self._board, self._card_slow_s, self._monotonic = board, card_slow_s, monotonic
        self._stamp, self._notice, self._turned = stamp, notice, turned
        self._weak_at: float | None = None
        self._told: dict[str, bool] = {}
        self._known_since_boot = False

    def run(self, stop: threading.Event) -> None:
        """Look until `stop`; the thread's main loop."""
        while not stop.is_set():
            self._turned()
            self.turn()
            stop.wait(_TURN_S)

    def turn(self) -> None:
        """Look once; an alarm that begins or ends is durable on return."""
        board = self._board()
        self._say(WEAK_POWER, self._weak(board))
        self._say(TOO_HOT, self._hot(board))
        self._say(SLOW_CARD, self._beyond(SLOW_CARD, self._card_slow_s(), self._limits.slow_s))

    def _weak(self, board: Board) -> bool:
        """Return whether the voltage fell within the last hour; what the firmware remembers counts once a run."""
        remembered = bool(board.undervoltage_since_boot) and not self._known_since_boot
        self._known_since_boot = bool(board.undervoltage_since_boot)
        if board.undervoltage or remembered:
            self._weak_at = self._monotonic()
        return self._weak_at is not None and self._monotonic() - self._weak_at < _CALM_S

    def _hot(self, board: Board) -> bool:
        hottest = board.hottest
        return bool(board.throttled) or (hottest is not None and self._beyond(TOO_HOT, hottest, self._limits.hot_c))

    def _beyond(self, code: str, value: float, limits: tuple[float, float]) -> bool:
        ends, begins = limits
        return value > (ends if self._told.get(code) else begins)

    def _say(self, code: str, bad: bool) -> None:  # noqa: FBT001 - the state itself
        if self._told.get(code) == bad:
            return
        if bad:
            self._store.records.raise_alarm(code, "box", WORDS[code], self._stamp())
        else:
            self._store.records.clear_alarm(code, "box", self._stamp())
        self._told[code] = bad
        self._notice("box", code)
