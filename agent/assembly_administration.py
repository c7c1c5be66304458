"""Builds administration from the rooms that are there already; part of the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.acceptance import FOLDER
from agent.actor import Actor
from agent.ask_up import AskUp
from agent.building import Building
from agent.certificates import Certificates
from agent.clock import Clock
from agent.config.schema import Configuration
from agent.config_change import ConfigChange, ConfigWatch, Kept
from agent.delivery import Destination
from agent.devices import Devices
from agent.exam import Examinations
from agent.lifecycle import ConfigurationState
from agent.opening import Opening
from agent.peers import Peers
from agent.service.acceptance import AcceptanceReports
from agent.service.administration import Administration
from agent.service.certificates import BoxCertificates
from agent.service.configuration import MACHINE, ConfigurationFile
from agent.service.overview import Overview
from agent.service.support import Support
from agent.service.trials import EngineerTests
from agent.store import Store
from agent.store.transition import Stamp
from agent.trial import Trials
from agent.triggers import Triggers
from agent.worklist import Worklist

RETURNED = "C-11"
"""Alarm: a change of the configuration was given back."""
_ENDINGS = {
    ConfigurationState.RETURNED: "returned",
    ConfigurationState.KEPT: "keep",
    ConfigurationState.STEADY: "edited by hand",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What administration stands on."""

    configuration: Configuration
    change: ConfigChange
    store: Store
    clock: Clock
    peers: Peers
    overview: Overview
    devices: Devices
    destinations: dict[str, Destination]
    worklist: Worklist
    exams: Examinations
    opening: Opening
    building: Building
    triggers: Triggers
    certificates: Certificates
    ask_builder: Callable[[str, dict[str, Any], list[int]], dict[str, Any]]
    stamp: Callable[[str], Stamp]
    restart: Callable[[], None]
    turned: Callable[[], None]


def watch(r: Rooms) -> ConfigWatch:
    """Return the worker that watches a new configuration."""

    def ended(kept: Kept) -> None:
        stamp = r.stamp(kept.who)
        event = _ENDINGS[kept.state]
        r.store.records.note(MACHINE, kept.after[:16], event, "", kept.state.value, stamp)
        if kept.state is ConfigurationState.RETURNED:
            r.store.records.raise_alarm(RETURNED, MACHINE, f"The configuration was put back. {kept.words}", stamp)
        else:
            r.store.records.clear_alarm(RETURNED, MACHINE, stamp)

    return ConfigWatch(
        r.change,
        answers=AskUp(r.destinations, r.peers),
        monotonic=r.clock.monotonic,
        ended=ended,
        restart=r.restart,
        turned=r.turned,
    )


def administration(r: Rooms, watching: ConfigWatch) -> Administration:
    """Return administration over the rooms."""
    configuration = ConfigurationFile(
        r.configuration,
        r.change,
        watching,
        r.store,
        stamp=r.stamp,
        destinations=tuple(r.destinations),
        answers=AskUp(r.destinations, r.peers),
    )

    def note(purpose: str, event: str, actor: Actor) -> None:
        r.store.records.note("certificate", purpose, event, "", event, r.stamp(actor.name))

    reports = AcceptanceReports(Path(r.configuration.box.data_dir) / FOLDER)
    return Administration(
        tests=EngineerTests(
            r.overview,
            r.store,
            r.devices,
            r.destinations,
            r.worklist,
            Trials(
                r.store,
                r.exams,
                r.opening,
                r.building,
                routes=r.configuration.test_routes(),
                box=r.configuration.box.ae_title,
            ),
            r.triggers,
            clock_trust=r.clock.trust,
        ),
        certificates=BoxCertificates(
            r.certificates, configuration, r.ask_builder, stamp=lambda: r.stamp(""), note=note
        ),
        configuration=configuration,
        support=Support(r.configuration, r.overview, r.store, reports),
        acceptance=reports,
    )
