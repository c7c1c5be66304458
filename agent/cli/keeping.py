"""Commands that keep a box elsewhere and bring it back; they work on the data folder, not through the service."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.main import EXIT_REFUSED, cli
from agent.clock import Clock
from agent.store.transition import Stamp

if TYPE_CHECKING:
    from agent.config.schema import Configuration


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--without-pictures", is_flag=True, help="The database and the box's identity alone.")
@click.option("--rotate", is_flag=True, help="As [backup] says: a copy of its own inside FOLDER, the oldest goes.")
@click.pass_obj
def backup(config: Path, folder: Path, without_pictures: bool, rotate: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Write a backup into FOLDER, which must be new or empty; the service may run. It holds patients and keys."""
    from agent import backup as backups
    from agent.config.load import load

    c = load(config)
    if rotate:
        _rotate(c, folder)
        return
    made = backups.make(
        Path(c.box.data_dir), folder, box=c.box.name, made_at=_stamp(config).at, pictures=not without_pictures
    )
    size = sum(size for size, _ in made.files.values())
    click.echo(f"backup of {made.box}: {len(made.files)} files, {size / 1e6:.1f} MB, schema {made.schema}")


def _rotate(c: Configuration, folder: Path) -> None:
    from agent.host import SystemClock
    from agent.rotation import Rotation, turn

    if c.backup is None:
        click.echo("the configuration has no [backup]: nothing was done")
        return
    told = Rotation(folder=folder, **c.backup.model_dump())
    now = SystemClock(c.box.timezone, host_is_trusted=True).now()
    made = turn(Path(c.box.data_dir), told, box=c.box.name, now=now)
    click.echo(f"backup of {made.box}: {len(made.files)} files, read again; at most {told.keep} are kept")


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--replace", is_flag=True, help="Set the database that is there aside.")
@click.pass_obj
def restore(config: Path, folder: Path, replace: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Bring the backup in FOLDER back, while the service is stopped. Nothing is sent again by itself."""
    from agent.clearing import under_way
    from agent.config.load import load
    from agent.restore import restore as bring_back
    from agent.store.migrations import migrate

    told = bring_back(
        folder, Path(load(config).box.data_dir), replace=replace, stamp=_stamp(config), migrate=migrate,
        begun=under_way(config.absolute()) is not None,
    )
    click.echo(f"restored as of {told.made_at}")
    click.echo(f"held for a person: {told.exams} exams, {told.frames} pictures, {told.jobs} in the queue")
    if told.newer:
        click.echo(f"newer than the backup and held as well: {told.newer} pictures")
    if told.aside:
        click.echo(f"the old database is {told.aside}")


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("to", type=click.Path(path_type=Path))
def salvage(folder: Path, to: Path) -> None:
    """Take the pictures out of FOLDER, the data folder of a dead box, into the new folder TO, as DICOM files.

    Needs no configuration. Exit 1 when some captured bytes are changed or missing.
    """
    from agent import __version__
    from agent.host import SystemClock
    from agent.salvage import Tools
    from agent.salvage import salvage as take_out
    from agent.store.migrations import main as migrate

    clock = SystemClock("UTC", host_is_trusted=True)
    tools = Tools(stamp=_made(clock), clock=clock, version=__version__, migrate=migrate)
    report = take_out(folder, to, tools)
    click.echo(report.summary())
    click.echo(f"every picture with its patient: {to / 'report.txt'}")
    if report.lost:
        sys.exit(EXIT_REFUSED)


def _stamp(config: Path) -> Stamp:
    from agent.config.load import load
    from agent.host import SystemClock

    return _made(SystemClock(load(config).box.timezone, host_is_trusted=True))


def _made(clock: Clock) -> Stamp:
    now = clock.now()
    return Stamp(
        at=now.isoformat(timespec="milliseconds"), unix=now.timestamp(), run_id=uuid.uuid4().hex, who="command line",
        boottime_ns=clock.boottime_ns(),
    )  # fmt: skip
