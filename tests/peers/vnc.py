"""A real VNC server (TigerVNC's Xvnc) with something on its screen, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.process import free_port, program, running


@contextmanager
def screen(folder: Path, password: str = "", size: str = "640x480") -> Iterator[tuple[int, str]]:
    """Run a server until the end of the block; yields its port and its X display."""
    port = free_port()
    display = f":{20000 + port % 20000}"
    security = ["-SecurityTypes", "None"]
    if password:
        stored = folder / "passwd"
        made = subprocess.run(
            [program("vncpasswd"), "-f"], input=password.encode() + b"\n", capture_output=True, check=True
        )
        stored.write_bytes(made.stdout)
        security = ["-SecurityTypes", "VncAuth", "-PasswordFile", str(stored)]
    line = [program("Xtigervnc"), display, "-geometry", size, "-depth", "24", "-rfbport", str(port), "-localhost",
            "-ac", *security]  # fmt: skip
    with running(line, folder / "vnc.log", port):
        paint(display, "#204060")
        yield port, display


def paint(display: str, colour: str) -> None:
    """Fill the screen with one colour."""
    environment = {**os.environ, "DISPLAY": display}
    subprocess.run([program("xsetroot"), "-solid", colour], check=True, env=environment, timeout=20)
