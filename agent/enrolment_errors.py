"""What goes wrong when a file makes a box one of a site's. Codes E-01 on; what it was is told at the command line."""

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
