"""The core's side of pedals and buttons: a press becomes a capture, bound to the exam open at its arrival."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from agent.child import SCREEN, SOURCE, Child
from agent.clips import Clips
from agent.errors import AgentError
from agent.exam import Examinations, Press
from agent.input_test import InputTests
from agent.launcher import Launcher
from agent.ops import journal
from agent.scans import Scans
from drivers.table import over_network

_TURN_S = 5.0


class TriggerSetup(Protocol):
    """What is told about one trigger (`agent.config.schema.TriggerConfig`)."""

    @property
    def name(self) -> str: ...
    @property
    def driver(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def options(self) -> dict[str, Any]: ...


class Triggers:
    """Keeps one child for each trigger alive and turns presses into captures, one after another."""

    def __init__(
        self,
        setups: Sequence[TriggerSetup],
        launcher: Launcher,
        exams: Examinations,
        clips: Clips,
        scans: Scans,
        *,
        turned: Callable[[], None],
        tests: InputTests,
    ) -> None:
        self.tests = tests
        self._setups, self._launcher, self._turned = setups, launcher, turned
        self._exams, self._clips, self._scans = exams, clips, scans
        self._presses: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._children: dict[str, Child] = {}
        self._opened: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Watch the triggers until `stop`; the thread's main loop."""
        while not stop.is_set():
            self._turned()
            for setup in self._setups:
                self._revive(setup)
            with suppress(queue.Empty):
                press = self._presses.get(timeout=_TURN_S)
                if press is not None:
                    press()
        for child in self._children.values():
            child.stop()

    def wake(self) -> None:
        """Make the main loop look at `stop` now."""
        self._presses.put(None)

    def _revive(self, setup: TriggerSetup) -> None:
        child = self._children.get(setup.name)
        if child is not None and child.death is None:
            return
        if child is not None:
            child.stop()
        self._opened.discard(setup.name)
        try:
            kind = SCREEN if over_network(setup.driver, setup.options) else SOURCE
            child = Child(kind, self._launcher, self._receiver(setup.name, setup.source))
            self._children[setup.name] = child
            child.wait_ready()
            child.request("open", {"driver": setup.driver, "options": setup.options}, deadline_s=30.0)
            self._opened.add(setup.name)
        except AgentError as e:
            journal.say(logging.WARNING, "a trigger does not work", trigger=setup.name, code=e.code)

    @property
    def setups(self) -> Sequence[TriggerSetup]:
        return self._setups

    def works(self, name: str) -> bool:
        """Return whether the trigger's child lives and was opened."""
        child = self._children.get(name)
        return child is not None and child.death is None and name in self._opened

    def _receiver(self, name: str, source: str) -> Callable[[dict[str, Any], list[int]], None]:
        def receive(message: dict[str, Any], fds: list[int]) -> None:
            for fd in fds:
                os.close(fd)
            action, text = str(message.get("action", "capture")), str(message.get("text", ""))
            if message.get("event") == "press" and self.tests.took(name, source, action, text):
                return
            if message.get("event") == "press" and message.get("action") == "scan":
                self._presses.put(lambda: self._scans.seen(source, text))
            elif message.get("event") == "press":
                press = Press(trigger_id=str(message["press_id"]), pressed_ns=int(message["pressed_ns"]))
                self._presses.put(lambda: self._act(action, source, press))

        return receive

    def _act(self, action: str, source: str, press: Press) -> None:
        try:
            if action == "clip":
                self._clips.toggle(source, press)
            else:
                self._exams.capture(source, press)
        except AgentError as e:
            self._exams.refused(source, e)

    def clip_ended(self, source: str, why: str) -> None:
        """A source ended its clip by itself; it is kept from here, where presses are served one after another."""
        self._presses.put(lambda: self._clips.ended(source, why))
