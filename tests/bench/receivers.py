"""The archives of the benchmark: Debian's storescp and Orthanc, as they come and with Nagle's algorithm off."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.process import free_port, program, running
from tests.pki import Pki

TITLE = "ANY"
MEMORY = Path("/dev/shm")


@contextmanager
def storescp(folder: Path, *flags: str, tls: Pki | None = None, nodelay: bool = False) -> Iterator[int]:
    """Run storescp; without TCP_NODELAY it is what users meet."""
    port = free_port()
    secure = ["+tls", str(tls.pacs_key), str(tls.pacs_cert), "+cf", str(tls.ca), "-rc"] if tls else []
    environment = {**os.environ, "TCP_NODELAY": "1"} if nodelay else dict(os.environ)
    line = [program("storescp"), "-q", *secure, "-aet", TITLE, *flags, str(port)]
    folder.mkdir(parents=True, exist_ok=True)
    with running(line, folder / f"storescp-{port}.log", port, cwd=folder, env=environment):
        yield port


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc without TLS, or with."""

    port: int
    http: int

    def empty(self) -> None:
        """Delete everything."""
        for patient in json.loads(self._ask("/patients")):
            self._ask(f"/patients/{patient}", method="DELETE")

    def _ask(self, path: str, **options: Any) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", **options)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return bytes(answer.read())


@contextmanager
def orthanc(base: Path, tls: Pki | None = None) -> Iterator[Orthanc]:
    """Run Orthanc with its usual settings; everything it keeps is below `base`."""
    folder = Path(tempfile.mkdtemp(prefix="orthanc-", dir=base))
    settings: dict[str, Any] = {
        "StorageDirectory": str(folder / "db"), "IndexDirectory": str(folder / "db"), "Plugins": [],
        "HttpPort": free_port(), "DicomPort": free_port(), "DicomCheckCalledAet": False,
        "AuthenticationEnabled": False, "DicomAlwaysAllowStore": True, "TemporaryDirectory": str(folder),
    }  # fmt: skip
    if tls is not None:
        settings |= {
            "DicomTlsEnabled": True, "DicomTlsCertificate": str(tls.pacs_cert),
            "DicomTlsPrivateKey": str(tls.pacs_key), "DicomTlsTrustedCertificates": str(tls.ca),
            "DicomTlsRemoteCertificateRequired": True,
        }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    try:
        line = [program("Orthanc"), str(folder / "orthanc.json")]
        with running(line, folder / "log", settings["DicomPort"], cwd=folder):
            yield Orthanc(port=settings["DicomPort"], http=settings["HttpPort"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
