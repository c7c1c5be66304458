"""What a barcode reader sends, as the text that a person means: framing off, pattern held, one GS1 element taken.

A reader is a keyboard or a serial line; noise, other people's codes and half codes are refused here. The text is
patient data: it goes to the core and nowhere else (GS1 General Specifications 3, ISO/IEC 15424 symbology identifiers).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 256
GROUP_SEPARATOR = "\x1d"
_SYMBOLOGY = re.compile(r"^\][A-Za-z][0-9A-Za-z]")
FIXED = {"00": 18, "01": 14, "02": 14, "11": 6, "13": 6, "15": 6, "17": 6, "20": 2, "8017": 18, "8018": 18}
"""GS1 Application Identifiers of fixed length; every other one ends at a group separator or with the code."""
_AI = re.compile(r"8017|8018|8019|8020|41[0-9]|4[0-9]{2}|25[0-9]|24[0-9]|[0-9]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """How the text stands in what the reader sends."""

    prefix: str = ""
    suffix: str = ""
    pattern: str = ""
    """A regular expression that the whole text has to match; empty: any."""
    gs1: str = ""
    """The Application Identifier whose value is meant (8018: the patient); empty: the code is no GS1 code."""


def text_of(raw: str, framing: Framing) -> str:
    """Return the text that is meant; empty: this is not a code for us."""
    if len(raw) > LONGEST:
        return ""
    text = _SYMBOLOGY.sub("", raw.strip("\r\n\t "))
    if not text.startswith(framing.prefix) or not text.endswith(framing.suffix):
        return ""
    text = text[len(framing.prefix) : len(text) - len(framing.suffix)]
    text = element(text, framing.gs1) if framing.gs1 else text.strip()
    if not text or not text.isprintable() or (framing.pattern and not re.fullmatch(framing.pattern, text)):
        return ""
    return text


def element(code: str, wanted: str) -> str:
    """Return the value of one Application Identifier in a GS1 element string; empty where it is not there."""
    at = 0
    while at < len(code):
        if code[at] == GROUP_SEPARATOR:
            at += 1
            continue
        found = _AI.match(code, at)
        if found is None:
            return ""
        identifier = found[0]
        start = found.end()
        if identifier in FIXED:
            end = start + FIXED[identifier]
        else:
            end = code.find(GROUP_SEPARATOR, start)
            end = len(code) if end < 0 else end
        value = code[start:end]
        if identifier in FIXED and len(value) != FIXED[identifier]:
            return ""
        if identifier == wanted:
            return value
        at = end
    return ""
