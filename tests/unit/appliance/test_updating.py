"""Updates as rules: what holds, what is refused, and what a power cut between any two steps leaves."""

from __future__ import annotations

import itertools
import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agent.update_record import Record, RecordFile, words_at, written
from agent.updating import (
    STEPS,
    Facts,
    Ground,
    Offer,
    Schema,
    Situation,
    Stage,
    UpdateRefused,
    assert_allowed,
    judged,
    missing,
    not_shown,
    open_exams,
    ordered,
    situation,
    told,
)

CHOICE = Path(__file__).parents[3] / "image/files/usr/lib/modality-agent-image/boot-choice"
OLD, NEW = "0.1.0+20261101000000", "0.1.0+20261125000000"
SCHEMA = Schema(makes=9, readable_from=9)
GROUND = Ground(version=OLD, schema=SCHEMA, database=SCHEMA, now=Situation.SETTLED)
OFFER = Offer(version=NEW, schema=SCHEMA)


# --- the table --------------------------------------------------------------------------------------------------


def test_every_combination_of_facts_has_a_situation() -> None:
    every = itertools.product("ab", "ab", ("", "a", "b"), Stage, ("", "a", "b"), (True, False))
    for booted, proven, trial, stage, slot, writing in every:
        facts = Facts(booted=booted, proven=proven, trial=trial, stage=stage, slot=slot, writing=writing)
        assert (situation(facts) is Situation.ON_TRIAL) == (booted != proven), "only a system on trial is on trial"


@pytest.mark.parametrize(
    ("refused", "offer", "ground"),
    [
        ("An exam is open; finish it first.", OFFER, replace(GROUND, open_exams=1)),
        ("An update is under way", OFFER, replace(GROUND, now=Situation.ON_TRIAL)),
        ("An update is under way", OFFER, replace(GROUND, now=Situation.INSTALLED)),
        ("An update is under way", OFFER, replace(GROUND, now=Situation.INSTALLING)),
        (f"{OLD} is older than the installed {NEW}.", replace(OFFER, version=OLD), replace(GROUND, version=NEW)),
        ("was tried on this box", OFFER, replace(GROUND, now=Situation.FALLEN_BACK, tried=NEW)),
        ("cannot read this box's database", OFFER, replace(GROUND, database=Schema(makes=10, readable_from=10))),
        ("could not read the database of", replace(OFFER, schema=Schema(makes=10, readable_from=10)), GROUND),
    ],
)
def test_what_is_refused_and_why(refused: str, offer: Offer, ground: Ground) -> None:
    with pytest.raises(UpdateRefused, match=re.escape(refused)):
        assert_allowed(offer, ground)


@pytest.mark.parametrize(
    ("offer", "ground"),
    [
        (OFFER, GROUND),
        (OFFER, replace(GROUND, database=None)),
        (OFFER, replace(GROUND, now=Situation.INTERRUPTED, tried=NEW)),
        (OFFER, replace(GROUND, now=Situation.FALLEN_BACK, tried=OLD)),
        (replace(OFFER, again=True), replace(GROUND, now=Situation.FALLEN_BACK, tried=NEW)),
        (replace(OFFER, version=OLD, downgrade_to=OLD), replace(GROUND, version=NEW)),
        (replace(OFFER, schema=Schema(makes=10, readable_from=9)), GROUND),
        (OFFER, replace(GROUND, database=Schema(makes=10, readable_from=8))),
    ],
)
def test_what_is_installed(offer: Offer, ground: Ground) -> None:
    assert_allowed(offer, ground)


def test_a_downgrade_that_is_insisted_on_must_still_read_the_database() -> None:
    offer = replace(OFFER, version=OLD, downgrade_to=OLD, schema=Schema(makes=8, readable_from=8))
    with pytest.raises(UpdateRefused, match="cannot read"):
        assert_allowed(offer, replace(GROUND, version=NEW))


def test_a_bundle_says_its_schema() -> None:
    assert Schema.parsed(str(Schema(makes=12, readable_from=9))) == Schema(makes=12, readable_from=9)
    for text in ("", "schema 9", "schema x readable from 9", "schema 9 readable from 9; rm"):
        with pytest.raises(UpdateRefused):
            Schema.parsed(text)


def test_versions_compare_by_number() -> None:
    assert ordered("0.9.0+2") < ordered("0.10.0+1")
    assert ordered("0.1.0+20261101000000") < ordered("0.1.0+20261125000000")


def test_what_a_new_system_is_measured_by() -> None:
    before = ("connection archive", "connection ris", "picture us1", "health: source us1", "health: clock")
    assert judged(before, exam_open=False) == before[:4]
    assert judged(before, exam_open=True) == before[:2]
    assert missing(before[:3], ["picture us1", "connection ris"]) == ("connection archive",)
    assert open_exams([{"state": s} for s in ("open", "finishing", "released", "held")]) == 2


# --- power cuts: the real script, the real record, the loader as a model --------------------------------------------


