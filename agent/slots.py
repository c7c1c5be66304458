"""The two systems of an appliance as its image keeps them: which one runs, which one starts next, which version.

The loader's words are written by one program of the image (`boot-choice`), slots by RAUC; both are asked with an
argument list and a bound.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from agent.updating import Offer, Schema, UpdateRefused

IMAGE = Path("/usr/lib/modality-agent-image")
RUN = Path("/run/modality-agent-image")
WORDS = RUN / "update-words"
"""Where the service reads what a person is to be told."""
_RAUC = "/usr/bin/rauc"
_CHOICE_S = 60.0
_INFO_S = 300.0
_INSTALL_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the loader knows."""

    booted: str
    proven: str
    trial: str

    @property
    def other(self) -> str:
        """The slot that does not run."""
        return "b" if self.booted == "a" else "a"


class Slots:
    """Asks and changes the two systems."""

    def words(self) -> Words:
        """Return what the loader knows; raises `UpdateRefused` where this is no appliance."""
        if not IMAGE.is_dir():
            raise UpdateRefused("This is no appliance: its system is updated by whoever looks after it.")
        told = self._choice("words").split(" ")
        return Words(booted=told[0], proven=told[1], trial=told[2])

    def version(self) -> str:
        """Return the version of the system that runs."""
        return (IMAGE / "version").read_text(encoding="ascii").strip()

    def prove(self, slot: str) -> None:
        """Make the running system the one that is started; durable on return."""
        self._choice("set-state", slot, "good")

    def offer(self, bundle: Path, *, downgrade_to: str, again: bool) -> Offer:
        """Return what a bundle brings, after its signature was found good; raises `UpdateRefused`."""
        done = subprocess.run(
            [_RAUC, "info", "--output-format=json", str(bundle)], check=False, timeout=_INFO_S, capture_output=True
        )
        if done.returncode != 0:
            raise UpdateRefused(f"The update was refused: {_last_line(done.stderr)}")
        try:
            told = json.loads(done.stdout)
            version, build = str(told["version"]), str(told["build"])
        except (ValueError, KeyError, TypeError) as e:
            raise UpdateRefused("The update does not say which version it is.") from e
        return Offer(
            version=version,
            schema=Schema.parsed(build),
            downgrade_to=downgrade_to,
            again=again,
        )

    def install(self, bundle: Path) -> None:
        """Write a bundle into the slot that does not run, and have it started once; raises `UpdateRefused`.

        On return both are durable. Killed or cut at any instant, the proven system starts.
        """
        done = subprocess.run([_RAUC, "install", str(bundle)], check=False, timeout=_INSTALL_S, capture_output=True)
        if done.returncode != 0:
            raise UpdateRefused(f"The update was refused: {_last_line(done.stderr + done.stdout)}")

    def restart(self) -> None:
        """Ask the system to start anew; returns before it does."""
        subprocess.run(["/usr/bin/systemctl", "reboot", "--no-block"], check=True, timeout=_CHOICE_S)

    @staticmethod
    def _choice(*words: str) -> str:
        line = [str(IMAGE / "boot-choice"), *words]
        done = subprocess.run(line, check=False, timeout=_CHOICE_S, capture_output=True, text=True)
        if done.returncode != 0:
            raise UpdateRefused(f"The boot loader cannot be asked: {_last_line(done.stderr.encode())}")
        return done.stdout.rstrip("\n")


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"
