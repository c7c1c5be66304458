"""No text that a person can meet is without a Ukrainian one, and what ships is what was written."""

from __future__ import annotations

import re

import pytest

from agent.actor import Role
from agent.errors import AgentError, Blame
from agent.lifecycle import TABLES, DestinationState, DeviceState
from agent.model import ClockTrust, ExamKind, Flag
from agent.outcome import Action, Phase
from agent.statuses import FAILURES
from agent.web.catalogue import Catalogue, catalogue, pattern_of
from agent.web.sentences import ROWS
from agent.web.states import STATES
from agent.web.words import LANGUAGES, words
from drivers.contract import DriverError, Signal
from tests.locale import books
from tests.locale.collect import everything, unreadable, values_of

FOUND = everything()
OTHERS = sorted(set(LANGUAGES) - {"en"})
PLACES = re.compile(r"%\((\w+)\)s")


@pytest.mark.parametrize("language", OTHERS)
def test_the_catalogue_holds_exactly_what_the_code_says(language: str) -> None:
    held = {books.key_of(entry) for entry in books.read(language)}
    missing = [f"{text!r} in {', '.join(sorted(FOUND[key]))}" for key in FOUND.keys() - held for text in [key[1]]]
    gone = [key[1] for key in held - FOUND.keys()]
    assert not missing, "run `make locale`; new:\n" + "\n".join(sorted(missing))
    assert not gone, "run `make locale`; no longer said:\n" + "\n".join(sorted(gone))


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_is_untranslated(language: str) -> None:
    missing = [f"{e.msgid!r} in {e.occurrences[0][0]}" for e in books.untranslated(books.read(language))]
    assert not missing, f"translate in {books.path(language)}, then `make locale`:\n" + "\n".join(missing)


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_catalogue_is_the_written_one(language: str) -> None:
    book = books.read(language)
    assert not book.obsolete_entries()
    assert not [entry.msgid for entry in book if entry.fuzzy]
    compiled = books.path(language).with_suffix(".mo").read_bytes()
    assert compiled == books.compiled(book), "run `make locale`"


def test_what_we_compile_is_what_polib_compiles() -> None:
    """The order of texts may differ, what gettext reads from both may not."""
    import io

    book = books.read("uk")
    theirs = Catalogue.__mro__[1](io.BytesIO(book.to_binary()))  # type: ignore[call-arg]
    ours = catalogue("uk")
    for entry in book:
        if entry.msgctxt is None and not entry.msgid_plural:
            assert ours.gettext(entry.msgid) == theirs.gettext(entry.msgid) == entry.msgstr  # type: ignore[attr-defined]


@pytest.mark.parametrize("language", OTHERS)
def test_facts_keep_their_places(language: str) -> None:
    for entry in books.read(language):
        wanted = set(PLACES.findall(entry.msgid)) | set(PLACES.findall(entry.msgid_plural or ""))
        for told in entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]:
            assert set(PLACES.findall(told)) <= wanted, entry.msgid
            if not entry.msgid_plural and "%(value)s" not in entry.msgid:
                assert set(PLACES.findall(told)) == wanted, entry.msgid


ENUMERATIONS = {
    "device": {state.value for state in DeviceState},
    "destination": values_of(DestinationState) | {"not tried"},
    "signal": values_of(Signal),
    "cause": set(DriverError.CAUSES),
    "clock": values_of(ClockTrust),
    "flag": values_of(Flag),
    "exam kind": values_of(ExamKind),
    "role": values_of(Role),
    "phase": values_of(Phase),
    "blame": values_of(Blame),
    "action": values_of(Action),
    **{machine: {s.value for s in table.values()} | {s for _, s in table} for machine, table in TABLES.items()},
}


@pytest.mark.parametrize("kind", sorted(ENUMERATIONS))
def test_every_coded_value_has_a_word(kind: str) -> None:
    assert ENUMERATIONS[kind] <= STATES[kind].keys(), f"add the word to agent/web/states.py, `{kind}`"


def all_errors() -> list[type[AgentError]]:
    found, left = [], [AgentError]
    while left:
        kind = left.pop()
        found.append(kind)
        left += kind.__subclasses__()
    ours = [kind for kind in found if kind.__module__.startswith("agent.")]
    return [kind for kind in ours if not kind.__module__.startswith(("agent.cli", "agent.pki"))]


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_speaks_ukrainian_in_all_its_parts(kind: type[AgentError]) -> None:
    said = words("uk").sentence(kind())
    assert said.code == kind.code
    for part in (said.what, said.act, *([said.safe] if kind.safe else [])):
        assert re.search("[а-яіїєґ]", part), part
    assert str(said).rstrip(".").endswith(kind.code)


UNREADABLE = {
    "agent/devices.py: ChildBroken(f'The picture source is restarting. {self.view.advice}'.strip())",
    "agent/objects/__main__.py: BadRequest(str(e))",
    "agent/enrolling.py: EnrolmentError(*problems)",
    "agent/enrolment.py: EnrolmentError(*problems)",
}
"""The first is found as a sentence, with advice that is translated; the second is told by our own core to itself; the
others are problems of a file, in English at the command line as those of the configuration are."""


def test_every_message_of_an_error_can_be_read_from_the_code() -> None:
    new = unreadable() - UNREADABLE
    assert not new, "write the message as a literal or f-string where it is raised:\n" + "\n".join(sorted(new))


def test_every_failure_of_a_peer_speaks_ukrainian() -> None:
    uk = words("uk")
    for row in FAILURES.values():
        assert re.search("[а-яіїєґ]", uk.told(row.words)), row.words


def test_advice_of_drivers_speaks_ukrainian() -> None:
    uk = words("uk")
    for advice in DriverError.CAUSES.values():
        assert uk.told(advice) != advice


def test_rows_name_facts_that_they_ask_for() -> None:
    for row in ROWS:
        for text in (row.what, row.safe, row.act):
            for one in (text,) if isinstance(text, str) else (text.one, text.many):
                assert set(PLACES.findall(one)) <= set(row.needs), row.code


def test_no_pattern_takes_what_another_text_says() -> None:
    """A text with facts is recognised by its own pattern, even when others would fit as well."""
    book = catalogue("uk")
    for msgid in book.msgids():
        places = PLACES.findall(msgid)
        if places and "%(value)s" not in msgid:
            filled = msgid % dict.fromkeys(places, "Qq7")
            assert pattern_of(msgid).fullmatch(filled)
            assert book.told(filled) == book.gettext(msgid) % dict.fromkeys(places, "Qq7"), msgid
