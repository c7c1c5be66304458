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


class PortRefused(AgentError):
    """A port of the box cannot be opened."""

    code = "B-15"
    blame = Blame.PERSON
    hint = "Somebody else has it, or the address is wrong: look at `[web]` and `[listener]`."


class BackupNowhere(AgentError):
    """There is no place for the copy of the box."""

    code = "D-12"
    hint = "Mount the disk or share for copies; see docs/operations.md."
    safe = ""


class BackupBusy(AgentError):
    """A copy of the box is being made already."""

    code = "D-13"
    blame = Blame.PERSON
    hint = "Wait until it is done."
    safe = ""
