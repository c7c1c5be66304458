"""What can stand in the way of review and of a request for removal. Codes R-01 on."""

from __future__ import annotations

from agent.error import Blame
from agent.errors import AgentError, BadRequest, WrongState


class AlreadyOnItsWay(WrongState):
    """This picture is already on its way to the archive. Nothing was changed."""

    code = "R-01"
    blame = Blame.PERSON
    hint = "Use *Request removal*."


class NotYetOnItsWay(WrongState):
    """Nothing of this exam left the box yet. Nothing was changed."""

    code = "R-02"
    blame = Blame.PERSON
    hint = "Delete the picture, or discard the exam or move it to the right patient."


class AlreadyRejected(WrongState):
    """The removal of this picture was requested before. Nothing was changed."""

    code = "R-03"
    blame = Blame.PERSON
    hint = "Look at the list of requests."


class NotAPreset(BadRequest):
    """Only the sides and descriptions of the source's own list may be used. Nothing was changed."""

    code = "R-04"
    hint = "Choose one of the list, or ask IT to add it to the configuration."


class PicturesBusy(AgentError):
    """Too many pictures are being looked at. Nothing is lost; the pictures are safe."""

    code = "R-05"
    blame = Blame.PERSON
    hint = "It is shown when you look again."


class NoPicture(AgentError):
    """There is nothing to show of this: it has no picture, or its bytes left the box."""

    code = "R-06"
    blame = Blame.INSTANCE
    hint = "Look at it in the archive."
