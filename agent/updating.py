"""When a system may be updated, and when a new one has proved itself: rules without a disk or a clock.

The image's boot loader starts a new system once, on trial. It becomes the one that is started for ever when it has
opened the database and reaches every destination that the old system reached; else the box starts the old one again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agent.error import AgentError, Blame

REACHABLE = ("up",)


class UpdateRefused(AgentError):
    """The update was not installed; this box goes on with the system that it has."""

    code = "U-01"
    blame = Blame.PERSON
    hint = "The journal has the reason; docs/update.md says what to do."


def ordered(version: str) -> tuple[tuple[int, ...], str]:
    """Return a key by which versions compare: numbers by value, as in 0.1.0+20261125200000."""
    return tuple(int(number) for number in re.findall(r"\d+", version)), version


def refusal(
    *, installed: str, offered: str, on_trial: bool, open_exams: int, downgrade_to: str = ""
) -> str:
    """Return why `offered` is not installed, in words; empty: it may be."""
    if on_trial:
        return "This box is trying a new system out; wait until it has proved itself."
    if open_exams:
        return "An exam is open; finish it first."
    if ordered(offered) < ordered(installed) and offered != downgrade_to:
        return f"Version {offered} is older than the installed {installed}."
    return ""


def open_exams(exams: Sequence[Mapping[str, Any]]) -> int:
    """Return how many exams would lose their pictures' patient in the technician's eyes if the box went away now."""
    return sum(exam["state"] in ("open", "finishing") for exam in exams)


def reachable(status: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the destinations that answer."""
    return tuple(one["name"] for one in status["destinations"] if one["state"] in REACHABLE)


def still_missing(before: Iterable[str], answers: Mapping[str, bool]) -> tuple[str, ...]:
    """Return the destinations that the old system reached and this one does not (ruling 16)."""
    return tuple(name for name in before if not answers.get(name, False))
