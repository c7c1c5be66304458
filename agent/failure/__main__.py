"""`python -m agent.failure RUNTIME DATA CONFIG`, started by modality-agent-failure.service with the page's socket."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic

from agent.failure.door import FailureDoor, Surroundings
from agent.ops import handed, manager, serving

_MAKE_S = 120


def certified(kept: Path, own: Path) -> ssl.SSLContext:
    """Return how the door is locked: with the page's own certificate, or one made in `own` before there is one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(kept)
    except (OSError, ssl.SSLError):
        if not (own / "page.key").exists():
            argv = [sys.executable, "-P", "-m", "agent.ops.page_certificate", str(own), "page"]
            subprocess.run(argv, check=True, timeout=_MAKE_S, stdin=subprocess.DEVNULL)
        context.load_cert_chain(own / "page.crt", own / "page.key")
    return context


def main(runtime: str, data: str, config: str) -> int:
    """Serve until SIGTERM; 1: no socket was handed over."""
    listening = handed.listening(handed.PAGE)
    if listening is None:
        return 1
    kept, own = Path(data) / "failure" / serving.PAGE, serving.folder(os.environ) or Path(data)
    door = FailureDoor(
        listening,
        Surroundings(
            runtime=Path(runtime), config=Path(config), monotonic=monotonic, context=lambda: certified(kept, own)
        ),
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    manager.tell("READY=1")
    door.run(threading.Event())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
