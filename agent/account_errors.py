"""Errors of logging in, of accounts and of the audit trail: they never say which half of a login was wrong."""

from __future__ import annotations

from agent.error import AgentError, Blame


class AccountError(AgentError):
    """This account cannot be used so."""

    code = "A-00"
    blame = Blame.PERSON
    hint = "Ask an administrator of the box."


class NotLoggedIn(AccountError):
    """Nobody is logged in here."""

    code = "A-01"
    hint = "Log in, or unlock this screen with your PIN or badge. An emergency exam can begin without it."


class LoginAgain(AccountError):
    """This needs your password again."""

    code = "A-02"
    hint = "Type your password; nothing else is lost."


class WrongLogin(AccountError):
    """Name, password, PIN or badge is not right."""

    code = "A-03"
    hint = "Try again slowly. An emergency exam can begin without logging in."


class TooManyTries(AccountError):
    """There were too many wrong tries. Nothing was checked this time."""

    code = "A-04"
    hint = "Wait as long as is told here. An emergency exam can begin without logging in."


class WrongCode(AccountError):
    """This enrolment code is wrong, used or too old."""

    code = "A-05"
    hint = "Ask for a new one: `modality-agent enrol-code` on the box."


class WeakSecret(AccountError):
    """This password or PIN is too easy to guess."""

    code = "A-06"
    hint = "Choose a longer one."


class NameTaken(AccountError):
    """This name, PIN or badge cannot be used: it belongs to somebody already."""

    code = "A-07"
    hint = "Choose another one."


class LastAdministrator(AccountError):
    """This is the last administrator of the box. Nothing was changed."""

    code = "A-08"
    hint = "Make another administrator first."


class ScreenNotEnrolled(AccountError):
    """A PIN or a badge opens enrolled screens only."""

    code = "A-09"
    hint = "Log in with your password, or have an administrator enrol this screen."


class LoginBusy(AccountError):
    """Too many people log in at this moment."""

    code = "A-10"
    blame = Blame.BOX
    hint = "Try again in a few seconds."


class AuditBroken(AccountError):
    """The audit trail was changed from outside."""

    code = "A-20"
    blame = Blame.BOX
    hint = "Keep the box as it is and call IT: `modality-agent audit verify` names the place."
