"""What goes wrong when a file makes a box one of a site's. Codes E-01 on; E-03 on at the set-up page."""

from __future__ import annotations

from agent.error import AgentError, Blame


class EnrolmentError(AgentError):
    """The enrolment file cannot be used; nothing was changed."""

    code = "E-01"
    blame = Blame.PERSON
    hint = "Correct the file as docs/appliance.md describes it, and try again."

    def __init__(self, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


class AlreadyEnrolled(AgentError):
    """This box belongs to a site already; the enrolment file was not used."""

    code = "E-02"
    blame = Blame.PERSON
    hint = "Install it anew if it is to move to another site."


class WrongSetupCode(AgentError):
    """This is not the set-up code of this box. Nothing was changed."""

    code = "E-03"
    blame = Blame.PERSON
    hint = "Read it again, from the label of the box or from the box's own screen."
    safe = ""


class TooManyCodes(AgentError):
    """There were too many wrong codes. Nothing was checked this time."""

    code = "E-04"
    blame = Blame.PERSON
    hint = "Wait as long as is told here, or enrol the box from a stick."
    safe = ""


class CodeSpent(AgentError):
    """There were so many wrong codes that the old one is worth nothing now."""

    code = "E-05"
    blame = Blame.PERSON
    hint = "Somebody is guessing: look who is on this network. The new code is on the box's own screen alone."
    safe = ""


class SetupForgotten(AgentError):
    """The code has to be typed again: the box was started anew, or half an hour went by."""

    code = "E-06"
    blame = Blame.PERSON
    hint = "Type the code, then give the file again. Nothing was changed."
    safe = ""
