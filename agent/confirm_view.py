"""What the confirm screen, the dialogues about it and the corrections get to see; as `view`, flat and frozen."""

from __future__ import annotations

from dataclasses import dataclass

from agent.view import EntryView, ExamView, PatientView


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmView:
    """One chosen row and what may confirm it now."""

    entry: EntryView
    digest: str
    """To be given back when the exam is opened: a changed entry is refused."""
    modes: tuple[str, ...]
    """`scan`, `reenter`, `click`: one of them is enough."""
    why: str
    """Why not more: `list-old`, `found-by-scan`; empty: nothing was taken away."""
    alike: tuple[EntryView, ...]
    """Other rows with the same or nearly the same surname."""
    open_exam: ExamView | None
    """The exam that is open on the source; to start means to finish it."""
    list_age_s: float | None
    list_old: bool
    """The list is older than the site likes (amber)."""
    scan: str
    """What the reader said since the row was chosen: `match`, `mismatch`; empty: nothing yet."""
    scanned: PatientView | None
    """What the wristband says of its wearer, as far as it says it."""
    differs: tuple[str, ...]
    """What of the chosen patient it contradicts: `patient_id`, `patient_birth_date`, `patient_name`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlView:
    """Who works on a source, as seen by who asks."""

    source: str
    token: str
    """Of the page that is shown now; an older one is refused."""
    exam_id: str
    controller: str
    """Name of who works here; empty: nobody yet."""
    mine: bool
    """Whether who asks may act without taking over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionView:
    """One move of pictures from one patient to another."""

    at: str
    who: str
    old_exam_id: str
    new_exam_id: str
    reason: str
    text: str
    """JSON with both names."""
    removal: str
    """`wanted`: sent pictures are still to be asked back; `asked`; empty: nothing had been sent."""
