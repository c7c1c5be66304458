"""Commands on the configuration as files: what applies and why, taken out and brought in by layer."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import click

from agent.cli import show
from agent.cli.main import cli
from agent.config.layers import BOX, LAYERS


@cli.group("config")
def group() -> None:
    """See, export and import the layers of the configuration: image, site, box."""


@group.command("show")
@click.pass_obj
def config_show(config: Path) -> None:
    """Show every key that is set, its value and the layer that it comes from; secrets are masked."""
    from agent.config.exchange import values

    click.echo(show.table(("KEY", "VALUE", "LAYER"), values(config)))


@group.command("export")
@click.option("--layer", type=click.Choice([*LAYERS, "effective"]), default="effective", show_default=True)
@click.pass_obj
def config_export(config: Path, layer: str) -> None:
    """Print a layer, or all in one, as TOML; secrets are marked and never told."""
    from agent.config.exchange import export

    click.echo(export(config, layer), nl=False)


@group.command("import")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--layer", type=click.Choice(LAYERS), default=BOX, show_default=True)
@click.pass_obj
def config_import(config: Path, file: IO[str], layer: str) -> None:
    """Make FILE a layer, if all layers together are right; used from the next start on. The old one is kept."""
    from agent.config.exchange import bring_in

    changed = bring_in(config, layer, file.read())
    click.echo(f"{layer}: {'changed; restart the service' if changed else 'it was so already'}")


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def ports(config: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """List every port that this configuration uses, in and out, for a firewall."""
    from dataclasses import asdict

    from agent.config.load import load
    from agent.ports import as_markdown
    from agent.ports import ports as listed

    found = listed(load(config))
    if as_json:
        show.as_json([asdict(port) for port in found])
    else:
        click.echo(as_markdown(found), nl=False)


@cli.command()
@click.pass_obj
def conformance(config: Path) -> None:
    """Print the DICOM conformance statement of this build with this configuration (Markdown)."""
    from agent.config.load import load
    from agent.conformance import statement

    click.echo(statement(load(config)), nl=False)
