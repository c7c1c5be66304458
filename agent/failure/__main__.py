"""`python -m agent.failure RUNTIME DATA CONFIG`, run by modality-agent-failure.service."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from time import monotonic

from agent.failure.door import FailureDoor, Surroundings
from agent.ops import handed, manager, serving

_MAKE_S = 120
USUAL = ("127.0.0.1", 8443)
"""Where the page is as long as no configuration says anything else."""


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


def where(config: Path) -> tuple[str, int]:
    """Return where the page is to be by a configuration that may have any mistake."""
    try:
        web = tomllib.loads(config.read_text(encoding="utf-8")).get("web", {})
        address, port = web.get("listen", USUAL[0]), web.get("port", USUAL[1])
    except (OSError, ValueError, AttributeError):
        return USUAL
    return (address, port) if isinstance(address, str) and isinstance(port, int) else USUAL


def listening(config: Path) -> socket.socket:
    """Return the page's socket: as the core had it last, else as the configuration says; raises `PortRefused`."""
    return handed.kept(handed.PAGE) or handed.listening(handed.PAGE, *where(config))


def main(runtime: str, data: str, config: str) -> int:
    """Serve until SIGTERM; raises `PortRefused`."""
    kept, own = Path(data) / "failure" / serving.PAGE, serving.folder(os.environ) or Path(data)
    door = FailureDoor(
        Surroundings(
            runtime=Path(runtime),
            config=Path(config),
            monotonic=monotonic,
            context=lambda: certified(kept, own),
            listening=lambda: listening(Path(config)),
        )
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    manager.tell("READY=1")
    door.run(threading.Event())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