@dataclass
class Box:
    """A box of two slots. `whole`: slots whose content is a whole system."""

    folder: Path
    whole: set[str]

    def choice(self, *words: str) -> str:
        env = {"BOOT_CHOICE_FOLDER": str(self.folder), "PATH": "/usr/bin:/bin"}
        done = subprocess.run([str(CHOICE), *words], env=env, check=True, capture_output=True, text=True)
        return done.stdout.rstrip("\n")

    @property
    def record(self) -> RecordFile:
        return RecordFile(self.folder / "private/update.json")

    def start(self) -> str:
        """Do what grub.cfg does; return which slot runs."""
        env = self.folder / "boot/grub/grubenv"
        text = env.read_text()
        assert len(text) == 1024
        words = dict(line.split("=") for line in text.splitlines() if "=" in line)
        pick = words["trial"] or words["slot"]
        env.write_text(text.replace(f"trial={words['trial']}", "trial=").ljust(1024, "#"))
        assert pick in self.whole, "what is started is always a whole system"
        (self.folder / "booted").write_text(f"{pick}\n")
        return pick

    def now(self, *, writing: bool = False) -> Situation:
        booted, proven, trial = self.choice("words").split(" ")
        kept = self.record.read()
        stage, slot = (kept.stage, kept.slot) if kept else (Stage.NONE, "")
        return situation(Facts(booted=booted, proven=proven, trial=trial, stage=stage, slot=slot, writing=writing))

    def do(self, step: str) -> None:
        new = Record(stage=Stage.INSTALLING, version=NEW, slot="b", before=(), within_s=600, boot_id="1")
        match step:
            case "record installing":
                self.record.write(new)
            case "forget trial":
                self.choice("set-state", "b", "bad")
            case "write slot":
                self.whole.discard("b")
            case "set trial":
                self.whole.add("b")
                self.choice("set-primary", "b")
            case "record installed":
                self.record.write(new.at(Stage.INSTALLED))
            case "restart":
                self.start()
            case "record tried":
                self.record.write(new.at(Stage.TRIED))
            case "set proven":
                self.choice("set-state", "b", "good")
            case "forget record":
                self.record.forget()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    (tmp_path / "boot/grub").mkdir(parents=True)
    words = "# GRUB Environment Block\nslot=a\ntrial=\n".ljust(1024, "#")
    (tmp_path / "boot/grub/grubenv").write_text(words)
    (tmp_path / "booted").write_text("a\n")
    return Box(tmp_path, {"a", "b"})


AFTER_A_CUT = {
    "": ("a", Situation.SETTLED),
    "record installing": ("a", Situation.INTERRUPTED),
    "forget trial": ("a", Situation.INTERRUPTED),
    "write slot": ("a", Situation.INTERRUPTED),
    "set trial": ("b", Situation.ON_TRIAL),
    "record installed": ("b", Situation.ON_TRIAL),
    "restart": ("a", Situation.FALLEN_BACK),
    "record tried": ("a", Situation.FALLEN_BACK),
    "set proven": ("b", Situation.SETTLED),
    "forget record": ("b", Situation.SETTLED),
}
"""After which step the power went → what runs after the next start, and what holds then."""


@pytest.mark.parametrize("last", ["", *STEPS])
def test_a_power_cut_after_any_step_leaves_a_whole_system(box: Box, last: str) -> None:
    for step in STEPS[: STEPS.index(last) + 1] if last else ():
        box.do(step)
    assert (box.start(), box.now()) == AFTER_A_CUT[last]
    again = box.start()  # one more cut: a trial is never started twice
    assert again == ("b" if last in ("set proven", "forget record") else "a")
    assert box.now() in (Situation.SETTLED, Situation.INTERRUPTED, Situation.FALLEN_BACK)


def test_every_step_without_a_cut_ends_settled_in_the_new_system(box: Box) -> None:
    seen = []
    for step in STEPS:
        box.do(step)
        seen.append(box.now(writing=True).value)
    assert seen == ["installing"] * 3 + ["installed"] * 2 + ["on trial"] * 2 + ["settled"] * 2
    assert box.choice("words") == "b b "
    box.do("restart")
    assert box.choice("words") == "b b "


def test_the_proven_and_the_running_system_are_never_written(box: Box) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        box.choice("set-state", "a", "bad")
    box.do("set trial")
    box.start()
    for slot in "ab":
        with pytest.raises(subprocess.CalledProcessError):
            box.choice("set-state", slot, "bad")
    with pytest.raises(subprocess.CalledProcessError):
        box.choice("set-state", "a", "good")  # it does not run: it has shown nothing
    assert box.choice("words") == "b a "


def test_the_words_are_written_over_in_place(box: Box) -> None:
    """GRUB can write them only where they are, and a file that is made anew is empty for a moment."""
    file = box.folder / "boot/grub/grubenv"
    before = file.stat().st_ino
    box.choice("set-primary", "b")
    assert (file.stat().st_ino, file.stat().st_size) == (before, 1024)
    assert file.read_bytes().index(b"trial=b\n") < 512
    file.write_bytes(b"\0" * 1024)  # nothing to read: the first system, no trial
    assert box.choice("words") == "a a "


# --- the record -------------------------------------------------------------------------------------------------------


def test_a_record_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "private/update.json")
    file.forget()
    assert file.read() is None
    record = Record(stage=Stage.TRIED, version=NEW, slot="b", before=("connection archive",), within_s=60, boot_id="x")
    file.write(record)
    assert file.read() == record
    text = (tmp_path / "private/update.json").read_text()
    for cut in range(len(text)):
        (tmp_path / "private/update.json").write_text(text[:cut])
        assert file.read() is None
    (tmp_path / "private/update.json").write_text(text.replace("tried", "unheard of"))
    assert file.read() is None


def test_words_for_the_service(tmp_path: Path) -> None:
    assert words_at(tmp_path / "words") == ""
    words = told(Situation.FALLEN_BACK, NEW, OLD, not_shown(["connection archive"]))
    written(tmp_path / "words", words, 0o644)
    assert words_at(tmp_path / "words") == words
    assert (NEW in words, OLD in words, "archive" in words) == (True, True, True)
    assert "interrupted" in told(Situation.INTERRUPTED, NEW, OLD)
    for quiet in (Situation.SETTLED, Situation.ON_TRIAL, Situation.INSTALLED, Situation.INSTALLING):
        assert told(quiet, NEW, OLD) == ""
