"""The conformance statement and the list of ports: what they say is what the build does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt

from agent.config.load import load
from agent.conformance import EXAMPLE, statement
from agent.dimse.requestor import association
from agent.dimse.upper.association import request
from agent.dimse.upper.dimse import VERIFICATION
from agent.node import PeerAddress
from agent.objects.family import FAMILIES
from agent.objects.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from agent.ports import IN, OUT, ports

ROOT = Path(__file__).parents[3]
HEADINGS = (
    "Overview", "Networking", "Implementation model", "AE specification", "Association policies",
    "Association initiation", "SOP specific conformance", "Association acceptance", "Network interfaces",
    "Configuration", "Media interchange", "Character sets", "Security", "Annexes",
)  # fmt: skip
"""PS3.2 Annex A, in its order."""
EVERYTHING = """
[box]
name = "B"
ae_title = "B"
data_dir = "d"
[tls]
ca_file = "ca"
certificate_file = "c"
key_file = "k"
[web]
port = 443
redirect_port = 80
listen = "0.0.0.0"
[audit]
host = "audit.example"
[alerts.webhook]
host = "hook.example"
[alerts.mail]
host = "mail.example"
sender = "b@example"
to = ["it@example"]
[worklist]
host = "ris.example"
called_ae_title = "RIS"
[procedure_step]
host = "mpps.example"
called_ae_title = "RIS"
port = 11112
[listener]
port = 2762
[[source]]
name = "screen"
driver = "rfb"
object = { modality = "OT" }
options = { host = "192.0.2.5" }
[[destination]]
name = "pacs"
host = "pacs.example"
called_ae_title = "PACS"
commitment = true
"""


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(EVERYTHING)
    return tmp_path / "config.toml"


def test_the_page_is_what_the_build_says() -> None:
    written = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    assert written == statement(load(ROOT / EXAMPLE)), "run: python -m agent.conformance docs/conformance.md"


def test_it_has_the_order_of_the_standard() -> None:
    told = re.findall(r"^#{2,4} (?:[0-9.]+ )?(.+)$", statement(load(ROOT / EXAMPLE)), re.MULTILINE)
    assert [heading.split(":")[0] for heading in told] == list(HEADINGS)


def test_it_claims_every_class_that_is_built_and_no_other() -> None:
    page = statement(load(ROOT / EXAMPLE))
    claimed = set(re.findall(r"^\| Storage: [a-z-]+ \| `([0-9.]+)` \| SCU \|$", page, re.MULTILINE))
    assert claimed == {family.sop_class_uid for family in FAMILIES.values()}


def test_every_standard_uid_is_one_of_the_dictionary() -> None:
    found = set(re.findall(r"`(1\.2\.840\.10008\.[0-9.]+)`", statement(load(ROOT / EXAMPLE))))
    assert len(found) > 20
    assert [uid for uid in found if UID(uid).name == uid] == []


def test_the_configuration_of_the_box_is_in_it(everything: Path) -> None:
    page = statement(load(everything))
    assert "| send: pacs | PACS, TLS, Storage Commitment |" in page
    assert "calling AE titles: PACS" in page
    assert "(here: none)" in page
    assert "(here: old-archive)" in statement(load(ROOT / EXAMPLE))


def test_every_port_is_listed(everything: Path) -> None:
    told = {(p.direction, p.transport, p.port, p.peer) for p in ports(load(everything))}
    assert told == {
        (IN, "TCP", 443, "0.0.0.0"),
        (IN, "TCP", 80, "0.0.0.0"),
        (IN, "TCP", 2762, load(everything).listener.address),  # type: ignore[union-attr]
        (OUT, "TCP", 2762, "ris.example"),
        (OUT, "TCP", 11112, "mpps.example"),
        (OUT, "TCP", 2762, "pacs.example"),
        (OUT, "TCP", 6514, "audit.example"),
        (OUT, "TCP", 443, "hook.example"),
        (OUT, "TCP", 587, "mail.example"),
        (OUT, "TCP", 5900, "192.0.2.5"),
        (OUT, "UDP, TCP", 53, "the site's own"),
        (OUT, "UDP", 123, "the site's own"),
    }


def test_the_commands_print_them(everything: Path) -> None:
    def run(*words: str) -> str:
        line = [sys.executable, "-P", "-m", "agent.cli", "--config", str(everything), *words]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=True).stdout

    assert run("conformance") == statement(load(everything))
    assert "| in | TCP | 2762 | DICOM over TLS |" in run("ports")
    assert '"port": 6514' in run("ports", "--json")


@pytest.mark.parametrize("way", ["upper layer", "library"])
def test_every_association_is_of_the_implementation_that_is_claimed(way: str) -> None:
    """Asked of a peer that shares no code with the upper layer: what did the requestor say it is?"""
    said: list[tuple[str, str]] = []

    def heard(event: evt.Event) -> None:
        requestor = event.assoc.requestor
        said.append((str(requestor.implementation_class_uid), str(requestor.implementation_version_name)))

    entity = AE()
    entity.add_supported_context(VERIFICATION, [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_REQUESTED, heard)])
    try:
        port = server.socket.getsockname()[1]
        peer = PeerAddress(
            name="p", host="127.0.0.1", port=port, called_ae_title="P", calling_ae_title="B", tls=None
        )
        if way == "library":
            with association(peer, VERIFICATION):
                pass
        else:
            with request(peer, [(VERIFICATION, str(ImplicitVRLittleEndian))]):
                pass
    finally:
        server.shutdown()
    assert set(said) == {(IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME)}
    page = statement(load(ROOT / EXAMPLE))
    assert all(f"`{word}`" in page for word in said[0])
