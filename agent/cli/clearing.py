"""Commands that take data away for good: a factory reset, and an erase with a certificate. The service is stopped."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.main import cli
from agent.errors import AnotherWriter

if TYPE_CHECKING:
    from agent.clearing import Clearing

_BOX = click.option("--box", prompt="Type the name of the box", help="The name of the box, typed.")
_WHO = click.option("--who", default="", help="Who does it; default: the user who is logged in.")
_LOSE = click.option("--lose-unsent", is_flag=True, help="Also what nobody took responsibility for.")


@cli.command()
@_BOX
@_WHO
@_LOSE
@click.option("--identity-too", is_flag=True, help="Also the box's own keys and UID.")
@click.option("--configuration-too", is_flag=True, help="Also the box's and the site's layer, keys and passwords.")
@click.option("--certificate", default="", help="Write what was removed into this file.")
@click.pass_obj
def reset(
    config: Path, *, box: str, who: str, lose_unsent: bool, identity_too: bool, configuration_too: bool,
    certificate: str,
) -> None:  # fmt: skip
    """Remove patients, pictures and accounts; the box keeps its configuration and who it is."""
    _clear(
        config, kind="reset", box=box, who=who or _user(), lose=lose_unsent, identity=identity_too,
        configuration=configuration_too, certificate=certificate and str(Path(certificate).absolute()),
    )  # fmt: skip


@cli.command()
@_BOX
@_WHO
@_LOSE
@click.option("--certificate", required=True, help="Where the certificate is written: outside of what is erased.")
@click.pass_obj
def erase(config: Path, *, box: str, who: str, lose_unsent: bool, certificate: str) -> None:
    """Overwrite and remove everything, keys and configuration included, and certify it."""
    path = str(Path(certificate).absolute())
    _clear(config, kind="erase", box=box, who=who or _user(), lose=lose_unsent, certificate=path)


@cli.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def clear(config: Path, file: Path | None) -> None:
    """Reset or erase this box as FILE asks, from a stick where nobody can log in; the certificate lies beside it.

    Without FILE: bring to its end what was begun and cut off.
    """
    from agent.clearing_request import asked_in

    if file is None:
        _go_on(config.absolute())
        return
    asked = asked_in(file.read_bytes())
    certificate = str(file.absolute().with_name("modality-agent-erased.json"))
    _clear(config, kind=asked.kind, box=asked.box, who=asked.who, lose=asked.lose, certificate=certificate)
    file.unlink()  # or the next start would ask for it again


def _clear(config: Path, **words: Any) -> None:
    from agent import clearing
    from agent.clearing_request import Request, prepare
    from agent.config.load import load
    from agent.host import kill_steps, utc_now
    from agent.operations_errors import ClearingUnderWay

    config, now, asked = config.absolute(), utc_now, Request(**words)
    begun = clearing.under_way(config)
    with _alone_in(Path(begun.root) if begun else Path(load(config).box.data_dir)):
        if begun and (begun.kind != asked.kind or begun.state != "marked"):
            raise ClearingUnderWay
        if begun is None:
            begun = clearing.begin(config, prepare(config, load(config), asked, now()), kill_steps())
        done = clearing.finish(config, now, kill_steps()) or begun
    _tell(done)


def _go_on(config: Path) -> None:
    from agent import clearing
    from agent.host import kill_steps, utc_now

    begun = clearing.under_way(config)
    if begun is None:
        click.echo("nothing was begun")
        return
    with _alone_in(Path(begun.root)):
        done = clearing.finish(config, utc_now, kill_steps()) or begun
    _tell(done)


@contextmanager
def _alone_in(root: Path) -> Iterator[None]:
    """Hold the data folder; what root made in it is the service's."""
    from agent.recovery import lock_data_folder

    lock = lock_data_folder(root, lambda: AnotherWriter("The service is running: stop it first."))
    try:
        yield
        if os.geteuid() == 0:
            owner = root.stat()
            os.chown(root / "lock", owner.st_uid, owner.st_gid)
    finally:
        os.close(lock)


def _tell(done: Clearing) -> None:
    click.echo(f"{done.kind}: {done.told.files} files, {done.told.bytes / 1e6:.1f} MB")
    click.echo(f"SHA-256 of their list: {done.told.list_sha256}")
    if done.certificate:
        click.echo(f"certificate: {done.certificate}")


def _user() -> str:
    return os.environ.get("SUDO_USER", "") or getpass.getuser()
