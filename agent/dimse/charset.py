"""Reading and writing DICOM text in the character set that a peer declares, or seems to use.

PS3.3 C.12.1.1.2, PS3.5 6.1.

Each answer of a server is read with its own SpecificCharacterSet. What is not declared is assumed openly
(a flag), never silently: a wrong guess is a wrong name. What cannot be read becomes U+FFFD and is seen as
damage.
"""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Sequence

from pydicom.charset import decode_bytes, python_encoding

from agent.errors import QueryNotEncodable

UTF_8 = "utf-8"
ASCII = "ascii"
_SINGLE = {
    "6": ASCII,
    "100": "latin_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "126": "iso8859_7",
    "127": "iso8859_6",
    "138": "iso8859_8",
    "144": "iso8859_5",
    "148": "iso8859_9",
    "203": "iso8859_15",
    "166": "iso8859_11",
    "13": "shift_jis",
}
_EXTENDED = {"87": "iso2022_jp", "159": "iso2022_jp_2", "149": "euc_kr", "58": "iso_ir_58"}
CODECS: dict[str, str] = {
    "": ASCII,
    **{f"ISO_IR {n}": codec for n, codec in _SINGLE.items()},
    **{f"ISO 2022 IR {n}": codec for n, codec in (_SINGLE | _EXTENDED).items()},
    "ISO_IR 192": UTF_8,
    "GB18030": "gb18030",
    "GBK": "gbk",
}
"""Defined terms (PS3.3 C.12.1.1.2) and the codec of each."""

_MISSPELT = {"UTF-8": "ISO_IR 192", "UTF8": "ISO_IR 192", "UTF_8": "ISO_IR 192", "ISO IR 192": "ISO_IR 192"}
ASSUMABLE = {"cp1251": "cp1251", "koi8-u": "koi8-u", "utf-8": UTF_8}
_DELIMITERS = set(b"^=\\\r\n\f\t")


class TextReader:
    """Reads the text values of one answer; afterwards `assumed` tells whether a guess was needed."""

    def __init__(self, declared: str, assume: str = "", assume_for: Sequence[str] = ()) -> None:
        terms = [t.strip(" \0") for t in declared.split("\\")] if declared.strip(" \0\\") else []
        self.assumed = False
        self._codecs = [c for c in (self._codec(t) for t in terms) if c]
        self._library_names = [python_encoding.get(t.upper(), ASCII) for t in terms]
        self._guess = ASSUMABLE.get(assume.lower(), "")
        trusted = len(self._codecs) == len(terms) > 0
        overruled = bool(self._guess) and declared.strip(" \0") in assume_for
        self._certain = trusted and not overruled

    def _codec(self, term: str) -> str | None:
        if term.upper() in _MISSPELT:
            self.assumed = True
            return UTF_8
        return CODECS.get(term.upper())

    def read(self, value: bytes) -> str:
        """Return `value` as NFC text; unreadable bytes become U+FFFD."""
        if value.isascii() and b"\x1b" not in value:
            return value.decode(ASCII)
        text = self._read_declared(value) if self._certain else self._read_assumed(value)
        return unicodedata.normalize("NFC", text)

    def _read_declared(self, value: bytes) -> str:
        if UTF_8 in self._codecs:
            return value.decode(UTF_8, "replace")
        if b"\x1b" not in value:
            return value.decode(self._without_escape(), "replace")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return decode_bytes(value, self._library_names, _DELIMITERS)
        except (UnicodeError, LookupError, ValueError, IndexError):
            return value.decode(ASCII, "replace")

    def _without_escape(self) -> str:
        """Return the codec that is active before any escape sequence: the first value's."""
        return "gb2312" if self._codecs[0] == "iso_ir_58" else self._codecs[0]

    def _read_assumed(self, value: bytes) -> str:
        self.assumed = True
        if self._guess:
            return value.decode(self._guess, "replace")
        try:
            return value.decode(UTF_8)
        except UnicodeDecodeError:
            return value.decode(ASCII, "replace")


def check_encodable(text: str, specific_character_set: str) -> None:
    """Raise `QueryNotEncodable` unless every character of `text` exists in that character set.

    A library that writes `?` instead would turn the search into a wildcard that finds other patients.
    """
    codec = CODECS.get(specific_character_set.rsplit("\\", maxsplit=1)[-1].strip().upper(), "")
    if not codec:
        raise QueryNotEncodable("The configured character set of the worklist server is unknown.")
    try:
        text.encode(codec)
    except (UnicodeEncodeError, LookupError):
        raise QueryNotEncodable from None
