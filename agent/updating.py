"""When a system may be updated and which system a start leads to: rules without a disk or a clock (decision 0022).

The box has two systems. The loader starts the proven one; a new one is started once, on trial, and becomes the proven
one only when it has shown that it does what the old one did. What is durable: the loader's two words (`proven`,
`trial`), and a record of the update; each is written whole or not at all, in the order of `STEPS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.error import AgentError, Blame

ALARM = "U-02"
SUBJECT = "update"
KINDS = ("connection", "picture", "health: source")
"""What of the self-test a new system is judged by: what passed before has to pass again."""
WHILE_OPEN = ("connection",)
"""The same while an exam is open, whose pictures the self-test must not disturb."""


class UpdateRefused(AgentError):
    """The update was not installed; this box goes on with the system that it has."""

    code = "U-01"
    blame = Blame.PERSON
    hint = "Nothing was changed."


class NotProven(AgentError):
    """The new system did not prove itself in time."""

    code = "U-03"
    hint = "The box starts the old system again."


class Stage(StrEnum):
    """How far the record says that an update has come."""

    NONE = ""
    INSTALLING = "installing"
    """The other slot is being written; whatever is in it is not to be started."""
    INSTALLED = "installed"
    """The other slot is whole; the loader was told to try it."""
    TRIED = "tried"
    """The new system was started at least once."""


class Situation(StrEnum):
    """What holds now; never stored, always read from the facts."""

    SETTLED = "settled"
    """The proven system runs and no update is under way."""
    INSTALLING = "installing"
    """The proven system runs and the other slot is being written."""
    INSTALLED = "installed"
    """The next start is a trial."""
    ON_TRIAL = "on trial"
    """The new system runs; it proves itself or the next start leads back."""
    FALLEN_BACK = "fallen back"
    """The new system was started and did not prove itself; the proven one runs. A person is told."""
    INTERRUPTED = "interrupted"
    """The power went, or writing failed, before the new system was whole. A person is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that decides."""

    booted: str
    proven: str
    trial: str
    stage: Stage
    slot: str
    """Where the record says that the new system is; empty: there is no record."""
    writing: bool
    """Whether an installation of this start of the box is at work."""


_ANY = None
_TABLE: tuple[tuple[tuple[bool | None, bool | None, bool | None, Stage | None, bool | None], Situation], ...] = (
    # runs the proven one, trial is set, runs what the record tells of, stage, being written now
    ((False, _ANY, _ANY, _ANY, _ANY), Situation.ON_TRIAL),
    ((True, True, _ANY, _ANY, _ANY), Situation.INSTALLED),
    ((True, False, True, _ANY, _ANY), Situation.SETTLED),
    ((True, False, False, Stage.NONE, _ANY), Situation.SETTLED),
    ((True, False, False, Stage.INSTALLING, True), Situation.INSTALLING),
    ((True, False, False, Stage.INSTALLING, False), Situation.INTERRUPTED),
    ((True, False, False, Stage.INSTALLED, _ANY), Situation.FALLEN_BACK),
    ((True, False, False, Stage.TRIED, _ANY), Situation.FALLEN_BACK),
)
"""The first row that fits decides; every combination of facts has one."""

STEPS = (
    "record installing", "forget trial", "write slot", "set trial", "record installed", "restart",
    "record tried", "set proven", "forget record",
)  # fmt: skip
"""The order in which an update becomes durable. Between any two the power may go: `Situation` and the loader decide
from what is there, and what is started is always a whole system."""


def situation(facts: Facts) -> Situation:
    """Return what holds."""
    seen = (
        facts.booted == facts.proven,
        bool(facts.trial) and facts.trial != facts.booted,
        bool(facts.slot) and facts.slot == facts.booted,
        facts.stage,
        facts.writing,
    )
    for wanted, result in _TABLE:
        if all(want is _ANY or want == fact for want, fact in zip(wanted, seen, strict=True)):
            return result
    raise AssertionError(seen)


def told(now: Situation, offered: str, running: str, why: str = "") -> str:
    """Return what a person is told about an update that did not come about; empty: nothing."""
    if now is Situation.FALLEN_BACK:
        if why:
            return f"The update to {offered} did not prove itself; this box runs {running} again. {why}"
        return f"The update to {offered} did not prove itself; this box runs {running} again."
    if now is Situation.INTERRUPTED:
        return f"The update to {offered} was interrupted; this box runs {running}. Install it again."
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The database of a system: which schema it makes, and the oldest system's schema that can work with that."""

    makes: int
    readable_from: int

    @classmethod
    def parsed(cls, text: str) -> Schema:
        """Return what a bundle says of itself; raises `UpdateRefused` where it says nothing."""
        found = re.fullmatch(r"schema (\d+) readable from (\d+)", text)
        if found is None:
            raise UpdateRefused("The update does not say which database it needs.")
        return cls(makes=int(found[1]), readable_from=int(found[2]))

    def __str__(self) -> str:
        return f"schema {self.makes} readable from {self.readable_from}"

    def works_with(self, database: Schema) -> bool:
        """Whether a system of this schema can work with a database of that one."""
        return database.makes <= self.makes or database.readable_from <= self.makes


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is to be installed, and what a person insists on."""

    version: str
    schema: Schema
    downgrade_to: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is there when somebody offers an update."""

    version: str
    schema: Schema
    database: Schema | None
    """The database as it is; none: this box has none yet."""
    now: Situation
    tried: str = ""
    """The version that the record tells of."""
    open_exams: int = 0


def ordered(version: str) -> tuple[int, ...]:
    """Return a key by which versions compare: numbers by value, as in 0.1.0+20261125200000."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def assert_allowed(offer: Offer, ground: Ground) -> None:
    """Raise `UpdateRefused` where `offer` may not be installed, with the reason in words."""
    if ground.now in (Situation.ON_TRIAL, Situation.INSTALLED, Situation.INSTALLING):
        raise UpdateRefused("An update is under way on this box; wait until it has proved itself.")
    if ground.open_exams:
        raise UpdateRefused("An exam is open; finish it first.")
    if ordered(offer.version) < ordered(ground.version) and offer.version != offer.downgrade_to:
        raise UpdateRefused(f"Version {offer.version} is older than the installed {ground.version}.")
    if ground.now is Situation.FALLEN_BACK and offer.version == ground.tried and not offer.again:
        raise UpdateRefused(f"Version {offer.version} was tried on this box and did not prove itself.")
    database = ground.database
    if database is not None and not offer.schema.works_with(database):
        raise UpdateRefused(f"Version {offer.version} cannot read this box's database.")
    if database is not None and not ground.schema.works_with(offer.schema):
        raise UpdateRefused(
            f"The installed system could not read the database of version {offer.version}, if it had to come back."
            " Install a version between the two first."
        )


def missing(before: Iterable[str], passed: Iterable[str]) -> tuple[str, ...]:
    """Return what the old system showed and this one does not (ruling 16)."""
    shown = set(passed)
    return tuple(name for name in before if name not in shown)


def not_shown(left: Iterable[str]) -> str:
    """Return what a new system has not shown, in words."""
    names = ", ".join(left)
    return f"It did not show: {names}."


def judged(names: Iterable[str], *, exam_open: bool) -> tuple[str, ...]:
    """Return those of `names` (kind and name of a line of the self-test) that count now."""
    kinds = WHILE_OPEN if exam_open else KINDS
    return tuple(name for name in names if name.startswith(kinds))


def open_exams(exams: Sequence[Mapping[str, object]]) -> int:
    """Return in how many exams somebody works now."""
    return sum(exam["state"] in ("open", "finishing") for exam in exams)
