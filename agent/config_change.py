"""One change of the configuration, from the proposal to its keeping or its return (rulings 14 and 16).

The state stands in a file beside the configuration, is written before each step, and is read before the configuration
is: a box that does not come up with a new file puts the old one back by itself, whatever stopped it. That holds for
every change: after a reviewed one the file before it comes back, after one made by hand, or reviewed and found bad
later, the last good one (`config.last_good`), where a service manager starts the box again. Table:
`lifecycle.CONFIGURATION`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar

from agent.config import last_good, versions
from agent.errors import ConfigurationReadOnly, OutOfDate
from agent.lifecycle import ConfigurationState, after
from agent.plain import from_plain
from agent.spool import Steps

MOST_STARTS = 3
"""So often the service may begin with a new file without coming up, then the old one is put back (ruling 14)."""
GOOD_AFTER_S = 60.0
"""A run that was ready for so long makes its configuration the last good one."""
WATCH_S = 120.0
"""So long destinations that were up before may take to answer with the new file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the file says."""

    state: ConfigurationState = ConfigurationState.STEADY
    before: str = ""
    """Digest of the file that the change began from."""
    after: str = ""
    """Digest of the new file."""
    up: tuple[str, ...] = ()
    """Destinations that answered just before the swap."""
    starts: int = 0
    """Starts with what `counted` names, or with the changed file, since the last clean stop."""
    counted: str = ""
    """Digest of the file and its profiles, when no reviewed change is under way."""
    to_last_good: bool = False
    """What comes back is the last good one, not the file before the change."""
    who: str = ""
    at: str = ""
    words: str = ""
    """Why it was returned, for people."""
    told: bool = True
    """Whether the end was written into the history."""
    LATER: ClassVar[frozenset[str]] = frozenset({"counted", "to_last_good"})


class ConfigChange:
    """The machine; `restarted` says that somebody starts the service again, `steps` stops a kill test between writes.

    Without a service manager a person reads the mistake and mends the file, so nothing is counted and put back.
    """

    def __init__(self, config: Path, steps: Steps = lambda _step: None, *, restarted: bool = False) -> None:
        self.config, self._steps, self._restarted = config, steps, restarted
        self._lock = threading.Lock()
        self._taken: last_good.Taken | None = None
        self._kept = self._read()

    @property
    def now(self) -> Kept:
        """The state as it is durable."""
        return self._kept

    def _read(self) -> Kept:
        try:
            return from_plain(Kept, json.loads(versions.change(self.config).read_bytes()))
        except (OSError, ValueError):
            return Kept()

    def _move(self, event: str, **facts: object) -> None:
        new = ConfigurationState(after("configuration", event, self._kept.state))
        kept = replace(self._kept, state=new, **facts)  # type: ignore[arg-type]
        self._save(kept)
        self._steps(f"configuration:{new.value}")

    def _save(self, kept: Kept) -> None:
        text = json.dumps({**asdict(kept), "state": kept.state.value}, ensure_ascii=False)
        versions.write(versions.change(self.config), text.encode())
        self._kept = kept

    def _current(self) -> str:
        return versions.digest(self.config.read_bytes() if self.config.exists() else b"")

    # --- a person's acts ------------------------------------------------------------------------------------

    def propose(self, content: bytes, who: str, at: str) -> Kept:
        """Keep a validated new file for confirmation; durable on return. Raises `WrongState` while one is watched."""
        with self._lock:
            mode = self.config.stat().st_mode & 0o777
            after("configuration", "propose", self._kept.state)
            versions.write(versions.proposed(self.config), content, mode)
            facts = {"before": self._current(), "after": versions.digest(content), "who": who, "at": at}
            self._move("propose", up=(), starts=0, words="", told=True, **facts)
            return self._kept

    def withdraw(self) -> Kept:
        """Forget what was proposed."""
        with self._lock:
            self._move("withdraw")
            versions.proposed(self.config).unlink(missing_ok=True)
            return self._kept

    def confirm(self, digest: str, up: tuple[str, ...], who: str, at: str) -> Kept:
        """Put the proposed file in its place, the old one kept; durable on return. The service is to restart now.

        Raises `OutOfDate` when it is not the proposal that was shown, or the file changed since.
        """
        with self._lock:
            proposed = versions.proposed(self.config)
            content = proposed.read_bytes() if proposed.exists() else b""
            if digest != self._kept.after or versions.digest(content) != digest or self._current() != self._kept.before:
                raise OutOfDate("The configuration changed since this change was shown.")
            after("configuration", "confirm", self._kept.state)
            versions.put(self.config, versions.previous(self.config))
            self._steps("configuration:previous")
            self._move("confirm", up=up, starts=0, who=who, at=at, told=False)
            proposed.replace(self.config)
            versions.sync_folder(self.config.parent)
            self._steps("configuration:renamed")
            return self._kept

    def keep(self) -> Kept:
        """Let the new file stay, whatever answers; durable on return."""
        with self._lock:
            self._move("keep", words="", told=False)
            return self._kept

    def give_back(self, words: str) -> Kept:
        """Put the old file back; durable on return. The service is to restart now."""
        with self._lock:
            self._move("give back", words=words, told=False)
            self._put_back()
            return self._kept

    def _put_back(self) -> None:
        good = last_good.read(self.config) if self._kept.to_last_good else None
        if good is not None:
            last_good.put(self.config, good)
        elif versions.previous(self.config).exists():
            versions.put(versions.previous(self.config), self.config)
        self._steps("configuration:put-back")
        self._move("returned", starts=0, counted="", to_last_good=False)

    # --- the service's own ----------------------------------------------------------------------------------

    def begin(self) -> Kept:
        """Look at the state before the configuration is read: count the start, or finish a return. Once a start."""
        try:
            with self._lock:
                self._begin()
                if self._restarted:
                    self._stay_or_fall_back()
        except ConfigurationReadOnly:
            pass  # a folder that nobody can write into has no change under way that could be finished
        return self._kept

    def _begin(self) -> None:
        state = self._kept.state
        if state is ConfigurationState.RETURNING:
            self._put_back()
        elif state is ConfigurationState.SWAPPED and self._current() == self._kept.before:
            self._move("not made", words="The box stopped before the change was made.")
        elif state is ConfigurationState.RETURNED and self._current() != self._kept.before:
            self._move("edited by hand", told=False)
        elif state in _UNDER_WAY:
            self._count()

    def _count(self) -> None:
        if self._current() != self._kept.after:
            self._move("edited by hand")
        elif self._kept.starts >= MOST_STARTS:
            self._move("give back", words="The service did not come up with it.", told=False)
            self._put_back()
        else:
            self._save(replace(self._kept, starts=self._kept.starts + 1))

    def _stay_or_fall_back(self) -> None:
        """Count a start with files that are not the last good ones; after too many put those back."""
        good, self._taken = last_good.read(self.config), last_good.take(self.config)
        if self._kept.state in _UNDER_WAY or good is None or good.digest == self._taken.digest:
            return
        starts = self._kept.starts if self._kept.counted == self._taken.digest else 0
        if starts < MOST_STARTS:
            self._save(replace(self._kept, counted=self._taken.digest, starts=starts + 1))
            return
        facts = {"before": good.config, "after": self._taken.config, "who": "", "at": ""}
        self._move("fall back", to_last_good=True, words="The service did not stay up with it.", told=False, **facts)
        versions.proposed(self.config).unlink(missing_ok=True)
        self._put_back()
        self._taken = last_good.take(self.config)

    def stayed_up(self) -> bool:
        """The run was ready for `GOOD_AFTER_S`: what it began with is the last good one, durably.

        Returns False while a change is still watched: it may be given back yet.
        """
        with self._lock, suppress(ConfigurationReadOnly):
            if self._kept.state in _UNDER_WAY:
                return False
            known = last_good.read(self.config)
            if self._taken is not None and (known is None or known.digest != self._taken.digest):
                last_good.keep(self.config, self._taken)
        return True

    def stopped(self) -> None:
        """The run ended because it was told to: its start was no failure."""
        with self._lock, suppress(ConfigurationReadOnly):
            if self._kept.starts:
                self._save(replace(self._kept, starts=0))

    def refused(self) -> bool:
        """The file could not be read at all: put the old one back and say whether there was one to put back."""
        with self._lock:
            if self._kept.state not in _UNDER_WAY:
                return False
            self._move("give back", words="The service could not read it.", told=False)
            self._put_back()
            return True

    def came_up(self) -> None:
        """The service serves with the new file: from now on its destinations are watched."""
        with self._lock:
            if self._kept.state in _UNDER_WAY:
                self._move("up")

    def told(self) -> None:
        """The end of the change stands in the history."""
        with self._lock:
            self._save(replace(self._kept, told=True))


class ConfigWatch:
    """The worker that watches a new configuration: asks what was up, keeps it or gives it back."""

    def __init__(
        self,
        change: ConfigChange,
        *,
        answers: Callable[[str], bool | None],
        monotonic: Callable[[], float],
        ended: Callable[[Kept], None],
        restart: Callable[[], None],
        turned: Callable[[], None],
    ) -> None:
        self.change, self._answers, self._monotonic = change, answers, monotonic
        self._ended, self._restart, self._turned = ended, restart, turned
        self._began = monotonic()
        self._left: set[str] = set()
        self._asked_to_restart = threading.Event()

    def restart_soon(self) -> None:
        """A change was confirmed: restart once its answer has gone out."""
        self._asked_to_restart.set()

    def waits_for(self) -> tuple[str, ...]:
        """Return the destinations that were up and have not answered since."""
        return tuple(sorted(self._left)) if self.change.now.state is ConfigurationState.WATCHED else ()

    def seconds_left(self) -> float | None:
        """Return how long until the change is given back; None: it is not watched."""
        if self.change.now.state is not ConfigurationState.WATCHED:
            return None
        return max(0.0, self._began + WATCH_S - self._monotonic())

    def run(self, stop: threading.Event) -> None:
        """Watch until `stop`; the thread's main loop."""
        self.change.came_up()
        self._began, self._left = self._monotonic(), set(self.change.now.up)
        while not stop.is_set():
            self._turned()
            if not self.change.now.told:
                self._tell()
            if self._asked_to_restart.is_set():
                stop.wait(_ANSWER_GOES_OUT_S)
                self._restart()
                return
            if self.change.now.state is ConfigurationState.WATCHED:
                self._watch(stop)
            stop.wait(_TURN_S)

    def _watch(self, stop: threading.Event) -> None:
        for name in sorted(self._left):
            self._turned()
            if stop.is_set() or self._answers(name) is not False:  # None: it is no longer configured
                self._left.discard(name)
        if stop.is_set() or self.change.now.state is not ConfigurationState.WATCHED:
            return
        if not self._left:
            self.change.keep()
        elif self._monotonic() - self._began >= WATCH_S:
            self.change.give_back(f"No longer answers: {', '.join(sorted(self._left))}.")
            self.restart_soon()

    def _tell(self) -> None:
        if self.change.now.state in _ENDS:
            self._ended(self.change.now)
            self.change.told()


_UNDER_WAY = (ConfigurationState.SWAPPED, ConfigurationState.WATCHED)
_ENDS = (ConfigurationState.KEPT, ConfigurationState.RETURNED, ConfigurationState.STEADY)
_TURN_S = 2.0
_ANSWER_GOES_OUT_S = 0.5
