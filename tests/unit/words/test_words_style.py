"""How the texts are written: letters, apostrophes, quotation marks, and the words that nobody should meet (B8)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from agent.web.phrases import months
from agent.web.words import LANGUAGES
from tests.locale import books
from tests.locale.collect import everything

FOREIGN = re.compile("[ыэъёЫЭЪЁ]")
QUOTED = re.compile(r"`[^`]*`|%\(\w+\)s")
BANNED_EN = re.compile(r"\berror\b|failed \(0x|\binvalid\b|\bOK\b|\bcancel\b|exception|traceback", re.IGNORECASE)
BANNED_UK = re.compile(
    r"помилка|\bОК\b|невірн|(?<!’)являється|слідуюч|приймати участь|на протязі|співпада|любий|"
    r"вірний|вірно|відсутній зв|заказ|получ|включ(?:іть|ено)|виключ(?:іть|ено)",
    re.IGNORECASE,
)
"""Banned by B8, and calques that a Ukrainian reader stumbles over."""
STANDARD = {"invalid PDU parameter value"}
"""Words of PS3.8 itself, shown to IT only."""


def ukrainian() -> Iterator[tuple[str, str]]:
    for entry in books.read("uk"):
        for told in entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]:
            yield entry.msgid, told
    yield "months", " ".join(months("uk"))
    yield "name", LANGUAGES["uk"]


TEXTS = list(ukrainian())


COMPLAINTS = {
    "a letter foreign to Ukrainian": FOREIGN,
    "Latin and Cyrillic letters in one word": re.compile(r"[A-Za-z][а-яіїєґА-ЯІЇЄҐ]|[а-яіїєґА-ЯІЇЄҐ][A-Za-z]"),
    "an apostrophe that is not typographic": re.compile("['`ʼ]"),
    "quotation marks other than «лапки»": re.compile('["“”„]'),
    "a word that is banned": BANNED_UK,
    "damaged letters": re.compile(r"[а-яіїєґ]\?[а-яіїєґ]|\ufffd|  "),
}


@pytest.mark.parametrize("complaint", COMPLAINTS)
def test_ukrainian_is_ukrainian(complaint: str) -> None:
    assert not [told for _, told in TEXTS if COMPLAINTS[complaint].search(QUOTED.sub("…", told))]


def test_ends_of_sentences_agree() -> None:
    for msgid, told in TEXTS:
        if msgid[-1:] in ".?!" and told:
            assert told[-1] in ".?!", (msgid, told)
        if msgid[:1].isupper() and msgid[-1:] == "." and not told.startswith(("%", "~")):
            assert told[0].isupper() or told[0] in "«%`", (msgid, told)


def test_english_has_no_banned_words() -> None:
    texts = [f"{text} {plural}".strip() for _, text, plural in everything()]
    assert not [text for text in texts if text not in STANDARD and BANNED_EN.search(QUOTED.sub("", text))]


def test_one_thing_has_one_name() -> None:
    """Terms: archive, exam, order, picture, worklist (B8)."""
    terms = {
        r"\barchive\b": "архів",
        r"\bexams?\b": "обстежен",
        r"\border\b": "направлен",
        r"\bwristband\b": "браслет",
        r"\bcertificate\b": "сертифікат",
        r"\bscanner\b": "сканер",
        r"\bclock\b": "годинник|час",
        r"\bworklist\b": "спис|направлен|пацієнт",
    }
    for msgid, told in TEXTS:
        for english, stem in terms.items():
            if re.search(english, msgid, re.IGNORECASE) and "`" not in msgid and msgid not in ("Order",):
                assert re.search(stem, told, re.IGNORECASE), (msgid, told)
