"""`modality-agent update`: the whole system of an appliance from a signed bundle, and what became of it.

Runs as root outside the service, asks it over the control socket, and leaves the writing of slots to RAUC.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import click

from agent import selftest, updating
from agent.cli import show
from agent.cli.client import Client, NotRunning
from agent.cli.main import cli
from agent.error import AgentError
from agent.host import boot_id
from agent.selftest import PASSED, Asked
from agent.slots import WORDS, Slots, Words
from agent.store import copying
from agent.store.schema import READABLE_FROM, SCHEMA_VERSION
from agent.update_record import Record, RecordFile, written
from agent.updating import Facts, Ground, NotProven, Schema, Situation, Stage

RECORD = RecordFile(Path("/data/private/update.json"))
OWN_SCHEMA = Schema(makes=SCHEMA_VERSION, readable_from=READABLE_FROM[SCHEMA_VERSION])
_WITHIN_S = 600.0
_EXAM_S = 8 * 3600.0
_PICTURE_S = 120.0
_PAUSE_S = 2.0
_PAUSE = threading.Event()


class _FileOrCommand(click.Group):
    """`update FILE` is `update install FILE`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        return super().resolve_command(ctx, args if args[0] in self.commands else ["install", *args])


@cli.group(cls=_FileOrCommand)
def update() -> None:
    """Update the whole system of an appliance: `update FILE`, `update status`."""


