"""`modality-agent sandbox`: a RIS and a PACS in the foreground, and a configuration for a box that uses them."""

from __future__ import annotations

import json
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from agent.config.load import load
from agent.dimse.sandbox.run import run_sandbox

CONFIGURATION = "config.toml"
_FIRST_LINE = "# Made by `modality-agent sandbox`: a simulated old ultrasound, the sandbox's RIS and its PACS."


def sandbox(folder: Path, seconds: float | None) -> int:
    """Serve RIS and PACS below `folder` until a signal, or for `seconds`; return the exit status.

    Writes `<folder>/config.toml`, whole or not at all; returns 1 when a file of that name is not the sandbox's own.
    """
    folder = folder.resolve()
    if not _is_ours(folder / CONFIGURATION):
        click.echo(f"{folder / CONFIGURATION} was not made by the sandbox: give another folder", err=True)
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    if seconds is not None:
        _stop_after(seconds, stop)

    def ready(description: dict[str, Any]) -> None:
        _write(folder / CONFIGURATION, configuration(description))
        click.echo(f"RIS and PACS are up; received objects go to {description['received']}")
        click.echo(f"next: modality-agent --config {folder / CONFIGURATION} run")

    run_sandbox(folder, clock=lambda: datetime.now(UTC).astimezone(), stop_event=stop, on_ready=ready)
    return 0


def _stop_after(seconds: float, stop: threading.Event) -> None:
    timer = threading.Timer(seconds, stop.set)
    timer.daemon = True  # a signal before its time must not wait for it
    timer.start()


def _is_ours(file: Path) -> bool:
    return not file.exists() or file.read_bytes().startswith(_FIRST_LINE.encode())


def _write(file: Path, text: str) -> None:
    """Put the checked configuration in place in one step: who waits for the file never reads half of it."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(text, encoding="utf-8")
    load(new)
    new.replace(file)


def configuration(description: dict[str, Any], *, undo_window_s: int = 1) -> str:
    """Return the TOML of a box whose worklist and archive are the sandbox `description`, simulator as source."""
    ris, pacs = description["ris"], description["pacs"]
    return f"""{_FIRST_LINE}
[box]
name = "Sandbox box"
ae_title = {json.dumps(description["agent_ae_title"])}
data_dir = "data"
clock = "host"

[tls]
ca_file = {json.dumps(description["ca"])}
certificate_file = {json.dumps(description["agent_certificate"])}
key_file = {json.dumps(description["agent_key"])}

[web]
port = 0

[[source]]
name = "us1"
driver = "simulator"

[source.object]
modality = "US"
conversion_type = "DV"
series_description = "Simulated ultrasound"

[worklist]
host = {json.dumps(ris["host"])}
port = {ris["port"]}
called_ae_title = {json.dumps(ris["called_ae_title"])}

[procedure_step]
host = {json.dumps(ris["host"])}
port = {ris["port"]}
called_ae_title = {json.dumps(ris["called_ae_title"])}

[[destination]]
name = "sandbox-pacs"
host = {json.dumps(pacs["host"])}
port = {pacs["port"]}
called_ae_title = {json.dumps(pacs["called_ae_title"])}
commitment = true

[listener]
address = "127.0.0.1"
port = {description["listener_port"]}

[exam]
confirmation = "click"
undo_window_s = {undo_window_s}
"""
