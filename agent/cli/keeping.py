"""Commands that keep a box elsewhere and bring it back; they work on the data folder, not through the service."""

from __future__ import annotations

import uuid
from pathlib import Path

import click

from agent.cli.main import cli
from agent.store.transition import Stamp


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--without-pictures", is_flag=True, help="The database and the box's identity alone.")
@click.pass_obj
def backup(config: Path, folder: Path, without_pictures: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Write a backup into FOLDER, which must be new or empty; the service may run. It holds patients and keys."""
    from agent import backup as backups
    from agent.config.load import load

    c = load(config)
    made = backups.make(
        Path(c.box.data_dir), folder, box=c.box.name, made_at=_stamp(config).at, pictures=not without_pictures
    )
    size = sum(size for size, _ in made.files.values())
    click.echo(f"backup of {made.box}: {len(made.files)} files, {size / 1e6:.1f} MB, schema {made.schema}")


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--replace", is_flag=True, help="Set the database that is there aside.")
@click.pass_obj
def restore(config: Path, folder: Path, replace: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Bring the backup in FOLDER back, while the service is stopped. Nothing is sent again by itself."""
    from agent.config.load import load
    from agent.restore import restore as bring_back
    from agent.store.migrations import migrate

    told = bring_back(
        folder, Path(load(config).box.data_dir), replace=replace, stamp=_stamp(config), migrate=migrate
    )
    click.echo(f"restored as of {told.made_at}")
    click.echo(f"held for a person: {told.exams} exams, {told.frames} pictures, {told.jobs} in the queue")
    if told.newer:
        click.echo(f"newer than the backup and held as well: {told.newer} pictures")
    if told.aside:
        click.echo(f"the old database is {told.aside}")


def _stamp(config: Path) -> Stamp:
    from agent.config.load import load
    from agent.host import SystemClock

    clock = SystemClock(load(config).box.timezone, host_is_trusted=True)
    now = clock.now()
    return Stamp(
        at=now.isoformat(timespec="milliseconds"), unix=now.timestamp(), run_id=uuid.uuid4().hex, who="command line",
        boottime_ns=clock.boottime_ns(),
    )  # fmt: skip
