"""Debian's Orthanc as a PACS over mutual TLS; asked about what it holds over its own HTTP interface on loopback."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.peers.process import free_port, program, running
from tests.pki import Pki


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc."""

    port: int
    http: int
    box: int
    """Where it reports Storage Commitment to."""

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON answer of Orthanc's own interface."""
        return json.loads(self.raw(path, body))

    def raw(self, path: str, body: dict[str, Any] | None = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", data=data, timeout=20) as answer:
            return bytes(answer.read())

    def find(self, **query: str) -> list[dict[str, str]]:
        """Return the main tags of matching instances with those of patient and study."""
        asked = {"Level": "Instance", "Query": query, "Expand": True}
        found = []
        for row in self.ask("/tools/find", asked):
            tags = self.ask(f"/instances/{row['ID']}/simplified-tags")
            found.append({**{k: v for k, v in tags.items() if isinstance(v, str)}, "ID": row["ID"]})
        return found


@contextmanager
def orthanc(
    folder: Path,
    pki: Pki,
    calling_ae_title: str,
    *,
    port: int = 2762,
    storage: Path | None = None,
    basis: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[Orthanc]:
    """Run Orthanc as nobody below `folder`, on port 2762 where it is free; its objects are in `storage`.

    Of `basis` counts what is not said here.
    """
    dicom, http, box = free_port(port), free_port(), free_port()
    folder.mkdir(parents=True)
    for name in ("db", "tmp", "pki"):
        (folder / name).mkdir()
    for name, path in {"pacs.crt": pki.pacs_cert, "pacs.key": pki.pacs_key, "ca.crt": pki.ca}.items():
        (folder / "pki" / name).write_bytes(path.read_bytes())
    known = next(iter(basis.get("DicomModalities", {}).values()), {})
    settings = {
        **basis,
        "Name": "Test",
        "StorageDirectory": str(storage or folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "TemporaryDirectory": str(folder / "tmp"),
        "Plugins": [],
        "HttpPort": http,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAet": "ORTHANC",
        "DicomCheckCalledAet": True,
        "DicomPort": dicom,
        "DefaultEncoding": "Utf8",
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(folder / "pki/pacs.crt"),
        "DicomTlsPrivateKey": str(folder / "pki/pacs.key"),
        "DicomTlsTrustedCertificates": str(folder / "pki/ca.crt"),
        "DicomTlsRemoteCertificateRequired": True,
        "DicomAlwaysAllowStore": False,
        "DicomModalities": {
            "agent": {**known, "AET": calling_ae_title, "Host": "127.0.0.1", "Port": box, "UseDicomTls": True}
        },
        "OverwriteInstances": False,
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    line = [program("Orthanc"), str(folder / "orthanc.json")]
    options: dict[str, Any] = {"cwd": folder, "env": {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(folder)}}
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*"), *([storage] if storage else [])):
            os.chown(path, 65534, 65534)
        for parent in folder.parents:
            if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):
                parent.chmod(parent.stat().st_mode | 0o011)
        options |= {"user": 65534, "group": 65534, "extra_groups": []}
    with running(line, folder.parent / "orthanc.log", dicom, **options):
        yield Orthanc(port=dicom, http=http, box=box)
