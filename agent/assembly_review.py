"""Builds the rooms of review: pages bound at finish, pictures to look at, requests for removal."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from agent import service
from agent.binding import Ask, Binding, DocumentRules
from agent.building import Building
from agent.changes import Changes
from agent.child import BUILD, Child
from agent.clock import Clock
from agent.config.source import SourceConfig
from agent.exam import Examinations
from agent.host import new_uid
from agent.launcher import Launcher
from agent.pictures import Pictures
from agent.removal import RemovalRequests
from agent.spool import Spool, Steps
from agent.store import Store

BUILDER_S = 300.0


def builder(launcher: Launcher) -> Ask:
    """Return what has a build child of its own do one thing, while a person waits."""

    def ask(do: str, params: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        child = Child(BUILD, launcher)
        try:
            child.wait_ready()
            answer, extra = child.request(do, params, fds, deadline_s=BUILDER_S)
            for fd in extra:
                os.close(fd)
            return answer
        finally:
            child.stop()

    return ask


def binding(
    store: Store, spool: Spool, launcher: Launcher, clock: Clock, exams: Examinations,
    sources: Mapping[str, SourceConfig], steps: Steps,
) -> Binding:  # fmt: skip
    """Return who binds the sheets of an exam; a build child of its own does each, while a person waits."""

    def rules(name: str) -> DocumentRules:
        told = sources[name].document
        return DocumentRules(output=told.output, title=told.title, jpeg_quality=told.jpeg_quality)

    def created() -> str:
        return clock.now().isoformat(timespec="seconds")

    return Binding(store, spool, exams, builder(launcher), rules=rules, created=created, steps=steps)


def pictures(store: Store, spool: Spool, launcher: Launcher, clock: Clock, turned: Callable[[], None]) -> Pictures:
    """Return who makes pictures for the screens."""
    return Pictures(store, spool, launcher, monotonic=clock.monotonic, turned=turned)


def review(
    store: Store, exams: Examinations, shown: Pictures, building: Building, sources: Mapping[str, SourceConfig],
    changes: Changes, steps: Steps,
) -> service.Review:  # fmt: skip
    """Return what a person may ask about pictures that are there."""
    requests = RemovalRequests(store, exams, uids=new_uid, notice=changes.notice, steps=steps)
    return service.Review(
        store,
        exams,
        shown,
        requests,
        building,
        presets={name: source.description_presets for name, source in sources.items()},
        binds=lambda name: sources[name].document.output != "pages" if name in sources else False,
        notice=changes.notice,
    )
