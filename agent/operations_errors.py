"""What can go wrong while a box is backed up, restored or configured from elsewhere; imported by who raises it."""

from __future__ import annotations

from agent.error import AgentError, Blame


class BackupUnusable(AgentError):
    """This backup cannot be used."""

    code = "D-09"
    blame = Blame.PERSON
    hint = "Nothing was changed. Take another backup."
    safe = ""


class NotEmpty(AgentError):
    """There is something already."""

    code = "D-11"
    blame = Blame.PERSON
    hint = "Nothing was changed."
    safe = ""
