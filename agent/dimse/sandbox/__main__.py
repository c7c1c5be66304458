"""`python -m agent.dimse.sandbox FOLDER [RIS_PORT [PACS_PORT]]`: the sandbox alone, until SIGTERM."""

from __future__ import annotations

import json
import signal
import sys
import threading
from datetime import datetime
from pathlib import Path

from agent.dimse.sandbox.run import run_sandbox


def main(arguments: list[str]) -> int:
    """Run until told to stop; prints where everything is as one JSON line when it is ready."""
    if not arguments:
        sys.stderr.write((__doc__ or "") + "\n")
        return 2
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    ports = [int(port) for port in arguments[1:3]]
    run_sandbox(
        Path(arguments[0]).resolve(),
        ris_port=ports[0] if ports else 0,
        pacs_port=ports[1] if len(ports) > 1 else 0,
        clock=lambda: datetime.now().astimezone(),
        stop_event=stop,
        on_ready=lambda where: print(json.dumps(where), flush=True),  # noqa: T201 - the one line of output
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
