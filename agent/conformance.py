"""The DICOM conformance statement of a build and its configuration, in the order of PS3.2 Annex A.

Made from the tables with which the box works: what is not in a table is not claimed. `python -m agent.conformance
docs/conformance.md` writes the page of the documentation from the shipped example; `modality-agent conformance` prints
that of a box.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from agent import __version__, commitment_statuses, statuses, step_statuses, transfer_syntaxes
from agent.config.peer import PeerConfig
from agent.config.schema import Configuration
from agent.dimse.charset import CODECS
from agent.dimse.listener import MOST_ASSOCIATIONS
from agent.dimse.query_keys import REQUIRED_KEYS, return_keys
from agent.dimse.tls import TLS12_CIPHERS
from agent.dimse.upper.associate import MAXIMUM_CONTEXTS
from agent.objects.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from agent.objects.pixel import H264_HIGH, H264_HIGH_42
from agent.ports import as_markdown, ports
from agent.sop_classes import KEY_OBJECT, SOP_CLASSES

EXAMPLE = Path("config/modality-agent.example.toml")
_SYNTAXES: Mapping[str, str] = {
    transfer_syntaxes.IMPLICIT_VR_LITTLE_ENDIAN: "Implicit VR Little Endian",
    transfer_syntaxes.EXPLICIT_VR_LITTLE_ENDIAN: "Explicit VR Little Endian",
    transfer_syntaxes.JPEG_BASELINE: "JPEG Baseline",
    transfer_syntaxes.RLE_LOSSLESS: "RLE Lossless",
    transfer_syntaxes.JPEG_LS_LOSSLESS: "JPEG-LS Lossless",
    transfer_syntaxes.JPEG_2000_LOSSLESS: "JPEG 2000 Lossless",
    transfer_syntaxes.HTJ2K_LOSSLESS: "HTJ2K Lossless",
    H264_HIGH: "MPEG-4 AVC/H.264 High Profile / Level 4.1",
    H264_HIGH_42: "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video",
}
_SERVICES = (
    ("Verification", "1.2.840.10008.1.1", "SCU; SCP where a listener is configured"),
    ("Modality Worklist Information Model - FIND", "1.2.840.10008.5.1.4.31", "SCU"),
    ("Modality Performed Procedure Step", "1.2.840.10008.3.1.2.3.3", "SCU"),
    ("Storage Commitment Push Model", "1.2.840.10008.1.20.1", "SCU (N-ACTION), receiver of N-EVENT-REPORT"),
)


def statement(c: Configuration) -> str:
    """Return the statement of this build with the configuration `c`, as Markdown."""
    return "\n".join([*_overview(), *_model(c), *_entity(c), *_interfaces(c), *_rest(c)]) + "\n"


def _overview() -> Iterator[str]:
    yield f"# DICOM conformance statement\n\nmodality-agent {__version__}, made from the running build and its"
    yield "configuration by `modality-agent conformance`; do not edit.\n\n## 1 Overview\n"
    yield "The box captures pictures of devices that speak no DICOM, takes the patient from a worklist, makes DICOM"
    yield "objects and sends them. It stores nothing for others and answers no query.\n"
    yield "| SOP Class | UID | role |\n|---|---|---|"
    for name, uid in (*SOP_CLASSES.items(), ("key-object-selection", KEY_OBJECT)):
        yield f"| Storage: {name} | `{uid}` | SCU |"
    for name, uid, role in _SERVICES:
        yield f"| {name} | `{uid}` | {role} |"
    yield "\nMedia interchange: none.\n"


def _model(c: Configuration) -> Iterator[str]:
    yield "## 2 Networking\n\n### 2.1 Implementation model\n"
    yield "One application entity. Real-world activities: *refresh the worklist* (C-FIND at times, at a scan and when"
    yield "a person searches), *begin and end an exam* (MPPS N-CREATE and N-SET), *send* (C-STORE when an exam is"
    yield "released), *ask for commitment* (N-ACTION after the last object; its report by N-EVENT-REPORT), *test a"
    yield "connection* (C-ECHO, by a person, or while a destination is down).\n"
    step, listener = c.procedure_step, c.listener
    yield "| activity | configured here |\n|---|---|"
    yield f"| worklist | {_peer(c.worklist)} |\n| procedure steps | {_peer(step)} |"
    for d in c.destination:
        yield f"| send: {d.name} | {_peer(d)}{', Storage Commitment' if d.commitment else ''} |"
    where = f"port {listener.port}" if listener else "over the association of the request"
    yield f"| reports of commitment | {where} |"


def _peer(peer: PeerConfig | None) -> str:
    if peer is None:
        return "not configured"
    return f"{peer.called_ae_title}, {'TLS' if peer.tls else 'without TLS'}"


def _entity(c: Configuration) -> Iterator[str]:
    yield f"\n### 2.2 AE specification: {c.box.ae_title}\n\n#### 2.2.1 Association policies\n"
    yield "| | |\n|---|---|\n| application context | `1.2.840.10008.3.1.1.1` |"
    yield f"| Implementation Class UID | `{IMPLEMENTATION_CLASS_UID}` |"
    yield f"| Implementation Version Name | `{IMPLEMENTATION_VERSION_NAME}` |"
    sizes = ", ".join(sorted({str(d.maximum_pdu_size) for d in c.destination})) or "65536"
    yield f"| maximum PDU size received | {sizes} |\n| asynchronous operations | none: one outstanding operation |"
    yield "| associations at the same time, as requestor | one for each peer, and one more for tests and searches |"
    yield f"| associations at the same time, as acceptor | {MOST_ASSOCIATIONS if c.listener else 0} |"
    yield f"| presentation contexts of one association | at most {MAXIMUM_CONTEXTS} |"
    yield "\n#### 2.2.2 Association initiation: proposed presentation contexts\n"
    yield "| service | transfer syntaxes | role |\n|---|---|---|"
    native = f"{_SYNTAXES[transfer_syntaxes.EXPLICIT_VR_LITTLE_ENDIAN]}, " + (
        f"{_SYNTAXES[transfer_syntaxes.IMPLICIT_VR_LITTLE_ENDIAN]}"
    )
    for name, _uid, _role in _SERVICES:
        yield f"| {name} | {native} | SCU |"
    yield "| Storage, for each object | the syntax in which it is stored, and its alternatives below | SCU |\n"
    yield "| stored as | sent instead where that is refused |\n|---|---|"
    for uid, name in _SYNTAXES.items():
        others = ", ".join(_SYNTAXES[other] for other in transfer_syntaxes.fallbacks(uid)) or "nothing"
        yield f"| {name} `{uid}` | {others} |"
    yield "\nOnly lossless changes are made, under the same SOP Instance UID; JPEG Baseline is decoded where it has to"
    yield "be. A destination may prefer: " + ", ".join(transfer_syntaxes.BY_NAME) + "."
    yield from _specifics(c)


def _specifics(c: Configuration) -> Iterator[str]:
    yield "\n#### 2.2.3 SOP specific conformance\n"
    yield "**Storage.** Every status and failure, and what becomes of the object: "
    yield "[retry-contract.md](retry-contract.md)"
    yield f"({len(statuses.C_STORE)} rows for C-STORE, {len(step_statuses.N_CREATE)} for N-CREATE,"
    yield f"{len(step_statuses.N_SET)} for N-SET, {len(commitment_statuses.N_ACTION)} for N-ACTION). An object is"
    yield "*sent* by a success or warning status only. The same object is sent again under the same UID after an end"
    yield "that is not known.\n"
    keys = return_keys(tuple(c.worklist.trim_keys) if c.worklist else ())
    yield f"**Modality Worklist.** {len(keys)} return keys; required ones in the table; after a refusal only these are"
    yield "asked for.\n\n| key | required |\n|---|---|"
    for key in keys:
        yield f"| {key.replace('/', ' > ')} | {'yes' if key in REQUIRED_KEYS else ''} |"
    yield "\nMatching keys: Scheduled Procedure Step Start Date (range), Modality, Scheduled Station AE Title,"
    yield "Patient ID, Patient's Name, Accession Number.\n"
    yield "**Modality Performed Procedure Step.** N-CREATE at the first picture with IN PROGRESS, one N-SET at the end"
    yield "with COMPLETED or DISCONTINUED; one step for each exam.\n"
    yield "**Storage Commitment.** One request for the objects of an exam and destination; an object is *confirmed*"
    yield "by a report alone. A report is answered after it is durable.\n"
    yield "#### 2.2.4 Association acceptance\n"
    if c.listener is None:
        yield "Nothing is accepted: no listener is configured.\n"
    else:
        titles = ", ".join(sorted({d.called_ae_title for d in c.destination}))
        yield f"Verification and Storage Commitment Push Model, {native_names()}; calling AE titles: {titles};"
        yield "the called AE title must be the box's own, and over TLS the peer's certificate of the configured CA.\n"


def native_names() -> str:
    """Return the names of the uncompressed transfer syntaxes."""
    return ", ".join(_SYNTAXES[uid] for uid in transfer_syntaxes.NATIVE)


def _interfaces(c: Configuration) -> Iterator[str]:
    yield "### 2.3 Network interfaces\n\nTCP over IPv4 and IPv6. Port 2761 (ISCL) is refused by the configuration.\n"
    yield as_markdown(ports(c))
    yield "### 2.4 Configuration\n\nAE titles, addresses, ports and timeouts: [configuration.md](configuration.md).\n"


def _rest(c: Configuration) -> Iterator[str]:
    yield "## 3 Media interchange\n\nNone.\n\n## 4 Character sets\n"
    yield "Objects and procedure steps are written in ISO_IR 192 (UTF-8). A query is written in the character set that"
    yield "`worklist` is configured for; what it cannot express is not sent. Answers are read in:\n"
    yield ", ".join(f"`{term or 'default repertoire'}`" for term in CODECS) + ".\n"
    yield "## 5 Security\n"
    yield f"Basic TLS with BCP 195: TLS 1.2 and 1.3, `{TLS12_CIPHERS}`; both sides show certificates, compared with the"
    yield "name that was dialled, a given name, or a pinned digest. Plain DICOM needs `allow_plaintext` for each peer"
    plain = [d.name for d in c.destination if not d.tls]
    yield f"(here: {', '.join(plain) or 'none'}). Audit trail: PS3.15 A.5 messages, RFC 5424 over TLS (RFC 5425).\n"
    yield "## 6 Annexes\n\nUIDs are made from random UUIDs (2.25, PS3.5 B.2). No private attributes and no private SOP"
    yield "Classes or transfer syntaxes are used. Values from the worklist are copied as they came; a value is never"
    yield "invented."


def main(target: str) -> None:
    """Write the page of the documentation."""
    from agent.config.load import load

    Path(target).write_text(statement(load(EXAMPLE)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
