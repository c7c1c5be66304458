"""The set-up page of a box that is not enrolled, and its one-time code."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from agent.accounts.secrets import new_code
from agent.cli.appliance import identity, owner
from agent.cli.main import EXIT_REFUSED, cli
from agent.enrolling import wipe
from agent.enrolment import DATA_FOLDER

_DATA = click.option("--data", default=DATA_FOLDER, show_default=True, type=click.Path(path_type=Path),
                     help="The folder of the box's data.")  # fmt: skip


@cli.command("setup")
@click.option("--listen", default="0.0.0.0", show_default=True, help="Address that the page listens on.")  # noqa: S104
@click.option("--port", default=443, show_default=True, type=click.IntRange(0, 65535))
@_DATA
@click.pass_obj
def setup(config: Path, listen: str, port: int, data: Path) -> None:
    """Serve the set-up page until the box is enrolled; run by modality-agent-setup.service."""
    from agent.setting_up import Places, setting_up

    if os.geteuid() == 0 and owner().uid != 0:
        click.echo("not as root, whose files the service cannot read: systemctl start modality-agent-setup", err=True)
        sys.exit(EXIT_REFUSED)
    places = Places(config=config, data=data, address=listen, port=port, owner=owner(), make_identity=identity)
    sys.exit(setting_up(places))


@cli.command("setup-code")
@click.option("--take", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Use the code in this file, which is wiped, on this box.")  # fmt: skip
@click.option("--show", is_flag=True, help="Show this box's code, as its own screen does.")
@_DATA
def setup_code(file: Path | None, data: Path, *, show: bool) -> None:
    """Print a new one-time code: for the label of a box, and for its boot partition (modality-agent-setup-code.txt)."""
    from agent.setting_up import FOLDER, SCREEN
    from agent.setup_code import take

    if show:
        click.echo((data / FOLDER / SCREEN).read_text())
    elif file is None:
        click.echo(new_code(os.urandom))
    else:
        taken = take(file.read_text(encoding="utf-8", errors="replace")[:200], data / FOLDER, owner())
        wipe(file)
        click.echo("the code of the label is this box's" if taken else "this is no set-up code: the box makes its own")
        sys.exit(0 if taken else EXIT_REFUSED)
