"""What every answer and every failure of a peer means for the job: tables, one row each, and nothing else.

C-STORE statuses: PS3.4 B.2.3 and PS3.7 Annex C. Rejection and abort: PS3.8 tables 9-21 and 9-26. Presentation
context results: PS3.8 table 9-18. The other rows are ways in which name, TCP, TLS, file or protocol fail. The
first row that matches rules. Used on both sides of the process border: standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.errors import Blame
from agent.outcome import Action, Outcome, Phase

COMMENT_LIMIT = 64
"""Error Comment (0000,0902) is LO: 64 characters."""


@dataclass(frozen=True, slots=True)
class StatusRow:
    """DIMSE statuses `first`..`last` and what they mean. `unknown`: the peer may have stored it or not."""

    first: int
    last: int
    action: Action
    blame: Blame
    words: str
    tries: int = 0
    unknown: bool = False


_SENT, _WARNING = Action.SENT, Action.SENT_WITH_WARNING
_LATER, _AGAIN = Action.RETRY_LATER, Action.RETRY_INSTANCE
_HOLD, _FALL_BACK, _SUSPEND = Action.HOLD_INSTANCE, Action.FALL_BACK, Action.SUSPEND_DESTINATION
_PEER, _OBJECT, _BOX, _PERSON = Blame.DESTINATION, Blame.INSTANCE, Blame.BOX, Blame.PERSON

C_STORE: tuple[StatusRow, ...] = (
    StatusRow(0x0000, 0x0000, _SENT, _PEER, "Stored."),
    StatusRow(0xB000, 0xB000, _WARNING, _PEER, "Stored; the archive changed some elements."),
    StatusRow(0xB006, 0xB006, _WARNING, _PEER, "Stored; the archive discarded some elements."),
    StatusRow(0xB007, 0xB007, _WARNING, _OBJECT, "Stored; the archive says it does not match its class."),
    StatusRow(0xB000, 0xBFFF, _WARNING, _PEER, "Stored, with a warning of the archive."),
    StatusRow(0x0001, 0x0001, _WARNING, _PEER, "Stored, with a warning of the archive."),
    StatusRow(0x0107, 0x0107, _WARNING, _PEER, "Stored; the archive warns of an attribute list."),
    StatusRow(0x0116, 0x0116, _WARNING, _PEER, "Stored; the archive warns of an attribute value."),
    StatusRow(0x0111, 0x0111, _WARNING, _PEER, "The archive says that it has this image already."),
    StatusRow(0xA700, 0xA7FF, _LATER, _PEER, "The archive is out of resources."),
    StatusRow(0x0213, 0x0213, _LATER, _PEER, "The archive is at a resource limit."),
    StatusRow(0xA900, 0xA9FF, _HOLD, _OBJECT, "The archive says the object does not match its class.", 1),
    StatusRow(0xC000, 0xCFFF, _AGAIN, _PEER, "The archive could not process this image.", 3),
    StatusRow(0x0110, 0x0110, _AGAIN, _PEER, "The archive failed while it processed this image.", 5),
    StatusRow(0x0117, 0x0117, _HOLD, _OBJECT, "The archive says the object instance is not valid."),
    StatusRow(0x0106, 0x0106, _HOLD, _OBJECT, "The archive says an attribute value is not valid."),
    StatusRow(0x0115, 0x0115, _HOLD, _OBJECT, "The archive says an argument value is not valid."),
    StatusRow(0x0120, 0x0120, _HOLD, _OBJECT, "The archive says an attribute is missing."),
    StatusRow(0x0121, 0x0121, _HOLD, _OBJECT, "The archive says an attribute value is missing."),
    StatusRow(0x0212, 0x0212, _HOLD, _OBJECT, "The archive says an argument is of the wrong type."),
    StatusRow(0x0122, 0x0122, _FALL_BACK, _PEER, "The archive does not support this kind of object."),
    StatusRow(0x0124, 0x0124, _SUSPEND, _PEER, "The archive does not permit us to store."),
    StatusRow(0x0210, 0x0210, _AGAIN, _PEER, "The archive saw the same message number twice.", 2),
    StatusRow(0x0211, 0x0211, _AGAIN, _PEER, "The archive did not recognise the operation.", 2),
    StatusRow(0xFE00, 0xFE00, _LATER, _PEER, "The archive's answer is illegal for storage.", 0, True),
    StatusRow(0xFF00, 0xFFFF, _LATER, _PEER, "The archive's answer is illegal for storage.", 0, True),
    StatusRow(0x0000, 0xFFFF, _LATER, _PEER, "The archive gave an unknown answer.", 0, True),
)
NO_STATUS = StatusRow(0, 0, _LATER, _PEER, "The archive's answer carries no status.", 0, True)


def is_illegal_for_store(status: int) -> bool:
    """True for Pending and Cancel, which end an association when they answer a C-STORE (dicom.md 5.1)."""
    return status == 0xFE00 or 0xFF00 <= status <= 0xFFFF


def store_outcome(status: int | None, *, comment: str = "", offending_element: str = "") -> Outcome:
    """Return what a C-STORE-RSP with `status` (None: the element is missing) means for the instance."""
    row = NO_STATUS if status is None else row_of(C_STORE, status)
    return status_outcome(row, status, comment=comment, offending_element=offending_element)


def row_of(rows: tuple[StatusRow, ...], status: int) -> StatusRow:
    """Return the first row that holds `status`; the last row of every table holds all."""
    return next(r for r in rows if r.first <= status <= r.last)


def status_outcome(row: StatusRow, status: int | None, *, comment: str = "", offending_element: str = "") -> Outcome:
    """Return what a response with `status` (None: the element is missing) came to, by its row."""
    return Outcome(
        phase=Phase.RESPONSE,
        action=row.action,
        code="no status" if status is None else f"0x{status:04X}",
        words=row.words,
        blame=row.blame,
        tries=row.tries,
        comment=clean_comment(comment),
        offending_element=offending_element[:COMMENT_LIMIT],
        ambiguous=row.unknown,
    )


def clean_comment(comment: str) -> str:
    """Return the peer's Error Comment without control characters, at most 64 characters long."""
    shown = (c if c.isprintable() else " " for c in comment[: 2 * COMMENT_LIMIT])
    return "".join(shown).strip()[:COMMENT_LIMIT]


