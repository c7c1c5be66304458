"""Attributes by keyword, before they become a data set: what is optional and empty is left out (PS3.5 7.4).

Each module of the object is a function that returns a plain dictionary in the standard's keywords; a sequence
is a list of such dictionaries. pydicom sees them only in `data_set.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from agent.model import Code, ScheduledProcedureStep

Attributes = dict[str, Any]

_LONGEST_CODE_VALUE = 16


def optional(**attributes: object) -> Attributes:
    """Return those of type 3: only the ones that have a value."""
    return {keyword: value for keyword, value in attributes.items() if value not in ("", None, [], ())}


def code_items(codes: Iterable[Code]) -> list[Attributes]:
    """Return the items of a code sequence (PS3.3 8.8; a value over 16 characters is a Long Code Value)."""
    return [
        {
            "CodeValue" if len(code.value) <= _LONGEST_CODE_VALUE else "LongCodeValue": code.value,
            "CodingSchemeDesignator": code.scheme,
            "CodeMeaning": code.meaning,
            **optional(CodingSchemeVersion=code.version),
        }
        for code in codes
    ]


def referenced_items(references: Iterable[tuple[str, str]]) -> list[Attributes]:
    """Return the items of a sequence of (class, instance) references (PS3.3 10.8)."""
    return [
        {"ReferencedSOPClassUID": sop_class, "ReferencedSOPInstanceUID": instance} for sop_class, instance in references
    ]


def issuer_items(issuer: str) -> list[Attributes]:
    """Return the one item of an issuer sequence (PS3.3 10.14, HL7v2 Hierarchic Designator), or none."""
    return [{"LocalNamespaceEntityID": issuer}] if issuer else []


def agreed(steps: tuple[ScheduledProcedureStep, ...], pick: Callable[[ScheduledProcedureStep], Any]) -> Any:
    """Return the value on which all `steps` agree, else None: a group case claims nothing for all."""
    values = [pick(step) for step in steps]
    return values[0] if values and all(value == values[0] for value in values) else None
