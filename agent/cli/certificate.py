"""Commands on certificates as files, for whoever sets many boxes up; the pages do the same with a review."""

from __future__ import annotations

import stat
from pathlib import Path

import click

from agent.cli.main import cli


@cli.group("certificate")
def group() -> None:
    """Make a key that never leaves this box, and see whether a signed certificate is its own."""


@group.command("request")
@click.argument("key", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--common-name", required=True, help="Name of the box for people.")
@click.option("--dns", multiple=True, help="Host name that the certificate speaks for; may be repeated.")
@click.option("--ip", multiple=True, help="Address that the certificate speaks for; may be repeated.")
def certificate_request(key: Path, common_name: str, dns: tuple[str, ...], ip: tuple[str, ...]) -> None:
    """Make the private KEY (a file *.key) and beside it a request (*.csr), unless the key is there already."""
    from agent import pki
    from agent.errors import BadRequest

    if key.suffix != pki.KEY_SUFFIX:
        raise BadRequest(f"The name of a key ends with {pki.KEY_SUFFIX}.")
    if key.exists():
        click.echo("there already; nothing was made")
        return
    names = pki.Names(common_name=common_name, dns=dns, ip=ip)
    request, made = pki.make_request(key.parent, key.stem, names)
    if key.parent.stat().st_mode & stat.S_ISGID:  # the folder hands its group on: the children that show it
        made.chmod(0o640)
    request.chmod(0o644)
    click.echo(f"made; have {request} signed")


@group.command("pair")
@click.argument("certificate", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("key", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def certificate_pair(certificate: Path, key: Path) -> None:
    """Tell whether CERTIFICATE was made for KEY; exit status 1: it was not."""
    from agent import pki

    pki.assert_pair(certificate.read_bytes(), key.read_bytes())
    click.echo("they belong together")