@dataclass(frozen=True, slots=True)
class RejectRow:
    """One A-ASSOCIATE-RJ; None matches anything (PS3.8 table 9-21)."""

    result: int | None
    source: int | None
    reason: int | None
    action: Action
    words: str


REJECTIONS: tuple[RejectRow, ...] = (
    RejectRow(2, None, None, _LATER, "The archive cannot take a connection now and asks to try again."),
    RejectRow(None, 3, 1, _LATER, "The archive is congested."),
    RejectRow(None, 3, 2, _LATER, "The archive has reached its limit of connections."),
    RejectRow(1, 1, 1, _LATER, "The archive refused the connection without a reason."),
    RejectRow(1, 1, 2, _SUSPEND, "The archive does not know the DICOM application context."),
    RejectRow(1, 1, 3, _SUSPEND, "The archive does not know our AE title (calling AE title)."),
    RejectRow(1, 1, 7, _SUSPEND, "The archive does not know the AE title we call (called AE title)."),
    RejectRow(1, 2, 2, _SUSPEND, "The archive does not support our protocol version."),
    RejectRow(None, None, None, _LATER, "The archive refused the connection."),
)


def reject_outcome(result: int, source: int, reason: int) -> Outcome:
    """Return what an A-ASSOCIATE-RJ means; its code is `result-source-reason`, e.g. `1-1-7`."""
    got = (result, source, reason)
    row = next(r for r in REJECTIONS if _matches((r.result, r.source, r.reason), got))
    return _outcome(Phase.ASSOCIATION, row.action, "-".join(map(str, got)), row.words, _PEER)


