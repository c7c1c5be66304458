"""`modality-agent acceptance`: the acceptance test with its report, kept on the box; and a copy for a stick."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from time import monotonic

import click

from agent import acceptance
from agent.cli.appliance import owner
from agent.cli.client import Client
from agent.cli.main import EXIT_REFUSED, cli
from agent.config.load import load
from agent.config.schema import Configuration
from agent.enrolment import ACCEPTANCE
from agent.selftest import Asked

_PAUSE = threading.Event()
_LOOK_S = 1.0
_SOURCES_S = 60.0
"""So long the first test waits for every source to be ready."""


@cli.command("acceptance")
@click.option("--first", is_flag=True, help="Once after enrolment: wait for the clock; exit 0 once there is a report.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of Markdown.")
@click.option("--html", type=click.Path(path_type=Path), default=None, help="Also write a page for printing.")
@click.option("--copy", "copy", type=click.Path(path_type=Path), default=None,
              help="Test nothing: wait for the first report and write it there as a page.")  # fmt: skip
@click.option("--within", "within_s", type=float, default=0.0, help="So many seconds --copy waits.")
@click.pass_obj
def accept(
    config: Path, html: Path | None, copy: Path | None, within_s: float, *, first: bool, as_json: bool
) -> None:
    """Show with a picture of nobody that the box works, and keep the report. Exit 1: something was not shown."""
    told = load(config)
    folder = Path(told.box.data_dir) / acceptance.FOLDER
    if copy is not None:
        sys.exit(_copied(folder, copy, within_s, told.box.language))
    due = config.parent / ACCEPTANCE
    if first and (acceptance.names(folder) or not told.acceptance.after_enrolment or not told.test_routes()):
        due.unlink(missing_ok=True)
        return
    service = Client(Path(told.box.data_dir) / "control.sock")
    if first:
        _settled(service, told.acceptance.clock_s)
    made = _run(service, told)
    kept = acceptance.keep(folder, made)
    owner().own(folder, kept)
    if first:
        due.unlink(missing_ok=True)
    if html is not None:
        html.write_bytes(_page(made, told.box.language))
    value = acceptance.as_value(made)
    click.echo(json.dumps(value, ensure_ascii=False, indent=1) if as_json else acceptance.as_text(made))
    sys.exit(0 if made.passed or first else EXIT_REFUSED)


def _run(service: Asked, told: Configuration) -> acceptance.Acceptance:
    uid = Path(told.box.data_dir) / "device-uid"
    return acceptance.run(
        service,
        ae_title=told.box.ae_title,
        device_uid=uid.read_text(encoding="ascii").strip() if uid.exists() else "",
        pause=_PAUSE.wait,
        monotonic=monotonic,
        limit_s=told.acceptance.picture_s,
    )


def _settled(service: Asked, clock_s: float) -> None:
    """Wait for a trusted clock and for every source, each for its bounded time: a fresh box has just been started."""
    began = monotonic()
    while (waited := monotonic() - began) < max(clock_s, _SOURCES_S):
        status = service.get("/status")
        clock = status["clock_trust"] != acceptance.UNTRUSTED or waited >= clock_s
        ready = all(source["state"] == "ready" for source in status["sources"]) or waited >= _SOURCES_S
        if clock and ready:
            return
        _PAUSE.wait(_LOOK_S)


def _page(made: acceptance.Acceptance, language: str) -> bytes:
    from agent.web.pages.admin.acceptance import printable

    return printable(made, language)


def _copied(folder: Path, copy: Path, within_s: float, language: str) -> int:
    until = monotonic() + within_s
    while not (found := acceptance.names(folder)) and monotonic() < until:
        _PAUSE.wait(_LOOK_S)
    made = acceptance.read(folder, found[-1]) if found else None
    if made is None:
        click.echo("there is no acceptance report yet", err=True)
        return EXIT_REFUSED
    copy.write_bytes(_page(made, language))
    return 0
