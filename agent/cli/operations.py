"""Commands for those who look after the box: how it is, what was delivered, what is kept of it elsewhere."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import click

from agent import selftest as acceptance
from agent.cli import show
from agent.cli.client import NotRunning
from agent.cli.main import EXIT_REFUSED, cli, client
from agent.health import RANK, Word
from agent.plain import to_plain


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
@click.option("--report", type=click.Path(path_type=Path), default=None, help="Also write the report into this file.")
@click.option("--json", "as_json", is_flag=True, help="Print and write JSON instead of Markdown.")
@click.option("--seconds", "limit_s", type=float, default=120.0, show_default=True, help="For each picture to arrive.")
def selftest(report: Path | None, as_json: bool, limit_s: float) -> None:  # noqa: FBT001 - click passes flags so
    """Test health, connections and a picture of nobody from each source: the acceptance report. Exit 1: failed."""
    pause = threading.Event()
    made = acceptance.run(client(), pause=pause.wait, monotonic=monotonic, limit_s=limit_s)
    value = {**to_plain(made), "passed": made.passed}
    text = json.dumps(value, ensure_ascii=False, indent=1) + "\n" if as_json else acceptance.as_markdown(made)
    click.echo(text, nl=False)
    if report is not None:
        report.write_text(text, encoding="utf-8")
    sys.exit(0 if made.passed else EXIT_REFUSED)


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
