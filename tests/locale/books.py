"""The `.po` files beside the code: brought up to date with what was collected, and compiled."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import polib

from agent.web.catalogue import DOMAIN, LOCALE
from tests.locale.collect import Key

HEAD = {
    "Project-Id-Version": "modality-agent",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
}
PLURALS = {
    "uk": "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);",
}
FORMS = 3


def path(language: str) -> Path:
    """Return where the catalogue of a language stands."""
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(language: str) -> polib.POFile:
    """Return the catalogue of a language as it is (empty where there is none yet)."""
    file = path(language)
    return polib.pofile(str(file), wrapwidth=0) if file.exists() else polib.POFile(wrapwidth=0)


def key_of(entry: polib.POEntry) -> Key:
    return entry.msgctxt or "", entry.msgid, entry.msgid_plural or ""


def merged(old: polib.POFile, found: Mapping[Key, set[str]], language: str) -> polib.POFile:
    """Return a catalogue with exactly the texts that were found; translations that fit are kept."""
    kept = {key_of(entry): entry for entry in old}
    new = polib.POFile(wrapwidth=0)
    new.metadata = {**HEAD, "Language": language, "Plural-Forms": PLURALS[language]}
    for key, places in sorted(found.items(), key=lambda item: (min(item[1]), item[0])):
        context, text, plural = key
        entry = polib.POEntry(msgid=text, occurrences=[(place, "") for place in sorted(places)])
        entry.msgctxt = context or None
        before = kept.get(key)
        if plural:
            entry.msgid_plural = plural
            entry.msgstr_plural = before.msgstr_plural if before else dict.fromkeys(range(FORMS), "")
        else:
            entry.msgstr = before.msgstr if before else ""
        new.append(entry)
    return new


def untranslated(book: polib.POFile) -> list[polib.POEntry]:
    """Return the entries that lack a translation or one of their plural forms."""
    return [
        entry
        for entry in book
        if (not all(entry.msgstr_plural.values()) if entry.msgid_plural else not entry.msgstr)
    ]


def compiled(book: polib.POFile) -> bytes:
    """Return the binary catalogue (GNU gettext's `.mo`): the same texts always make the same bytes."""
    texts: dict[bytes, bytes] = {b"": "".join(f"{k}: {v}\n" for k, v in sorted(book.metadata.items())).encode()}
    for entry in book:
        ours = f"{entry.msgctxt}\x04" if entry.msgctxt else ""
        plural = f"\0{entry.msgid_plural}" if entry.msgid_plural else ""
        told = "\0".join(entry.msgstr_plural[n] for n in range(FORMS)) if plural else entry.msgstr
        if told.strip("\0"):
            texts[f"{ours}{entry.msgid}{plural}".encode()] = told.encode()
    ids = sorted(texts)
    head, table = 7 * 4, 8 * len(ids)
    at, index, data = head + 2 * table, [b"", b""], b""
    for column, values in enumerate((ids, [texts[i] for i in ids])):
        for value in values:
            index[column] += struct.pack("<II", len(value), at + len(data))
            data += value + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, len(ids), head, head + table, 0, 0) + index[0] + index[1] + data
