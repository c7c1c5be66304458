"""`make locale`: bring the catalogues up to date with the code, compile them, and name what is not translated yet."""

from __future__ import annotations

import sys

from agent.web.words import LANGUAGES
from tests.locale import books
from tests.locale.collect import everything


def main() -> int:
    """Write every catalogue; return 1 while something is not translated."""
    found, missing = everything(), 0
    for language in sorted(set(LANGUAGES) - {"en"}):
        book = books.merged(books.read(language), found, language)
        file = books.path(language)
        file.parent.mkdir(parents=True, exist_ok=True)
        book.save(str(file))
        file.with_suffix(".mo").write_bytes(books.compiled(book))
        for entry in books.untranslated(book):
            missing += 1
            print(f"{language}: not translated ({', '.join(place for place, _ in entry.occurrences)}): {entry.msgid}")
        print(f"{language}: {len(book)} texts, {len(books.untranslated(book))} not translated")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
