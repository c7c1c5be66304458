"""How an exam is confirmed, finished and released."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from agent.config.section import Complaint, Section
from agent.config.values import AsTuple, LongString, setting


class ExamPolicy(Section):
    """How an exam is confirmed, finished and released."""

    confirmation: Literal["", "click", "reenter", "scan"] = setting(
        "",
        "What confirms the patient: a click, typing the end of the number or the date of birth, or scanning the"
        " wristband; empty: `scan` where a reader is configured, else `reenter`.",
        example="scan",
    )
    list_amber_min: int = setting(
        15, "A worklist older than this is told to be old, and an order is asked for again.", unit="min", ge=1, le=1440
    )
    list_click_min: int = setting(
        60, "A worklist older than this takes no click: scan the wristband or re-enter.", unit="min", ge=1, le=1440
    )
    order_check_s: float = setting(
        5.0, "How long the worklist server may take to say whether an order is still there.", unit="s", ge=1, le=60
    )
    gsrn_prefixes: Annotated[tuple[str, ...], AsTuple] = setting(
        ("5050898",),
        "GS1 company prefixes of wristbands after which the patient's own number follows (DCB1077).",
        example=["5050898"],
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
        """Yield a question that would come after the finish, a click refused before the list is old, no GS1 prefix."""
        question, finish = raw.get("idle_question_min", 5), raw.get("idle_finish_min", 30)
        if isinstance(question, int) and isinstance(finish, int) and question >= finish:
            yield (
                ("idle_question_min",),
                "must be shorter than idle_finish_min: first the question, then the finish",
            )
        amber, click = raw.get("list_amber_min", 15), raw.get("list_click_min", 60)
        if isinstance(amber, int) and isinstance(click, int) and amber > click:
            yield ("list_amber_min",), "must not be longer than list_click_min"
        prefixes = raw.get("gsrn_prefixes", ())
        for place, prefix in enumerate(prefixes if isinstance(prefixes, list | tuple) else ()):
            if not (isinstance(prefix, str) and re.fullmatch(r"[0-9]{4,12}", prefix)):
                yield ("gsrn_prefixes", place), "a GS1 company prefix has 4 to 12 digits"
