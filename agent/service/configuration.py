"""The configuration as a reviewed change: mistakes named, changed keys shown, confirmed, watched, given back."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from agent.actor import Actor
from agent.admin_view import ChangeView, ConfigurationView, ProblemView
from agent.config import versions
from agent.config.check import check
from agent.config.difference import difference, weaker
from agent.config.load import load
from agent.config.problem import Problem
from agent.config.schema import Configuration
from agent.config.secrets import masked_text, unmasked_text
from agent.config_change import ConfigChange, ConfigWatch
from agent.errors import BadRequest, ConfigurationError, NotPermitted, WrongState
from agent.lifecycle import ConfigurationState
from agent.store import Store
from agent.store.transition import Stamp

MACHINE = "configuration"
_SHORT = 16


class ConfigurationFile:
    """Asked by administrators only; `current` is what this run was started with."""

    def __init__(
        self,
        current: Configuration,
        change: ConfigChange,
        watch: ConfigWatch,
        store: Store,
        *,
        stamp: Callable[[str], Stamp],
        destinations: Sequence[str],
        answers: Callable[[str], bool | None],
    ) -> None:
        self._current, self._change, self._watch, self._store = current, change, watch, store
        self._stamp, self._destinations, self._answers = stamp, tuple(destinations), answers

    @property
    def path(self) -> Path:
        return self._change.config

    def view(self) -> ConfigurationView:
        """Return the file with its secrets masked, and the change that is under way."""
        return self._view(self.path.read_text(encoding="utf-8-sig"), ())

    def text(self) -> str:
        """Return the file as it is, for changes that the box itself proposes."""
        return self.path.read_text(encoding="utf-8-sig")

    def propose(self, text: str, actor: Actor) -> ConfigurationView:
        """Validate a new text in full. With mistakes: they are named, nothing is kept. Else it waits for `confirm`.

        Raises `WrongState` while another change is watched, `BadRequest` for what may not be changed so.
        """
        current = self.text()
        new = unmasked_text(text.replace("\r\n", "\n"), current)
        if new == current:
            raise BadRequest("Nothing was changed.")
        problems = self._problems(new)
        if problems:
            return self._view(text, problems)
        kept = self._change.propose(new.encode(), actor.name, self._stamp(actor.name).at)
        self._note("propose", kept.after, actor)
        return self._view(text, ())

    def _problems(self, text: str) -> tuple[Problem, ...]:
        """Return what is wrong with a text, looked at under a name beside the real one: paths are relative to it."""
        trial = versions.proposed(self.path).with_suffix(".checked")
        versions.write(trial, text.encode(), self.path.stat().st_mode & 0o777)
        try:
            found = check(trial)
            if not found and load(trial).box.data_dir != self._current.box.data_dir:
                reason = "the pictures stay where they are; moving them is done by hand, with the service stopped"
                found = [Problem(file="", key="box.data_dir", reason=reason, example=str(self._current.box.data_dir))]
        finally:
            trial.unlink(missing_ok=True)
        return tuple(found)

    def withdraw(self, actor: Actor) -> ConfigurationView:
        """Forget the proposed change."""
        digest = self._change.now.after
        self._change.withdraw()
        self._note("withdraw", digest, actor)
        return self.view()

    def confirm(self, digest: str, box_name: str, actor: Actor, *, keep: bool = False) -> ConfigurationView:
        """Swap the proposed file in, the old one kept, and restart; durable on return.

        First every destination is asked with C-ECHO: what is up now has to be up within two minutes after, else the
        old file is put back (`keep`: not for that reason). Raises `NotPermitted` unless the box's name is typed,
        `WrongState` while an exam is open, `OutOfDate` when this is not the change that was shown.
        """
        if box_name.strip() != self._current.box.name:
            raise NotPermitted("The name of the box was not typed as it is. Nothing was changed.")
        if self._store.figures.single("open"):
            raise WrongState("An exam is open: finish it first. Nothing was changed.")
        up = () if keep else self._up()
        weakened = [change.key for change in self._changes() if change.weakens]
        kept = self._change.confirm(digest, up, actor.name, self._stamp(actor.name).at)
        self._note("confirm", kept.after, actor)
        for key in weakened:
            self._store.records.note(MACHINE, key, "weaken", "", kept.after[:_SHORT], self._stamp(actor.name))
        self._watch.restart_soon()
        return self.view()

    def keep(self, actor: Actor) -> ConfigurationView:
        """Let the watched change stay, although something does not answer."""
        kept = self._change.keep()
        self._note("keep", kept.after, actor)
        return self.view()

    def give_back(self, actor: Actor) -> ConfigurationView:
        """Put the old file back now and restart."""
        kept = self._change.give_back("A person gave it back.")
        self._note("give back", kept.after, actor)
        self._watch.restart_soon()
        return self.view()

    def _up(self) -> tuple[str, ...]:
        names = self._destinations
        with ThreadPoolExecutor(max_workers=max(1, len(names)), thread_name_prefix="echo") as pool:
            return tuple(n for n, answered in zip(names, pool.map(self._answers, names), strict=True) if answered)

    def _note(self, event: str, digest: str, actor: Actor) -> None:
        state = self._change.now.state.value
        self._store.records.note(MACHINE, digest[:_SHORT], event, "", state, self._stamp(actor.name))

    def _changes(self) -> tuple[ChangeView, ...]:
        proposed = versions.proposed(self.path)
        if self._change.now.state is not ConfigurationState.PROPOSED or not proposed.exists():
            return ()
        try:
            old, new = (tomllib.loads(p.read_text(encoding="utf-8-sig")) for p in (self.path, proposed))
            less = weaker(self._current, load(proposed))
        except (tomllib.TOMLDecodeError, ConfigurationError):
            return ()
        told = difference(old, new, less)
        return tuple(ChangeView(key=c.key, before=c.before, after=c.after, weakens=c.weakens) for c in told)

    def _view(self, text: str, problems: Sequence[Problem]) -> ConfigurationView:
        kept = self._change.now
        return ConfigurationView(
            text=masked_text(text),
            state=kept.state.value,
            words=kept.words,
            digest=kept.after if kept.state is ConfigurationState.PROPOSED else "",
            problems=tuple(ProblemView(key=p.key, reason=p.reason, example=p.example) for p in problems),
            changes=self._changes(),
            waits_for=self._watch.waits_for(),
            seconds_left=self._watch.seconds_left(),
            box_name=self._current.box.name,
        )