def _matches(pattern: tuple[int | None, ...], got: tuple[int, ...]) -> bool:
    return all(p is None or p == g for p, g in zip(pattern, got, strict=True))


ABORTS: Mapping[tuple[int, int | None], str] = {
    (0, None): "The archive's program aborted the connection.",
    (2, 0): "The archive's network layer aborted the connection without a reason.",
    (2, 1): "The archive aborted: it did not recognise a PDU.",
    (2, 2): "The archive aborted: it did not expect a PDU.",
    (2, 4): "The archive aborted: it did not recognise a PDU parameter.",
    (2, 5): "The archive aborted: it did not expect a PDU parameter.",
    (2, 6): "The archive aborted: a PDU parameter value was not valid.",
}
ABORT_TRIES = 3
"""So many aborts on one instance hold it: a poison instance never blocks the others (dicom.md 5.2)."""


def abort_outcome(source: int, reason: int, phase: Phase, *, ambiguous: bool = False) -> Outcome:
    """Return what an A-ABORT means: of the instance on its way, or of everything outside one."""
    other = "The archive aborted the connection."
    words = ABORTS.get((source, reason)) or ABORTS.get((source, None), other)
    on_instance = phase in (Phase.SENDING, Phase.RESPONSE)
    outcome = _outcome(phase, _AGAIN if on_instance else _LATER, f"abort {source}-{reason}", words, _PEER)
    return replace(outcome, tries=ABORT_TRIES if on_instance else 0, ambiguous=ambiguous)


CONTEXT_RESULTS: Mapping[int, str] = {
    1: "The archive refused this kind of object (user rejection).",
    2: "The archive refused this kind of object without a reason.",
    3: "The archive does not support this kind of object (SOP Class).",
    4: "The archive does not support the encoding of this object (transfer syntax).",
}


