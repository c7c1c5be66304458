"""Commands for those who look after the box: how it is, what was delivered, what is kept of it elsewhere."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import urlencode

import click

from agent.cli import show
from agent.cli.client import NotRunning
from agent.cli.main import cli, client
from agent.health import RANK, Word


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def health(as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Tell how every part of the box is; exit status 0: ok, 1: needs attention, 2: failing or not running."""
    try:
        view = client().get("/health")
    except NotRunning as e:
        view = {"state": Word.FAILING.value, "parts": [], "message": e.message}
    if as_json:
        show.as_json(view)
    else:
        click.echo(_as_text(view))
    sys.exit(RANK[view["state"]])


@cli.command()
@click.option("--from", "first", default="", help="First day, as 2026-11-24; default: today.")
@click.option("--to", "last", default="", help="Last day, included; default: today.")
def receipts(first: str, last: str) -> None:
    """Print what was delivered as CSV: exam, object, destination, when, which answer, when committed; no patient."""
    told = client().raw(f"/receipts?{urlencode({'first': first, 'last': last})}")
    click.echo(told.decode(), nl=False)


def _as_text(view: dict[str, Any]) -> str:
    if "message" in view:
        return f"{view['state']}: {view['message']}"
    rows = [
        (p["state"], p["part"], p["name"], f"{p['value']:g} {p['unit']}".strip(), _limit(p), p["proven_at"])
        for p in view["parts"]
    ]
    table = show.table(("STATE", "PART", "NAME", "NOW", "ATTENTION/FAILING", "PROVEN AT"), rows)
    return f"{view['state']}; open alarms: {view['alarms']}\n{table}"


def _limit(part: dict[str, Any]) -> str:
    if part["attention_at"] is None:
        return ""
    return f"{part['attention_at']:g}/{part['failing_at']:g}"
