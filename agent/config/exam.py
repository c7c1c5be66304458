"""How an exam is confirmed, finished and released."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from agent.config.section import Complaint, Section
from agent.config.values import LongString, setting


class ExamPolicy(Section):
    """How an exam is confirmed, finished and released."""

    confirmation: Literal["click", "reenter", "scan"] = setting(
        "click", "What confirms the patient: a click, typing the identifier again, or scanning it."
    )
    undo_window_s: int = setting(
        60, "How long a finished exam can still be taken back before it is sent.", unit="s", ge=0, le=3600
    )
    release: Literal["finish", "picture"] = setting(
        "finish",
        "When pictures are sent: after the exam is finished, or each by itself; each after its undo window.",
    )
    temporary_issuer: LongString = setting(
        "",
        "Issuer of Patient ID (0010,0021) of temporary identities; empty: the box's AE title.",
        example="US2-TEMP",
    )
    idle_question_min: int = setting(
        5, "After so long without a capture the page asks whether the exam goes on.", unit="min", ge=1, le=480
    )
    idle_finish_min: int = setting(
        30, "After so long without a capture the exam is finished by itself.", unit="min", ge=1, le=1440
    )

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield a question that would come after the finish."""
        question, finish = raw.get("idle_question_min", 5), raw.get("idle_finish_min", 30)
        if isinstance(question, int) and isinstance(finish, int) and question >= finish:
            yield (
                ("idle_question_min",),
                "must be shorter than idle_finish_min: first the question, then the finish",
            )
