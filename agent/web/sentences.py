"""What a person is told about trouble: what happened · are the pictures safe · what to do; the code for IT last.

Most troubles speak for themselves (`AgentError.message`, `safe`, `hint`). The rows here say it better where facts are
at hand: how many pictures, which names, since when (technician.md B8). The first row whose facts are all there rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.errors import AgentError

if TYPE_CHECKING:
    from agent.web.words import Words

Fact = str | int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One trouble in the words of one language; any part but `what` may be empty."""

    what: str
    safe: str
    act: str
    code: str
    last: str
    """The code in words."""

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.safe, self.act, self.last) if part)


@dataclass(frozen=True, slots=True)
class Counted:
    """A text with a number in it: its singular, its plural and the name of the fact that counts."""

    one: str
    many: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How one trouble is told when the facts called `needs` are known."""

    code: str
    needs: tuple[str, ...]
    what: str | Counted
    safe: str | Counted = ""
    act: str = ""


ROWS: tuple[Row, ...] = (
    Row(
        code="P-01",
        needs=("images",),
        what="The archive does not answer.",
        safe=Counted(
            "Your %(images)s image is safe on this box and will be sent automatically.",
            "Your %(images)s images are safe on this box and will be sent automatically.",
            "images",
        ),
        act="You can go on with the next patient.",
    ),
    Row(
        code="P-01",
        needs=(),
        what="The archive does not answer.",
        safe="The images are safe on this box and will be sent automatically.",
        act="You can go on with the next patient.",
    ),
    Row(
        code="P-07",
        needs=("reason",),
        what="The archive refused these images (reason: %(reason)s).",
        safe="They are safe.",
        act="Please call IT.",
    ),
    Row(
        code="I-02",
        needs=("scanned", "chosen"),
        what="STOP. The wristband is %(scanned)s. The chosen patient is %(chosen)s.",
        act="Go back and choose the right patient.",
    ),
    Row(
        code="I-07",
        needs=("open", "chosen"),
        what="The exam of %(open)s is still open. You chose %(chosen)s.",
        safe="What was captured before is safe.",
        act="Finish the open exam and start the new one, or go back.",
    ),
    Row(
        code="I-08",
        needs=("person",),
        what="Is it still %(person)s?",
        safe="What was captured before is safe.",
        act="Confirm that it is still the same patient, or finish the exam.",
    ),
    Row(
        code="V-03",
        needs=("seconds",),
        what=Counted(
            "No video signal for %(seconds)s second.", "No video signal for %(seconds)s seconds.", "seconds"
        ),
        safe="Nothing can be captured.",
        act="Check the cable and the device.",
    ),
    Row(
        code="D-01",
        needs=("images",),
        what=Counted(
            "Storage is almost full (about %(images)s image left).",
            "Storage is almost full (about %(images)s images left).",
            "images",
        ),
        safe="Unsent images are never deleted.",
        act="Call IT today.",
    ),
    Row(
        code="W-01",
        needs=("since", "fetched", "age"),
        what="The worklist server does not answer since %(since)s.",
        safe="Showing the list from %(fetched)s (%(age)s old).",
        act="You can work with this list.",
    ),
    Row(
        code="W-12",
        needs=("entries",),
        what=Counted(
            "%(entries)s entry of the list could not be read and is not shown.",
            "%(entries)s entries of the list could not be read and are not shown.",
            "entries",
        ),
        safe="The pictures are not touched by this.",
        act="If somebody is missing here, call IT.",
    ),
    Row(
        code="W-13",
        needs=(),
        what="There are too many patients: the list was cut.",
        safe="The pictures are not touched by this.",
        act="Narrow it by date, or scan.",
    ),
    Row(
        code="S-07",
        needs=("machine", "state"),
        what="This cannot be done now (state: %(state)s).",
        safe="What was captured before is safe.",
        act="Look at the current state and try again.",
    ),
)


def sentence(words: Words, trouble: AgentError | str, **facts: Fact) -> Sentence:
    """Return `trouble`, an error or a code, as a person is to read it; `facts` add to those of the error."""
    error = trouble if isinstance(trouble, AgentError) else AgentError.by_code(trouble)()
    code = trouble if isinstance(trouble, str) else trouble.code
    known: dict[str, Fact] = {**error.facts, **facts}
    last = words._("Code %(code)s.") % {"code": code}
    row = next((row for row in ROWS if row.code == code and all(known.get(n) is not None for n in row.needs)), None)
    if row is None or (not row.needs and isinstance(trouble, AgentError)):
        what, safe, act = (words.told(text) for text in (error.message, error.safe, error.hint))
        return Sentence(what=what, safe=safe, act=act, code=code, last=last)
    said = {name: _said(words, name, value, known) for name, value in known.items()}
    what, safe, act = (_filled(words, text, said, known) for text in (row.what, row.safe, row.act))
    return Sentence(what=what, safe=safe, act=act, code=code, last=last)


def _filled(words: Words, text: str | Counted, said: Mapping[str, str], known: Mapping[str, Fact]) -> str:
    if isinstance(text, Counted):
        return words.ngettext(text.one, text.many, int(known[text.by] or 0)) % said
    return words._(text) % said if text else ""


def _said(words: Words, name: str, value: Fact, known: Mapping[str, Fact]) -> str:
    if name == "state":
        return words.state(str(value), str(known.get("machine", "")))
    return words.told(str(value)).rstrip(".") if name == "reason" else str(value)
