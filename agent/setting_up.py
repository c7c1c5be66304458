"""A box that belongs to nobody yet, on the network: its set-up page until one file made it a site's.

Part of the composition root, a process of its own (`modality-agent setup`, run by modality-agent-setup.service). It
stands at the page's door as the service would, so that the failure page steps aside, and ends itself when the box is
enrolled, from here or from a stick; then the service is started. The code is never printed into the journal: it stands
in a file of the service's user, from which the unit copies it to the box's own screen.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from agent.accounts.keeping import CODE_FILE, write_private
from agent.accounts.secrets import new_code
from agent.assembly_web import page_files
from agent.config.load import load
from agent.config.schema import Configuration
from agent.enrolling import MakeIdentity, Owner, Settled, settle
from agent.enrolment import CERTIFICATE, CONFIGURATION
from agent.enrolment_errors import AlreadyEnrolled
from agent.errors import AgentError
from agent.host import fingerprint, no_core_dumps, page_certificate
from agent.ops import handed, manager, serving
from agent.setup_code import SetupCode
from agent.web.server import PageAlone
from agent.web.setup_page import Finished, SetupPage

FOLDER, SCREEN = "setup", "screen"
"""Below the data folder: the code, the tries, the page's key, and what the box's own screen shows."""
LOOK_S = 1.0
LINGER_S = 5.0
"""The last page is loaded whole before the door is let go of."""
ENDED, SHOW_ANEW = 0, 4
"""`SHOW_ANEW`: the unit begins again, so that the new code, or the box's new address, is on the screen."""
_SOMEWHERE = ("192.0.2.1", 9)
"""An address of the documentation (RFC 5737): nothing is sent there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where things are on this box, and for whom the settings are."""

    config: Path
    data: Path
    address: str
    port: int
    owner: Owner
    make_identity: MakeIdentity


def setting_up(places: Places) -> int:
    """Serve the set-up page until the box is enrolled; return `ENDED` or `SHOW_ANEW`.

    Raises `AlreadyEnrolled`, `PortRefused`, `StorageError`.
    """
    if places.config.exists():
        raise AlreadyEnrolled
    no_core_dumps()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    return _Setup(places).run(stop)


class _Setup:
    def __init__(self, places: Places) -> None:
        self._places, self._folder = places, places.data / FOLDER
        self._code = SetupCode(self._folder, random=os.urandom, monotonic=monotonic)
        self._shown = self._code.code
        self._addresses, self._one = _addresses(), threading.Lock()
        self._done = threading.Event()

    def run(self, stop: threading.Event) -> int:
        certificate, key = page_certificate(self._folder, self._addresses)
        lock = serving.hold(serving.folder(os.environ))
        try:
            door = handed.listening(handed.PAGE, self._places.address, self._places.port)
            at = f"{self._addresses[-1]}:{door.getsockname()[1]}"
            page = PageAlone(self._page(fingerprint(certificate)).application(), door, certificate, key)
            page.start()
            text = screen_text(self._shown, at.removesuffix(":443"), fingerprint(certificate))
            write_private(self._folder / SCREEN, text.encode())
            manager.tell("READY=1")
            try:
                return self._wait(stop)
            finally:
                page.stop()
        finally:
            serving.let_go(lock)

    def _wait(self, stop: threading.Event) -> int:
        while not stop.is_set() and not self._done.wait(LOOK_S):
            if self._places.config.exists() and not self._one.locked():  # from a stick
                break
            if self._code.code != self._shown or _addresses() != self._addresses:
                return SHOW_ANEW
        if self._done.is_set():
            stop.wait(LINGER_S)
        if self._places.config.exists():
            self._code.use_up()
        return ENDED

    def _page(self, told: str) -> SetupPage:
        return SetupPage(
            self._code,
            self._settle,
            names=frozenset(name.lower() for name in (*self._addresses, "localhost")),
            fingerprint=told,
            random=os.urandom,
            monotonic=monotonic,
        )

    def _settle(self, data: bytes) -> Finished:
        """Make the box a site's; durable on return. Raises `AlreadyEnrolled`, `EnrolmentError`."""
        places, code, file = self._places, new_code(os.urandom), self._places.data / CODE_FILE
        with self._one:
            if places.config.exists():
                raise AlreadyEnrolled
            write_private(file, f"{code}\n".encode())
            try:
                settled = settle(data, places.config.parent, places.owner, places.make_identity)
            except AgentError:
                file.unlink()
                raise
            finished = _finished(places, settled, code)
            self._done.set()
        return finished


def _finished(places: Places, settled: Settled, code: str) -> Finished:
    made = load(places.config.parent / CONFIGURATION)
    dicom = places.config.parent / CERTIFICATE
    opened = made.web.port in settled.enrolment.ports()
    return Finished(
        box=made.box.name,
        ae_title=made.box.ae_title,
        certificate=fingerprint(str(dicom)) if dicom.exists() else "",
        request=settled.request.decode("ascii") if settled.request else "",
        listener_port=made.listener.port if made.listener else 0,
        page_port=made.web.port if opened else 0,
        page_fingerprint=_page_fingerprint(made, places) if opened else "",
        first_code=code,
    )


def _page_fingerprint(made: Configuration, places: Places) -> str:
    """Return what the page's certificate will be known by; empty: it is not made yet. The box is enrolled anyway."""
    try:
        return fingerprint(page_files(made.web, places.data)[0])
    except (AgentError, OSError, ValueError):
        return ""


def _addresses() -> tuple[str, ...]:
    """Return by which names this box can be called now: its host name, and its address if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_SOMEWHERE)
            return socket.gethostname(), str(probe.getsockname()[0])
        except OSError:
            return (socket.gethostname(),)


def screen_text(code: str, at: str, page: str) -> str:
    """Return what the box's own screen shows: plain ASCII, as every console can write it."""
    pairs = page.split(":")
    half = len(pairs) // 2
    return "\n".join(
        [
            "",
            "  modality-agent: this box is not set up yet.",
            "",
            f"    page         https://{at}/",
            f"    one-time code  {code}",
            f"    fingerprint  {':'.join(pairs[:half])}",
            f"    (SHA-256)    {':'.join(pairs[half:])}",
            "",
            "  Or plug in a stick with modality-agent-enrol.toml.",
            "",
            "",
        ]
    )
