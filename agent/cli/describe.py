"""Commands that print what the box is, without asking a running one."""

from __future__ import annotations

import click


@click.command("openapi")
def openapi() -> None:
    """Print the description of the JSON interface (OpenAPI 3.1)."""
    from agent.web.openapi import as_text

    click.echo(as_text())
