"""The canary patient: a person whose every word is like no other, and the eyes that look for these words anywhere."""

from __future__ import annotations

import base64
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, quote_plus

from tests.system.world import Box
from tests.traps.desk import order

CANARY = order(
    1, "ZZCANARY^Ґандзюлька", "ZZK-7719402", PatientBirthDate="19230717", AccessionNumber="ZZACC-551177"
)  # fmt: skip
SECOND = order(
    2, "Їжаканаренко^ZZOTHER", "ZZK-2210457", PatientBirthDate="19271119", AccessionNumber="ZZACC-662288"
)  # fmt: skip
WORDS = (
    "ZZCANARY", "Ґандзюлька", "ZZK-7719402", "19230717", "1923-07-17", "ZZACC-551177",
    "Їжаканаренко", "ZZOTHER", "ZZK-2210457", "19271119", "1927-11-19", "ZZACC-662288",
)  # fmt: skip
"""Names, numbers, birth dates and accession numbers of the two, also as the page writes dates."""


def disguises(word: str) -> Iterator[tuple[str, bytes]]:
    """Yield every form in which a word may lie somewhere: character sets, escapes, base64 at each of three offsets."""
    for charset in ("utf-8", "utf-16-le", "utf-16-be", "cp1251", "iso8859-5"):
        with suppress(UnicodeEncodeError):
            yield charset, word.encode(charset)
    yield "percent", quote(word).encode()
    yield "form", quote_plus(word, safe="").lower().encode()
    yield "JSON", json.dumps(word)[1:-1].encode()
    yield "repr", repr(word.encode())[2:-1].encode()
    for before in range(3):
        raw = word.encode()
        whole = base64.b64encode(b"\0" * before + raw)
        yield "base64", whole[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]


FORMS = [(word, how, form) for word in WORDS for how, form in disguises(word)]


def found_in(place: str, content: bytes) -> list[str]:
    """Return each word of the canary that is in `content`, with place and disguise; the case of letters is nothing."""
    lowered = content.lower()
    return [
        f"{place}: {word} as {how}"
        for word, how, form in FORMS
        if form in content or (how != "base64" and form.lower() in lowered)
    ]


def in_archive(place: str, content: bytes) -> list[str]:
    """Return what is found in a zip file: in it as it is, in the names and contents of its members, and deeper."""
    found = found_in(place, content)
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        for name in opened.namelist():
            inner, at = opened.read(name), f"{place}/{name}"
            found += found_in(f"{at} (name)", name.encode())
            found += in_archive(at, inner) if zipfile.is_zipfile(io.BytesIO(inner)) else found_in(at, inner)
    return found


def in_names(folder: Path) -> list[str]:
    """Return what is found in the names of everything below a folder, targets of links included."""
    found = []
    for path in folder.rglob("*"):
        target = str(path.readlink()) if path.is_symlink() else ""
        found += found_in("a file name", f"{path.relative_to(folder)}\n{target}".encode())
    return found


class Watch:
    """Looks at every process of a box all the while: command line, environment, names of threads, open files."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.found: set[str] = set()
        self.looked_at: set[str] = set()
        """Names of the programs that were seen."""

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=20)

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            if self._box.process is not None:
                self.look(self._box.process.pid)

    def look(self, pid: int) -> None:
        """Look at a process and at all that it started, now."""
        with suppress(OSError):
            proc = Path(f"/proc/{pid}")
            words = (proc / "cmdline").read_bytes()
            self.found |= set(found_in("a command line", words) + found_in("an environment", _environment(proc)))
            self.looked_at.add(_program(words))
            for task in (proc / "task").iterdir():
                self.found |= set(found_in("the name of a thread", (task / "comm").read_bytes()))
                for child in (task / "children").read_text().split():
                    self.look(int(child))
            for descriptor in (proc / "fd").iterdir():
                with suppress(OSError):
                    self.found |= set(found_in("an open file", str(descriptor.readlink()).encode()))


def _environment(proc: Path) -> bytes:
    return (proc / "environ").read_bytes()


def _program(cmdline: bytes) -> str:
    words = cmdline.split(b"\0")
    return words[words.index(b"-m") + 1].decode() if b"-m" in words else "core"
