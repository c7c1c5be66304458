"""`modality-agent sandbox`: a RIS and a PACS in the foreground, and a configuration for a box that uses them."""

from __future__ import annotations

import json
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from agent.dimse.sandbox.run import run_sandbox

CONFIGURATION = "config.toml"


def sandbox(folder: Path, seconds: float | None) -> int:
    """Serve RIS and PACS below `folder` until a signal, or for `seconds`; return the exit status."""
    folder = folder.resolve()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    if seconds is not None:
        threading.Timer(seconds, stop.set).start()

    def ready(description: dict[str, Any]) -> None:
        (folder / CONFIGURATION).write_text(configuration(description), encoding="utf-8")
        click.echo(f"RIS and PACS are up; received objects go to {description['received']}")
        click.echo(f"next: modality-agent --config {folder / CONFIGURATION} run")

    run_sandbox(folder, clock=lambda: datetime.now(UTC).astimezone(), stop_event=stop, on_ready=ready)
    return 0


def configuration(description: dict[str, Any], *, undo_window_s: int = 1) -> str:
    """Return the TOML of a box whose worklist and archive are the sandbox `description`, simulator as source."""
    ris, pacs = description["ris"], description["pacs"]
    return f"""# Made by `modality-agent sandbox`: a simulated old ultrasound, the sandbox's RIS and its PACS.
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

[[destination]]
name = "sandbox-pacs"
host = {json.dumps(pacs["host"])}
port = {pacs["port"]}
called_ae_title = {json.dumps(pacs["called_ae_title"])}

[exam]
undo_window_s = {undo_window_s}
"""
