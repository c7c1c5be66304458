"""A compiled catalogue of translations, and the finding of a text whose facts are filled in already.

What the core says ("The build child did not answer in time.") is stored in English with its facts in it. A msgid
with placeholders (`The %(name)s child did not answer in time.`) is therefore also a pattern: it finds such a text and
gives its facts back. Standard library only; the plural rule comes from the catalogue itself (three forms in Ukrainian).
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "agent"
_PLACE = re.compile(r"%\((\w+)\)s")
_SENTENCES = re.compile(r"(?<=[.!?]) (?=\S)")
_CODE_FIRST = re.compile(r"([A-Z]-\d\d) (.+)", re.DOTALL)
_CODE_LAST = re.compile(r"\(([A-Z]-\d\d)\)\.?")
_KEYWORDS = {"keyword", "where"}
"""Facts that are an attribute's name: a pattern of little else must not take just any text."""
_ONE_WORD = r"[\w>]+"
_LONGEST = 2000
"""A longer text is shown as it came."""


class Catalogue(gettext.GNUTranslations):
    """Translations of one language. Without a file it holds nothing and gives every text back."""

    _catalog: dict[Any, str]

    def __init__(self, file: Path | None = None) -> None:
        if file is None:
            super().__init__()
            self._catalog, self.plural = {}, lambda n: int(n != 1)
            return
        with file.open("rb") as f:
            super().__init__(f)

    def msgids(self) -> Iterator[str]:
        """Yield every text that is translated, without contexts and plurals."""
        yield from (key for key in self._catalog if isinstance(key, str) and key and "\x04" not in key)

    def has(self, text: str) -> bool:
        """Return whether `text` itself is translated."""
        return text in self._catalog

    @cached_property
    def _patterns(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        ids = [msgid for msgid in self.msgids() if _PLACE.search(msgid)]
        ids.sort(key=lambda msgid: -len(_PLACE.sub("", msgid)))
        return tuple((pattern_of(msgid), msgid) for msgid in ids)

    def told(self, text: str) -> str:
        """Return a whole text of the core in this language, sentence by sentence; what is unknown stays as it is.

        A code in front of a sentence (`O-02 …`) goes to its end in brackets, where all codes for IT stand.
        """
        if not text or len(text) > _LONGEST:
            return text
        if found := _CODE_FIRST.fullmatch(text):
            return f"{self.told(found[2])} ({found[1]})"
        return self._one(text) or " ".join(self._pieces(_SENTENCES.split(text)))

    def _pieces(self, sentences: list[str]) -> Iterator[str]:
        at = 0
        while at < len(sentences):
            for end in range(len(sentences), at, -1):
                if said := self._one(" ".join(sentences[at:end])):
                    break
            else:
                end, said = at + 1, sentences[at]
            yield said
            at = end

    def _one(self, text: str) -> str:
        if text in self._catalog:
            return self._catalog[text]
        for pattern, msgid in self._patterns:
            if found := pattern.fullmatch(text):
                return self._catalog[msgid] % {name: self.told(value) for name, value in found.groupdict().items()}
        return ""


def pattern_of(msgid: str) -> re.Pattern[str]:
    """Return what finds a text made from `msgid`, each fact as a group of its own."""
    pieces = _PLACE.split(msgid)
    pattern, seen = "", set[str]()
    for i, piece in enumerate(pieces):
        if i % 2 == 0:
            pattern += re.escape(piece.replace("%%", "%"))
        elif piece in seen:
            pattern += f"(?P={piece})"
        else:
            seen.add(piece)
            pattern += f"(?P<{piece}>{_ONE_WORD if piece in _KEYWORDS else '.+?'})"
    return re.compile(pattern, re.DOTALL)


def catalogue(language: str) -> Catalogue:
    """Return the catalogue of `language`; English and an unknown language have none and speak in msgids."""
    file = LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.mo"
    return Catalogue(file if file.is_file() else None)
