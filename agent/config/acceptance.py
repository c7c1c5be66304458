"""The acceptance test: a picture of nobody through the whole path to the destinations that are for tests."""

from __future__ import annotations

from agent.config.section import Section
from agent.config.values import setting


class AcceptancePolicy(Section):
    """The acceptance test with a picture of nobody, to the destinations with `test = true` and nowhere else."""

    after_enrolment: bool = setting(
        True, "Whether it runs by itself once the box is enrolled and has a destination for tests."
    )
    picture_s: int = setting(
        120, "So long each test picture may take to arrive, and as long again to be confirmed.", unit="s", ge=5, le=3600
    )
    clock_s: int = setting(
        600, "So long the first test waits for a trusted clock; then it runs and says so.", unit="s", ge=0, le=86_400
    )
