"""Commands that make a box one of a site's, from a file. They run as root and outside the service."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import click

from agent.cli.certificate import group
from agent.cli.main import cli
from agent.enrolling import Owner, enrol, take_certificate

IMAGE = Path("/usr/lib/modality-agent-image")
ACCOUNT = "modality-agent"


@cli.command("enrol")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def enrol_command(config: Path, file: Path) -> None:
    """Make this box one of a site's from its enrolment FILE, which is wiped."""
    told = enrol(file, config.parent, owner(), identity)
    click.echo("enrolled; the enrolment file was wiped")
    if told.wants_certificate:
        click.echo("a certificate request lies beside where it was: let the site sign it")
    if (told.time_servers or told.network) and not IMAGE.is_dir():
        click.echo("time servers and network of the file are not put to use here: they are this system's own")


@group.command("take")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def certificate_take(config: Path, file: Path) -> None:
    """Take the certificate that the site made for this box's request."""
    take_certificate(file, config.parent, owner())
    click.echo("the site's certificate is in place")


def owner() -> Owner:
    """Return for whom settings are written: the service's account, or whoever runs this where there is none."""
    try:
        account = pwd.getpwnam(ACCOUNT)
    except KeyError:
        return Owner(uid=os.getuid(), gid=os.getgid())
    return Owner(uid=account.pw_uid, gid=account.pw_gid)


def identity(folder: Path, name: str) -> tuple[Path, Path, Path]:
    """Make a key, a request for it and a placeholder certificate (`agent.enrolling.MakeIdentity`)."""
    from agent.pki import Names, make_waiting_identity

    host = name.lower().replace("_", "-").replace(" ", "-")
    request, made = make_waiting_identity(folder, "waiting", Names(common_name=name, dns=(host,)))
    return request, made.certificate, made.key