def context_outcome(result: int | None) -> Outcome:
    """Return what a presentation context that was not accepted means (None: it was not answered or asked)."""
    words = CONTEXT_RESULTS.get(result or 0, "The archive did not answer for this kind of object.")
    code = "context" if result is None else f"context {result}"
    return _outcome(Phase.CONTEXT, _FALL_BACK, code, words, _PEER)


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One way in which the try itself fails."""

    action: Action
    blame: Blame
    words: str


FAILURES: Mapping[str, FailureRow] = {
    # name and TCP: transient, exponential
    "name unknown": FailureRow(_LATER, _PEER, "The archive's name is not known on this network."),
    "name timeout": FailureRow(_LATER, _PEER, "The name server does not answer."),
    "refused": FailureRow(_LATER, _PEER, "The archive's computer answers, but nothing listens on that port."),
    "unreachable": FailureRow(_LATER, _PEER, "There is no way to the archive on this network."),
    "connect timeout": FailureRow(_LATER, _PEER, "The archive's computer does not answer."),
    "connect": FailureRow(_LATER, _PEER, "The connection to the archive could not be opened."),
    # TLS: somebody has to act, except where the line only broke
    "verify:9": FailureRow(_SUSPEND, _BOX, "The archive's certificate is not yet valid; is our clock right?"),
    "verify:10": FailureRow(_SUSPEND, _PEER, "The archive's certificate has expired."),
    "verify:18": FailureRow(_SUSPEND, _PEER, "The archive's certificate is self-signed and not trusted."),
    "verify:19": FailureRow(_SUSPEND, _PEER, "The archive's certificate comes from an unknown authority."),
    "verify:20": FailureRow(_SUSPEND, _PEER, "The archive's certificate comes from an unknown authority."),
    "verify:21": FailureRow(_SUSPEND, _PEER, "The archive's certificate cannot be traced to the authority."),
    "verify:23": FailureRow(_SUSPEND, _PEER, "The archive's certificate is revoked."),
    "verify:62": FailureRow(_SUSPEND, _PEER, "The archive's certificate is for another host name."),
    "verify:64": FailureRow(_SUSPEND, _PEER, "The archive's certificate is for another address."),
    "verify": FailureRow(_SUSPEND, _PEER, "The archive's certificate is not acceptable."),
    "pin": FailureRow(_SUSPEND, _PEER, "The archive's certificate is not the pinned one."),
    "certificate refused": FailureRow(_SUSPEND, _PEER, "The archive does not accept our certificate."),
    "certificate missing": FailureRow(_SUSPEND, _PERSON, "The archive wants a certificate and we have none."),
    "tls files": FailureRow(_SUSPEND, _PERSON, "Our own certificate, key or CA file cannot be used."),
    "tls setting": FailureRow(_SUSPEND, _PERSON, "The TLS settings of this destination cannot be used."),
    "peer speaks plain": FailureRow(_SUSPEND, _PERSON, "The archive speaks without TLS on this port."),
    "peer speaks tls": FailureRow(_SUSPEND, _PERSON, "The archive wants TLS on this port."),
    "tls version": FailureRow(_SUSPEND, _PEER, "We and the archive have no TLS version in common."),
    "tls no common cipher": FailureRow(_SUSPEND, _PEER, "The archive refused the TLS handshake."),
    "tls timeout": FailureRow(_LATER, _PEER, "The archive does not answer the TLS handshake."),
    "tls lost": FailureRow(_LATER, _PEER, "The archive closed the line during the TLS handshake."),
    "tls": FailureRow(_SUSPEND, _PEER, "TLS with the archive failed."),
    # association
    "associate timeout": FailureRow(_LATER, _PEER, "The archive does not answer the association request."),
    "protocol": FailureRow(_LATER, _PEER, "The archive sent something that is not DICOM or not allowed now."),
    "lost": FailureRow(_LATER, _PEER, "The connection to the archive was lost."),
    "released": FailureRow(_LATER, _PEER, "The archive ended the association before everything was sent."),
    "identity not confirmed": FailureRow(_SUSPEND, _PEER, "The archive did not confirm our user identity."),
    "release timeout": FailureRow(_LATER, _PEER, "The archive did not confirm the end of the association."),
    # the instance on its way
    "stalled": FailureRow(_LATER, _PEER, "The archive stopped reading."),
    "response timeout": FailureRow(_LATER, _PEER, "The archive did not answer in time."),
    "wrong answer": FailureRow(_LATER, _PEER, "The archive answered for another image."),
    # our own file
    "missing": FailureRow(_HOLD, _BOX, "The file of this image is missing."),
    "unreadable": FailureRow(_HOLD, _BOX, "The file of this image cannot be read from the disk."),
    "not part 10": FailureRow(_HOLD, _OBJECT, "The file of this image is not a DICOM file."),
    "other object": FailureRow(_HOLD, _OBJECT, "The file holds another object than the queue says."),
    "corrupt": FailureRow(_HOLD, _OBJECT, "The file of this image changed on the disk; it was not sent."),
    # Verification
    "verified": FailureRow(_SENT, _PEER, "The archive answers. This does not prove that it stores."),
    "no verification": FailureRow(_WARNING, _PEER, "The archive is there but does not offer Verification."),
}


def failure_outcome(code: str, phase: Phase, *, ambiguous: bool = False, detail: str = "") -> Outcome:
    """Return what one of `FAILURES` means; a code `verify:<n>` without a row of its own means `verify`."""
    row = FAILURES.get(code) or FAILURES[code.partition(":")[0]]
    outcome = _outcome(phase, row.action, code, row.words, row.blame)
    return replace(outcome, ambiguous=ambiguous, comment=clean_comment(detail))


def _outcome(phase: Phase, action: Action, code: str, words: str, blame: Blame) -> Outcome:
    return Outcome(phase=phase, action=action, code=code, words=words, blame=blame)