@update.command("install")
@click.argument("bundle", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--downgrade-to", default="", help="The older version that an administrator insists on.")
@click.option("--again", is_flag=True, help="Also a version that was tried here and did not prove itself.")
@click.option("--within", "within_s", default=_WITHIN_S, show_default=True, help="Seconds to prove itself in.",
              type=click.FloatRange(60, 3600))  # fmt: skip
@click.option("--restart/--no-restart", default=True, help="Try the new system as soon as no exam is open.")
@click.pass_obj
def install(
    config: Path, bundle: Path, downgrade_to: str, again: bool, within_s: float, restart: bool  # noqa: FBT001
) -> None:
    """Install BUNDLE into the slot that does not run, and try it."""
    slots, client = Slots(), _client(config)
    words, version = slots.words(), slots.version()
    offer = slots.offer(bundle, downgrade_to=downgrade_to, again=again)
    if offer.version == version:
        click.echo(f"{version} is installed already")
        return
    kept = RECORD.read()
    ground = Ground(
        version=version,
        schema=OWN_SCHEMA,
        database=_database(config),
        now=_situation(words, kept),
        tried=kept.version if kept else "",
        open_exams=_open(client),
    )
    updating.assert_allowed(offer, ground)
    record = Record(
        stage=Stage.INSTALLING,
        version=offer.version,
        slot=words.other,
        before=_passed(client, exam_open=False),
        within_s=within_s,
        boot_id=boot_id(),
    )
    RECORD.write(record)
    try:
        slots.install(bundle)
    except AgentError:
        if kept is None:
            RECORD.forget()  # nothing was tried, and who asked is told
        else:
            RECORD.write(kept)
        raise
    RECORD.write(record.at(Stage.INSTALLED))
    click.echo(f"{offer.version} is installed beside {version}; the next start tries it")
    if restart and _when(lambda: _open(client) == 0, _EXAM_S):
        slots.restart()


@update.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:  # noqa: FBT001 - click's way
    """Print the version, both slots and what became of the last update."""
    slots = Slots()
    words, kept = slots.words(), RECORD.read()
    now, version = _situation(words, kept), slots.version()
    told = {
        "version": version,
        "situation": now.value,
        "booted": words.booted,
        "proven": words.proven,
        "trial": words.trial,
        "offered": kept.version if kept else "",
        "words": updating.told(now, kept.version, version, kept.why) if kept else "",
    }
    if as_json:
        show.as_json(told)
    else:
        click.echo("\n".join(f"{name}: {value}" for name, value in told.items() if value))


@update.command("look", hidden=True)
def look() -> None:
    """Before the service starts: note that a new system was tried, and put into words what became of it."""
    slots = Slots()
    words, kept = slots.words(), RECORD.read()
    now = _situation(words, kept)
    if kept is not None and now is Situation.ON_TRIAL:
        RECORD.write(kept.at(Stage.TRIED))
    if kept is not None and now is Situation.SETTLED:
        RECORD.forget()  # proved, and cut before it could say so
    written(WORDS, updating.told(now, kept.version, slots.version(), kept.why) if kept else "", 0o644)
    click.echo(now.value)


@update.command("prove", hidden=True)
@click.pass_obj
def prove(config: Path) -> None:
    """In a system on trial: become the one that is started, or fail, which starts the old one again."""
    slots = Slots()
    words, kept = slots.words(), RECORD.read()
    if _situation(words, kept) is not Situation.ON_TRIAL:
        return
    client = _client(config)
    before = kept.before if kept else ()
    left: tuple[str, ...] = ("service",)

    def shown() -> bool:
        nonlocal left
        left = _left(client, before)
        return not left

    if not _when(shown, kept.within_s if kept else _WITHIN_S):
        why = updating.not_shown(left)
        if kept is not None:
            RECORD.write(kept.at(Stage.TRIED, why))
        _when(lambda: _open(client) == 0, _EXAM_S)
        raise NotProven(f"The new system did not prove itself in time. {why}")
    slots.prove(words.booted)
    RECORD.forget()
    click.echo(f"{slots.version()} proved itself")


def _situation(words: Words, kept: Record | None) -> Situation:
    return updating.situation(
        Facts(
            booted=words.booted,
            proven=words.proven,
            trial=words.trial,
            stage=kept.stage if kept else Stage.NONE,
            slot=kept.slot if kept else "",
            writing=kept is not None and kept.boot_id == boot_id(),
        )
    )


def _client(config: Path) -> Client | None:
    """Return the service; None where this box is not enrolled and has none."""
    from agent.config.load import load

    return Client(Path(load(config).box.data_dir) / "control.sock") if config.exists() else None


def _database(config: Path) -> Schema | None:
    from agent.config.load import load

    path = Path(load(config).box.data_dir) / "agent.sqlite3" if config.exists() else None
    if path is None or not path.exists():
        return None
    makes, readable_from = copying.versions_of(path)
    return Schema(makes=makes, readable_from=readable_from or makes)


def _open(client: Client | None) -> int:
    """Return how many exams are open; a service that does not answer has none that anybody works in."""
    try:
        return updating.open_exams(client.get("/exams")) if client is not None else 0
    except NotRunning:
        return 0


def _passed(client: Asked | None, *, exam_open: bool) -> tuple[str, ...]:
    """Return which lines of the self-test pass now; a box without a service, or with one that is down, has none."""
    if client is None:
        return ()
    try:
        made = selftest.run(client, pause=_PAUSE.wait, monotonic=monotonic, limit_s=_PICTURE_S)
    except NotRunning:
        return ()
    names = (f"{line.what} {line.name}".strip() for line in made.lines if line.result == PASSED)
    return updating.judged(names, exam_open=exam_open)


def _left(client: Client | None, before: tuple[str, ...]) -> tuple[str, ...]:
    """Return what this system has not shown yet of what the old one did; first its service, with the database open."""
    if client is None:
        return ()
    try:
        client.get("/status")
    except AgentError:
        return ("service",)
    exam_open = _open(client) > 0
    wanted = updating.judged(before, exam_open=exam_open)
    return updating.missing(wanted, _passed(client, exam_open=exam_open)) if wanted else ()


def _when(holds: Callable[[], Any], limit_s: float) -> bool:
    end = monotonic() + limit_s
    while not holds():
        if monotonic() > end:
            return False
        _PAUSE.wait(_PAUSE_S)
    return True
