"""The commands over a whole update: the loader's words by the image's own script; RAUC alone is a stand-in here, the
real one writes real slots in `make update-test`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent import slots
from agent.cli import main as _all_commands  # noqa: F401 - registers them
from agent.cli import update
from agent.cli.main import cli
from agent.update_record import RecordFile

CHOICE = Path(__file__).parents[3] / "image/files/usr/lib/modality-agent-image/boot-choice"
OLD, NEW = "0.1.0+1", "0.1.0+2"
RAUC = """#!/bin/sh
case $1 in
  info) cat "$3" ;;
  install)
    if grep -q torn "$2"; then echo 'slot is too small' >&2; exit 1; fi
    {choice} set-state b bad; {choice} set-primary b ;;
esac
"""


class Machine:
    """A box that is not enrolled, so that there is no service to ask."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.restarts = folder, 0

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(cli, ["--config", str(self.folder / "none.toml"), "update", *words])

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.run("status", "--json").output))

    def start(self) -> str:
        """What grub.cfg and the units of the image do."""
        env = self.folder / "boot/grub/grubenv"
        words = dict(line.split("=") for line in env.read_text().splitlines() if "=" in line)
        pick = words["trial"] or words["slot"]
        env.write_text(f"# GRUB Environment Block\nslot={words['slot']}\ntrial=\n".ljust(1024, "#"))
        (self.folder / "booted").write_text(f"{pick}\n")
        (self.folder / "version").write_text(NEW if pick == "b" else OLD)
        assert self.run("look").exit_code == 0
        return pick


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    (tmp_path / "boot/grub").mkdir(parents=True)
    (tmp_path / "boot/grub/grubenv").write_text("# GRUB Environment Block\nslot=a\ntrial=\n".ljust(1024, "#"))
    (tmp_path / "booted").write_text("a\n")
    (tmp_path / "version").write_text(OLD)
    choice, rauc = tmp_path / "boot-choice", tmp_path / "rauc"
    choice.write_text(f"#!/bin/sh\nBOOT_CHOICE_FOLDER={tmp_path} exec {CHOICE} \"$@\"\n")
    rauc.write_text(RAUC.replace("{choice}", str(choice)))
    for file in (choice, rauc):
        file.chmod(0o755)
    monkeypatch.setattr(slots, "IMAGE", tmp_path)
    monkeypatch.setattr(slots, "_RAUC", str(rauc))
    monkeypatch.setattr(update, "WORDS", tmp_path / "words")
    monkeypatch.setattr(update, "RECORD", RecordFile(tmp_path / "private/update.json"))
    made = Machine(tmp_path)
    monkeypatch.setattr(slots.Slots, "restart", lambda _self: setattr(made, "restarts", made.restarts + 1))
    return made


def bundle(machine: Machine, version: str, **more: str) -> str:
    schema = f"schema {update.OWN_SCHEMA.makes} readable from {update.OWN_SCHEMA.readable_from}"
    file = machine.folder / "x.raucb"
    file.write_text(json.dumps({"version": version, "build": schema, **more}))
    return str(file)


def test_installed_tried_proved(machine: Machine) -> None:
    said = machine.run(bundle(machine, NEW))
    assert (said.exit_code, machine.restarts) == (0, 1), said.output
    assert machine.status()["situation"] == "installed"
    assert machine.run(bundle(machine, "0.1.0+3")).exit_code == 1, "one update at a time"
    assert machine.start() == "b"
    assert machine.status()["situation"] == "on trial"
    assert machine.run("prove").exit_code == 0
    assert (machine.status()["situation"], machine.status()["proven"]) == ("settled", "b")
    assert machine.start() == "b"
    assert (machine.folder / "words").read_text() == ""
    assert machine.run("prove").exit_code == 0, "a proven system has nothing to prove"


def test_fallen_back_is_said_until_the_next_update(machine: Machine) -> None:
    machine.run(bundle(machine, NEW))
    assert (machine.start(), machine.start(), machine.start()) == ("b", "a", "a")
    told = machine.status()
    assert told["situation"] == "fallen back"
    assert NEW in told["words"]
    assert (machine.folder / "words").read_text() == told["words"]
    assert machine.run(bundle(machine, NEW)).exit_code == 1, "a stick that stays in must not try for ever"
    assert machine.run(bundle(machine, NEW), "--again").exit_code == 0
    assert machine.start() == "b"
    machine.run("prove")
    assert machine.start() == "b"
    assert (machine.folder / "words").read_text() == ""


def test_what_could_not_be_written_changes_nothing(machine: Machine) -> None:
    said = machine.run(bundle(machine, NEW, torn="yes"))
    assert said.exit_code == 1
    assert "slot is too small" in str(said.exception)
    assert (machine.status()["situation"], machine.restarts) == ("settled", 0)


@pytest.mark.parametrize("content", ["", "{}", '{"version": "9"}', '{"version": "9", "build": null}'])
def test_a_bundle_that_says_nothing_is_refused(machine: Machine, content: str) -> None:
    (machine.folder / "x.raucb").write_text(content)
    said = machine.run(str(machine.folder / "x.raucb"))
    assert isinstance(said.exception, slots.UpdateRefused), said.exception
    assert machine.status()["situation"] == "settled"


def test_an_older_or_the_same_version(machine: Machine) -> None:
    assert "older" in str(machine.run(bundle(machine, "0.1.0+0")).exception)
    assert machine.run(bundle(machine, "0.1.0+0"), "--downgrade-to", "0.1.0+0", "--no-restart").exit_code == 0
    machine.start()
    machine.start()
    same = machine.run(bundle(machine, OLD))
    assert (same.exit_code, "installed already" in same.output) == (0, True)
