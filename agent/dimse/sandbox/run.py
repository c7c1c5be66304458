"""Start and stop of the sandbox: certificates, RIS, archive, and one file that says where they are."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydicom import uid
from pynetdicom import evt
from pynetdicom.presentation import PresentationContext, build_context

from agent import pki
from agent.dimse.sandbox.commitment import Committing
from agent.dimse.sandbox.faults import FaultFile
from agent.dimse.sandbox.pacs import Pacs
from agent.dimse.sandbox.ris import STATION_AE_TITLE, Ris
from agent.dimse.sandbox.server import client_context, serving, tls_context
from agent.dimse.sandbox.steps import Steps

RIS_AE_TITLE, PACS_AE_TITLE = "RIS", "PACS"
DESCRIPTION, FAULTS, STEPS = "sandbox.json", "faults.json", "steps"
_VERIFICATION, _WORKLIST = "1.2.840.10008.1.1", "1.2.840.10008.5.1.4.31"
_COMMITMENT, _PROCEDURE_STEP = "1.2.840.10008.1.20.1", "1.2.840.10008.3.1.2.3.3"
_UNCOMPRESSED = (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian)
_COMPRESSED = (
    uid.JPEGBaseline8Bit,
    uid.JPEGLosslessSV1,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
    uid.JPEG2000,
    uid.RLELossless,
    uid.MPEG4HP41,
    uid.MPEG4HP42STEREO,
)
_STORED = (
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
    uid.VLEndoscopicImageStorage,
    uid.VLMicroscopicImageStorage,
    uid.VLPhotographicImageStorage,
    uid.VideoEndoscopicImageStorage,
    uid.VideoMicroscopicImageStorage,
    uid.VideoPhotographicImageStorage,
    uid.UltrasoundImageStorage,
    uid.UltrasoundMultiFrameImageStorage,
    uid.EncapsulatedPDFStorage,
    uid.KeyObjectSelectionDocumentStorage,
)


def run_sandbox(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    ris_port: int = 0,
    pacs_port: int = 0,
    clock: Callable[[], datetime],
    stop_event: threading.Event,
    on_ready: Callable[[dict[str, Any]], None] = lambda _: None,
) -> None:
    """Serve RIS and archive until `stop_event` is set; port 0 lets the system choose.

    Makes new certificates, writes `<folder>/sandbox.json` and then calls `on_ready` with its content.
    Received objects are in `<folder>/received`, faults are read from `<folder>/faults.json`, the worklist from
    `<folder>/worklist.toml` where there is one. Raises `OSError` when a port is taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    certificates = _certificates(folder / "pki", host, clock())
    faults = FaultFile(folder / FAULTS)
    tls = tls_context(str(certificates["ca"].certificate), certificates["server"])
    ris, pacs = Ris(folder, clock, faults, stop_event), Pacs(folder / "received", clock, faults, stop_event)
    with contextlib.ExitStack() as stack:
        listener_port = _free_port(host)
        committing = Committing(
            PACS_AE_TITLE,
            pacs.holds,
            pacs.forget,
            faults,
            calling_ae_title=STATION_AE_TITLE,
            port=listener_port,
            tls=client_context(str(certificates["ca"].certificate), certificates["server"]),
        )
        steps = Steps(folder / STEPS, faults)
        orders = [(evt.EVT_C_FIND, ris.find), (evt.EVT_N_CREATE, steps.create), (evt.EVT_N_SET, steps.set)]
        archive = [(evt.EVT_C_STORE, pacs.store), (evt.EVT_N_ACTION, committing.take)]
        offers = (
            (ris_port, RIS_AE_TITLE, _ris_contexts(), orders),
            (pacs_port, PACS_AE_TITLE, _pacs_contexts(), archive),
        )
        ports = [
            stack.enter_context(
                serving(
                    address=(host, port),
                    ae_title=title,
                    contexts=contexts,
                    context=tls,
                    handlers=handlers,
                    faults=faults,
                )
            )
            for port, title, contexts, handlers in offers
        ]
        description = {**_describe(folder, host, ports, certificates), "listener_port": listener_port}
        pki.write_private(folder / DESCRIPTION, json.dumps(description, indent=2).encode())
        on_ready(description)
        stop_event.wait()


def _free_port(host: str) -> int:
    """Return a port for the box's listener: the archive must know it before the box runs."""
    with socket.create_server((host, 0)) as server:
        return int(server.getsockname()[1])


def _certificates(folder: Path, host: str, now: datetime) -> dict[str, pki.Identity]:
    folder.mkdir(exist_ok=True, mode=0o700)
    validity = pki.Validity(not_before=now - timedelta(days=1), not_after=now + timedelta(days=365))
    local = pki.Names(common_name="localhost", dns=("localhost",), ip=tuple({"127.0.0.1", host}))
    ca = pki.make_authority(folder, "ca", "modality-agent sandbox", validity)
    return {
        "ca": ca,
        "server": pki.issue(folder, "server", local, validity, ca),
        "agent": pki.issue(folder, "agent", local, validity, ca),
    }


def _ris_contexts() -> list[PresentationContext]:
    return [build_context(c, list(_UNCOMPRESSED)) for c in (_VERIFICATION, _WORKLIST, _PROCEDURE_STEP)]


def _pacs_contexts() -> list[PresentationContext]:
    storage = [build_context(c, [*_UNCOMPRESSED, *_COMPRESSED]) for c in _STORED]
    others = [build_context(c, list(_UNCOMPRESSED)) for c in (_VERIFICATION, _COMMITMENT)]
    return [*others, *storage]


def _describe(folder: Path, host: str, ports: list[int], made: dict[str, pki.Identity]) -> dict[str, Any]:
    return {
        "ca": str(made["ca"].certificate),
        "agent_certificate": str(made["agent"].certificate),
        "agent_key": str(made["agent"].key),
        "agent_ae_title": STATION_AE_TITLE,
        "ris": {"host": host, "port": ports[0], "called_ae_title": RIS_AE_TITLE},
        "pacs": {"host": host, "port": ports[1], "called_ae_title": PACS_AE_TITLE},
        "received": str(folder / "received"),
        "steps": str(folder / STEPS),
    }
