"""DCMTK's own servers: a worklist (behind stunnel, it speaks no TLS) and a storage provider over mutual TLS."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.process import free_port, program, running
from tests.pki import Pki

ITEM = """(0008,0005) CS [{charset}]
(0008,0050) SH [{accession}]
(0008,0090) PN [Коваль^Олена]
(0010,0010) PN [{name}]
(0010,0020) LO [{patient_id}]
(0010,0030) DA [19640309]
(0010,0040) CS [F]
(0020,000d) UI [{study}]
(0032,1060) LO [Езофагогастродуоденоскопія]
(0040,0100) SQ
(fffe,e000) na
(0008,0060) CS [US]
(0040,0001) AE [{station}]
(0040,0002) DA [{date}]
(0040,0003) TM [100000]
(0040,0007) LO [ФГДС діагностична]
(0040,0009) SH [SPS-{patient_id}]
(fffe,e00d) na
(fffe,e0dd) na
(0040,1001) SH [RP-{patient_id}]
"""


@contextmanager
def worklist(folder: Path, pki: Pki, items: list[dict[str, str]], *flags: str) -> Iterator[int]:
    """Serve `items` by `wlmscpfs` behind stunnel with mutual TLS; yields the TLS port. Called AE title: WLSCP."""
    base = folder / "wl" / "WLSCP"
    base.mkdir(parents=True)
    (base / "lockfile").touch()
    for number, item in enumerate(items):
        dump = folder / f"{number}.dump"
        encoding = item.pop("encoding", "utf-8")
        dump.write_bytes(ITEM.format(**{"charset": "ISO_IR 192", **item}).encode(encoding))
        subprocess.run([program("dump2dcm"), "-q", str(dump), str(base / f"{number}.wl")], check=True, timeout=20)
    plain, tls = free_port(), free_port()
    line = [program("wlmscpfs"), *(flags or ("-csk",)), "-dfr", "-dfp", str(folder / "wl"), str(plain)]
    pem = folder / "server.pem"
    pem.write_bytes(pki.pacs_cert.read_bytes() + pki.pacs_key.read_bytes())
    pem.chmod(0o600)
    tunnel = folder / "stunnel.conf"
    tunnel.write_text(
        f"foreground = yes\npid =\nsyslog = no\n[wl]\naccept = 127.0.0.1:{tls}\nconnect = 127.0.0.1:{plain}\n"
        f"cert = {pem}\nCAfile = {pki.ca}\nverifyChain = yes\nrequireCert = yes\nsslVersionMin = TLSv1.2\n"
        "TIMEOUTclose = 0\n"
    )
    with (
        running(line, folder / "wlmscpfs.log", plain),
        running([program("stunnel4"), str(tunnel)], folder / "stunnel.log", tls),
    ):
        yield tls


@contextmanager
def storescp(folder: Path, pki: Pki, *flags: str) -> Iterator[int]:
    """Run `storescp +tls` with mutual TLS; received files are in `folder`/received. Yields its port."""
    received = folder / "received"
    received.mkdir(parents=True)
    port = free_port()
    tls = ["+tls", str(pki.pacs_key), str(pki.pacs_cert), "+cf", str(pki.ca), "-rc"]
    line = [program("storescp"), "-q", *tls, "-aet", "STORESCP", "-od", str(received), "-uf", *flags, str(port)]
    with running(line, folder / "storescp.log", port):
        yield port
