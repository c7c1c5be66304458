"""Every word that a person meets, in one language: gettext, and how dates, ages, persons and troubles are told.

`words(language)` is made once for each language. `into` gives a Jinja environment the functions `_` and `ngettext` and
the filters of the pages. In templates `_()` takes literals only; a text that comes from the core goes through `told`,
which is escaped like any value.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from jinja2 import Environment

from agent.errors import AgentError
from agent.web import phrases
from agent.web.catalogue import catalogue
from agent.web.sentences import Sentence, sentence
from agent.web.states import STATES

LANGUAGES = {"uk": "Українська", "en": "English"}
"""Languages of the screens, each by its own name."""
DEFAULT = "uk"
_KEPT = 1000
_STRAIGHT = re.compile(r"(?<=\w)'(?=\w|\s)")
"""An apostrophe as programmers write it."""
_NOW_S = 1.0
_JUST_NOW_S = 10


class Words:
    """One language. Safe to share between threads."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._catalogue = catalogue(language)
        self._told = lru_cache(maxsize=_KEPT)(self._catalogue.told)
        self._ = self.gettext = self._catalogue.gettext
        self.ngettext = self._catalogue.ngettext
        self.pgettext = self._catalogue.pgettext

    def told(self, text: str) -> str:
        """Return a text of the core (of an error, a status, an alarm, a reason) in this language."""
        return _STRAIGHT.sub("’", self._told(phrases.shown(str(text))))

    def state(self, value: str, kind: str) -> str:
        """Return the word for a coded value; `kind` is a key of `STATES`, as `exam`, `job`, `flag`, `signal`."""
        word = STATES.get(kind, {}).get(str(value))
        return self.pgettext(kind, word) if word else self.told(str(value))

    def day(self, value: str) -> str:
        """Return a date as `09-бер-1984`."""
        return phrases.day(value, self.language)

    def minute(self, value: str) -> str:
        """Return a time as `14:05`."""
        return phrases.minute(value)

    def lasting(self, seconds: float | None) -> str:
        """Return a duration as `2 хвилини`."""
        return "" if seconds is None else phrases.lasting(seconds, self.ngettext)

    def ago(self, seconds: float | None) -> str:
        """Return how long ago something was, as `2 хвилини тому`; None: never."""
        if seconds is None:
            return self._("never")
        if seconds < _JUST_NOW_S:
            return self._("just now")
        return self._("%(time)s ago") % {"time": phrases.lasting(seconds, self._span)}

    def within(self, seconds: float | None) -> str:
        """Return when something will be, as `через 2 хвилини`; None: nothing."""
        if seconds is not None and seconds < _NOW_S:
            return self._("now")
        return "" if seconds is None else self._("in %(time)s") % {"time": phrases.lasting(seconds, self._span)}

    def _span(self, one: str, many: str, count: int) -> str:
        """Say a span as it stands behind *in* and before *ago*, where Ukrainian has another case."""
        return self._catalogue.npgettext("span", one, many, count)

    def age(self, birth: str, today: str) -> str:
        """Return how old somebody born on `birth` is on `today` (DA, or ISO 8601), as `42 роки`."""
        return phrases.age(birth, today, self.ngettext)

    def person(self, name: str) -> str:
        """Return a Person Name as `ШЕВЧЕНКО Тарас Григорович`."""
        return phrases.person(name)

    def sex(self, value: str) -> str:
        """Return Patient's Sex as a letter of this language; empty: a dash."""
        return self.state(value, "sex") if value else phrases.UNKNOWN

    def sentence(self, trouble: AgentError | str, **facts: str | int | float | None) -> Sentence:
        """Return what happened, whether the pictures are safe and what to do, of an error or a code with its facts."""
        return sentence(self, trouble, **facts)

    def into(self, environment: Environment) -> Environment:
        """Give a Jinja environment this language and return it."""
        environment.add_extension("jinja2.ext.i18n")
        environment.policies["ext.i18n.trimmed"] = True
        environment.install_gettext_callables(  # type: ignore[attr-defined]
            self.gettext, self.ngettext, newstyle=True, pgettext=self.pgettext
        )
        named = ("day", "minute", "lasting", "ago", "within", "age", "person", "sex", "state", "told", "sentence")
        environment.filters.update({name: getattr(self, name) for name in named})
        environment.globals["language"] = self.language
        return environment


@cache
def _made(language: str) -> Words:
    return Words(language)


def words(language: str) -> Words:
    """Return the words of `language`; an unknown one gets the default."""
    return _made(language if language in LANGUAGES else DEFAULT)
