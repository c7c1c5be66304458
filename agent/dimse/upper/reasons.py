"""Why an association is refused or aborted, in the standard's words (PS3.8 tables 9-18, 9-21 and 9-26)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class RejectResult(IntEnum):
    """Result of an A-ASSOCIATE-RJ."""

    PERMANENT = 1
    TRANSIENT = 2


class RejectSource(IntEnum):
    """Source of an A-ASSOCIATE-RJ."""

    SERVICE_USER = 1
    SERVICE_PROVIDER_ACSE = 2
    SERVICE_PROVIDER_PRESENTATION = 3


class AbortSource(IntEnum):
    """Source of an A-ABORT."""

    SERVICE_USER = 0
    RESERVED = 1
    SERVICE_PROVIDER = 2


class AbortReason(IntEnum):
    """Reason of an A-ABORT whose source is the service provider."""

    NOT_SPECIFIED = 0
    UNRECOGNISED_PDU = 1
    UNEXPECTED_PDU = 2
    RESERVED = 3
    UNRECOGNISED_PARAMETER = 4
    UNEXPECTED_PARAMETER = 5
    INVALID_PARAMETER_VALUE = 6


class ContextResult(IntEnum):
    """Result of one presentation context in an A-ASSOCIATE-AC."""

    ACCEPTANCE = 0
    USER_REJECTION = 1
    NO_REASON = 2
    ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
    TRANSFER_SYNTAXES_NOT_SUPPORTED = 4


REJECT_REASONS: Mapping[tuple[int, int], str] = {
    (1, 1): "no reason given",
    (1, 2): "application context name not supported",
    (1, 3): "calling AE title not recognized",
    (1, 7): "called AE title not recognized",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}
"""(source, reason) of an A-ASSOCIATE-RJ; every other pair is reserved."""

ABORT_REASONS: Mapping[tuple[int, int], str] = {
    (2, 0): "reason not specified",
    (2, 1): "unrecognized PDU",
    (2, 2): "unexpected PDU",
    (2, 4): "unrecognized PDU parameter",
    (2, 5): "unexpected PDU parameter",
    (2, 6): "invalid PDU parameter value",
}
"""(source, reason) of an A-ABORT; the reason of source 0 (service user) is not significant."""


def reject_words(source: int, reason: int) -> str:
    """Return the standard's words for a rejection."""
    return REJECT_REASONS.get((source, reason), "reserved reason")


def abort_words(source: int, reason: int) -> str:
    """Return the standard's words for an abort."""
    if source == AbortSource.SERVICE_USER:
        return "aborted by the service user"
    return ABORT_REASONS.get((source, reason), "reserved reason")
