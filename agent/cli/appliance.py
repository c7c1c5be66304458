"""Commands of the appliance, for its own units: enrolment from a file, signed updates of the whole system.

They run as root outside the service, ask it over the control socket, and leave the writing of slots to RAUC.
"""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import threading
from pathlib import Path
from time import monotonic
from typing import Any

import click

from agent.cli.client import Client, NotRunning
from agent.cli.main import cli
from agent.enrolling import Owner, enrol, take_certificate
from agent.error import AgentError
from agent.updating import UpdateRefused, open_exams, reachable, refusal, still_missing

IMAGE = Path("/usr/lib/modality-agent-image")
STATE = Path("/data/private/before-update.json")
RAUC = "/usr/bin/rauc"
ACCOUNT = "modality-agent"
_PROVE_S, _EXAM_S = 600.0, 8 * 3600.0
_PAUSE_S = 2.0
_INSTALL_S = 1500
_PAUSE = threading.Event()


@cli.command("enrol")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def enrol_command(config: Path, file: Path) -> None:
    """Make this box one of a site's from its enrolment FILE, which is wiped."""
    told = enrol(file, config.parent, _owner(), _identity)
    click.echo("enrolled; the enrolment file was wiped")
    if told.wants_certificate:
        click.echo("a certificate request lies beside where it was: let the site sign it")


@cli.command("certificate")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def certificate_command(config: Path, file: Path) -> None:
    """Take the certificate that the site made for this box's request."""
    take_certificate(file, config.parent, _owner())
    click.echo("the site's certificate is in place")


def _owner() -> Owner:
    try:
        account = pwd.getpwnam(ACCOUNT)
    except KeyError:
        return Owner(uid=os.getuid(), gid=os.getgid())
    return Owner(uid=account.pw_uid, gid=account.pw_gid)


def _identity(folder: Path, name: str) -> tuple[Path, Path, Path]:
    from agent.pki import Names, make_waiting_identity

    host = name.lower().replace("_", "-").replace(" ", "-")
    request, made = make_waiting_identity(folder, "waiting", Names(common_name=name, dns=(host,)))
    return request, made.certificate, made.key


# --- updates ----------------------------------------------------------------------------------------------------------


@cli.group()
def update() -> None:
    """Update the whole system from a signed bundle."""


@update.command("install")
@click.argument("bundle", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--downgrade-to", default="", help="The older version that an administrator insists on.")
@click.option("--reboot/--no-reboot", default=True, help="Start the new system when no exam is open.")
@click.pass_obj
def install(config: Path, bundle: Path, downgrade_to: str, reboot: bool) -> None:  # noqa: FBT001 - click's way
    """Install BUNDLE into the other slot, and start it on trial."""
    offered, installed = _version_of(bundle), _installed()
    if offered == installed:
        click.echo(f"{offered} is installed already")
        return
    client = _client_if_enrolled(config)
    why = refusal(
        installed=installed,
        offered=offered,
        on_trial=_booted() != _proven(),
        open_exams=_open(client),
        downgrade_to=downgrade_to,
    )
    if why:
        raise UpdateRefused(why)
    _remember(client)
    line = [RAUC, "install", str(bundle)]
    done = subprocess.run(line, check=False, timeout=_INSTALL_S, capture_output=True)
    if done.returncode != 0:
        raise UpdateRefused(f"The bundle was refused: {_last_line(done.stderr + done.stdout)}")
    click.echo(f"{offered} is installed in the other slot")
    if reboot:
        _when(lambda: _open(client) == 0, _EXAM_S)
        _reboot()


@update.command("prove")
@click.pass_obj
def prove(config: Path) -> None:
    """Say that this system is good, once it has shown it; does nothing where it was proved before."""
    if _booted() == _proven():
        click.echo("this system proved itself before")
        return
    client = _client_if_enrolled(config)
    before = tuple(json.loads(STATE.read_text(encoding="utf-8"))["reachable"]) if STATE.exists() else ()
    if client is not None and not _when(lambda: _answers(client, before), _PROVE_S):
        raise UpdateRefused("The new system did not prove itself in time.")
    subprocess.run([RAUC, "status", "mark-good"], check=True, timeout=60)
    if _booted() != _proven():
        raise UpdateRefused("The boot loader did not take the new system over.")
    click.echo(f"{_installed()} proved itself")


@update.command("status")
def status() -> None:
    """Print the installed version and the slots as JSON."""
    print_ = {"version": _installed(), "booted": _booted(), "proven": _proven()}
    click.echo(json.dumps(print_))


def _version_of(bundle: Path) -> str:
    """Return the version of a bundle whose signature is good; raises `UpdateRefused`."""
    line = [RAUC, "info", "--output-format=json", str(bundle)]
    done = subprocess.run(line, check=False, timeout=300, capture_output=True)
    if done.returncode != 0:
        raise UpdateRefused(f"The bundle was refused: {_last_line(done.stderr)}")
    return str(json.loads(done.stdout)["version"])


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"


def _installed() -> str:
    return (IMAGE / "version").read_text(encoding="ascii").strip()


def _choice(word: str) -> str:
    done = subprocess.run([IMAGE / "boot-choice", word], check=True, timeout=60, capture_output=True, text=True)
    return done.stdout.strip()


def _booted() -> str:
    return _choice("get-current")


def _proven() -> str:
    return _choice("proven")


def _client_if_enrolled(config: Path) -> Client | None:
    from agent.config.load import load

    return Client(Path(load(config).box.data_dir) / "control.sock") if config.exists() else None


def _open(client: Client | None) -> int:
    """Return how many exams are open; a service that does not answer has none that it could finish."""
    try:
        return open_exams(client.get("/exams")) if client is not None else 0
    except NotRunning:
        return 0


def _remember(client: Client | None) -> None:
    """Keep what the old system reached, durably, for the new one to be measured by."""
    try:
        names = reachable(client.get("/status")) if client is not None else ()
    except NotRunning:
        names = ()
    STATE.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = STATE.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        json.dump({"reachable": names, "version": _installed()}, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(STATE)


def _answers(client: Client, before: tuple[str, ...]) -> bool:
    """Whether the service of this system runs with its database open and reaches what the old one reached."""
    try:
        client.get("/status")
        answers: dict[str, Any] = {name: client.post(f"/destinations/{name}/echo")["ok"] for name in before}
    except AgentError:
        return False
    return not still_missing(before, answers)


def _when(holds: Any, limit_s: float) -> bool:
    end = monotonic() + limit_s
    while not holds():
        if monotonic() > end:
            return False
        _PAUSE.wait(_PAUSE_S)
    return True


def _reboot() -> None:
    board = Path("/proc/device-tree/model")
    raspberry = board.exists() and board.read_bytes().startswith(b"Raspberry")
    argument = ["--reboot-argument=0 tryboot"] if raspberry else []
    subprocess.run(["/usr/bin/systemctl", "reboot", "--no-block", *argument], check=True, timeout=60)
