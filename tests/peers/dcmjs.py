"""dcmjs-dimse (npm) as an archive and RIS over mutual TLS: another language, another reading of the standard."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.process import free_port, program, running
from tests.pki import Pki

HERE = Path(__file__).parent / "dcmjs"
TITLE = "DCMJS"


@dataclass(frozen=True)
class Dcmjs:
    """A running peer; `box_port` is where it reports Storage Commitment to."""

    port: int
    box_port: int
    log: Path

    def told(self, what: str) -> list[dict[str, Any]]:
        """Return everything of one kind that it wrote down, oldest first."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [row for row in map(json.loads, lines) if what in row]


def installed(folder: Path) -> Path:
    """Install the peer's package below `folder` and return its script."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "peer.js"):
        shutil.copy(HERE / name, folder / name)
    line = [program("npm"), "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    subprocess.run(line, cwd=folder, check=True, timeout=150)
    return folder / "peer.js"


@contextmanager
def dcmjs(folder: Path, pki: Pki, box_title: str) -> Iterator[Dcmjs]:
    """Run the peer below `folder`."""
    peer = Dcmjs(port=free_port(), box_port=free_port(), log=folder / "told.jsonl")
    script = installed(folder)
    settings = {
        "port": peer.port, "boxPort": peer.box_port, "boxTitle": box_title, "title": TITLE, "log": str(peer.log),
        "key": str(pki.pacs_key), "cert": str(pki.pacs_cert), "ca": str(pki.ca),
    }  # fmt: skip
    (folder / "settings.json").write_text(json.dumps(settings))
    with running([program("node"), str(script), "settings.json"], folder / "peer.log", peer.port, cwd=folder):
        yield peer
