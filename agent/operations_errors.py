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

    code = "D-17"
    hint = "Mount the disk or share for copies; see docs/operations.md."
    safe = ""


class BackupBusy(AgentError):
    """A copy of the box is being made already."""

    code = "D-18"
    blame = Blame.PERSON
    hint = "Wait until it is done."
    safe = ""


class ClearingNotUnderstood(AgentError):
    """This file does not say what is to be removed."""

    code = "D-19"
    blame = Blame.PERSON
    hint = "Nothing was removed. See docs/operations.md: one table [reset] or [erase] with box, who and lose_unsent."
    safe = ""


class StillOwed(AgentError):
    """There are pictures here that nobody took responsibility for. Nothing was removed."""

    code = "D-12"
    blame = Blame.PERSON
    hint = "Let them be sent or salvage them. To lose them, say so twice: --lose-unsent, and the name of the box."
    safe = ""


class SalvageUnfinished(AgentError):
    """A salvage of this folder was begun and has not ended. Nothing was removed."""

    code = "D-13"
    blame = Blame.PERSON
    hint = "Salvage it again into another folder, to the end."
    safe = ""


class ClearingUnderWay(AgentError):
    """A reset or an erase of this box was begun and has not ended."""

    code = "D-14"
    blame = Blame.PERSON
    hint = "Start the service, or give the same command again: it goes on to its end."
    safe = ""


class NotErased(AgentError):
    """Not everything could be removed."""

    code = "D-15"
    hint = "Give the command as root. A card that cannot be written is to be destroyed."
    safe = ""


class OtherName(AgentError):
    """That is not the name of this box. Nothing was removed."""

    code = "D-16"
    blame = Blame.PERSON
    hint = "Look at the label, or into the configuration, and type the name as it stands there."
    safe = ""
