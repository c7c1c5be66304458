"""An audit record repository as a hospital has it: rsyslog with GnuTLS, mutual TLS, one line per message."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.peers.process import program, running
from tests.pki import Pki

_CONFIGURATION = """
global(workDirectory="{folder}" maxMessageSize="256k" defaultNetstreamDriver="gtls"
       defaultNetstreamDriverCAFile="{ca}" defaultNetstreamDriverCertFile="{certificate}"
       defaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name"
       PermittedPeer=["{peer}"])
template(name="line" type="string" string="%pri% %app-name% %msgid% %structured-data% %msg%\\n")
ruleset(name="audit") {{ action(type="omfile" file="{received}" template="line" fileCreateMode="0600") }}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="audit")
"""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A configured repository; `run` starts it as often as wanted, what it received stays."""

    folder: Path
    port: int
    pki: Pki
    rogue: bool = False
    """It shows a certificate of an authority that the box does not know."""
    peer: str = "localhost"
    """The name that it wants to see in the certificate of the box."""

    @property
    def received(self) -> Path:
        return self.folder / "received.log"

    def messages(self) -> list[str]:
        """The XML of every message, in the order in which they came."""
        lines = self.received.read_text(encoding="utf-8").splitlines() if self.received.exists() else []
        return [line[line.index("<AuditMessage") :] for line in lines if "<AuditMessage" in line]

    @contextmanager
    def run(self) -> Iterator[subprocess.Popen[bytes]]:
        """Receive until the end of the block."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "rsyslog.conf"
        shown = (self.pki.rogue_cert, self.pki.rogue_key) if self.rogue else (self.pki.pacs_cert, self.pki.pacs_key)
        file.write_text(
            _CONFIGURATION.format(
                folder=self.folder, ca=self.pki.ca, certificate=shown[0], key=shown[1], received=self.received,
                port=self.port, peer=self.peer,
            )
        )  # fmt: skip
        line = [program("rsyslogd"), "-n", "-C", "-f", str(file), "-i", str(self.folder / "rsyslog.pid")]
        with running(line, self.folder / "rsyslog.log", self.port) as process:
            yield process
