"""Enrolment's files: written whole or not at all, the configuration last; then the enrolment file is wiped.

A private key that the site sent is overwritten where it lay before it is removed. Without one the box makes its key
here, where it stays, and leaves a certificate request beside the enrolment file for the site to sign.
"""

from __future__ import annotations

import os
import shutil
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from agent.config.check import check
from agent.enrolment import CERTIFICATE, CONFIGURATION, KEY, PRIVATE, Enrolment, files, parse
from agent.enrolment_errors import AlreadyEnrolled, EnrolmentError
from agent.spool import fsync_folder

REQUEST = "modality-agent-request.csr"
REFUSED = "modality-agent-enrol.txt"
_STAGE = ".enrolling"

MakeIdentity = Callable[[Path, str], tuple[Path, Path, Path]]
"""Makes an identity for a name in a folder; returns its certificate request, a placeholder certificate and the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What made this box one of the site's, and the request for a certificate (PEM), if one is needed."""

    enrolment: Enrolment
    request: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who has to be able to read the settings: the account of the service."""

    uid: int
    gid: int

    def own(self, *paths: Path) -> None:
        """Hand over what root made; anybody else makes only what is their own."""
        if os.geteuid() == 0:
            for path in paths:
                os.chown(path, self.uid, self.gid)


def enrol(source: Path, folder: Path, owner: Owner, make_identity: MakeIdentity) -> Enrolment:
    """Make this box one of the site's; return what the file said.

    On return the settings are on the disk below `folder` and the file is overwritten and gone. Raises
    `AlreadyEnrolled`, or `EnrolmentError` with a note for the person beside the file; then nothing changed.
    """
    try:
        settled = settle(source.read_bytes(), folder, owner, make_identity)
    except EnrolmentError as e:
        _note(source.with_name(REFUSED), str(e))
        raise
    if settled.request is not None:
        _note(source.with_name(REQUEST), settled.request.decode("ascii"))
    wipe(source)
    return settled.enrolment


def settle(data: bytes, folder: Path, owner: Owner, make_identity: MakeIdentity) -> Settled:
    """Make this box one of the site's by the text of an enrolment file, from wherever it came.

    On return the settings are on the disk below `folder`. Raises `AlreadyEnrolled`, or `EnrolmentError` with everything
    that is wrong; then nothing changed. A cut in between leaves the box enrolled or not.
    """
    if (folder / CONFIGURATION).exists():
        raise AlreadyEnrolled
    stage = folder / _STAGE
    shutil.rmtree(stage, ignore_errors=True)
    try:
        enrolment = parse(data)
        request = _stage(enrolment, stage, owner, make_identity)
        _assert_usable(stage / CONFIGURATION)
    except EnrolmentError:
        shutil.rmtree(stage, ignore_errors=True)
        raise
    _publish(stage, folder)
    return Settled(enrolment=enrolment, request=request)


def _assert_usable(configuration: Path) -> None:
    problems = [str(replace(problem, file="[configuration]")) for problem in check(configuration)]
    if problems:
        raise EnrolmentError(*problems)


def _stage(enrolment: Enrolment, stage: Path, owner: Owner, make_identity: MakeIdentity) -> bytes | None:
    """Write every file below `stage`; return the certificate request, if one is needed."""
    stage.mkdir(mode=0o755)
    for name, text in files(enrolment).items():
        path = stage / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        _write(path, text.encode(), 0o600 if name in PRIVATE else 0o644, owner)
    profiles = stage.parent / "profiles"
    if profiles.is_dir():
        (stage / "profiles").symlink_to(profiles)
    if not enrolment.wants_certificate:
        return None
    name = str(enrolment.configuration.get("box", {}).get("ae_title", "modality-agent"))
    request, certificate, key = make_identity(stage / "tls", name)
    told = request.read_bytes()
    for made, place, mode in ((certificate, CERTIFICATE, 0o644), (key, KEY, 0o600)):
        _write(stage / place, made.read_bytes(), mode, owner)
        made.unlink()
    request.unlink()
    return told


def _write(path: Path, data: bytes, mode: int, owner: Owner) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(fd, "wb") as file:
        os.fchmod(fd, mode)
        if os.geteuid() == 0:
            os.fchown(fd, owner.uid, owner.gid)
        file.write(data)
        file.flush()
        os.fsync(fd)


def _publish(stage: Path, folder: Path) -> None:
    """Move the files to their places; the configuration comes last and makes the box enrolled."""
    (stage / "profiles").unlink(missing_ok=True)
    for path in sorted(p for p in stage.rglob("*") if p.is_file() and p.name != CONFIGURATION):
        target = folder / path.relative_to(stage)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        path.replace(target)
        fsync_folder(target.parent)
    fsync_folder(folder)
    (stage / CONFIGURATION).replace(folder / CONFIGURATION)
    fsync_folder(folder)
    shutil.rmtree(stage, ignore_errors=True)


def _note(path: Path, text: str) -> None:
    """Leave a note on the medium, for whoever takes it out; a full or failing medium is no reason to stop."""
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write(text if text.endswith("\n") else f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return


def wipe(path: Path) -> None:
    """Overwrite a file with zeros where it lies, wait for the disk, and remove it."""
    size = path.stat().st_size
    fd = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(fd, bytes(size), 0)
        os.fsync(fd)
    finally:
        os.close(fd)
    path.unlink()
    fsync_folder(path.parent)


def take_certificate(source: Path, folder: Path, owner: Owner) -> None:
    """Put the site's certificate in the placeholder's place; it has to belong to the key that was made here.

    Raises `EnrolmentError`; then nothing changed.
    """
    data = source.read_bytes()
    stage = folder / "tls" / f".{Path(CERTIFICATE).name}.new"
    _write(stage, data, 0o644, owner)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(stage, folder / KEY, password="")
        trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusted.load_verify_locations(stage)
    except (ssl.SSLError, OSError) as e:
        stage.unlink(missing_ok=True)
        refused = EnrolmentError("The certificate does not belong to the key of this box, or is no PEM certificate.")
        _note(source.with_name(REFUSED), str(refused))
        raise refused from e
    stage.replace(folder / CERTIFICATE)
    fsync_folder(folder / "tls")
    source.unlink()
