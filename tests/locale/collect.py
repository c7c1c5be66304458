"""Every text that a person can meet, read from the code itself: templates, calls, tables, errors, sentences.

A text that is built with facts (an f-string) becomes a msgid with placeholders, named after what stands in the braces.
Whatever looks like a sentence counts, wherever it stands, unless its place is named in `NOT_FOR_PEOPLE`: a new
message of a new room is found without being announced.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from jinja2 import Environment
from jinja2.ext import InternationalizationExtension

from agent import commitment_statuses, statuses, step_statuses
from agent.clips import FOUND as FOUND_CLIP
from agent.dimse.upper import reasons
from agent.rebuild import REBUILT
from agent.recovery import FOUND
from agent.web.sentences import ROWS, Counted
from agent.web.states import STATES

ROOT = Path(__file__).parents[2]
NOT_FOR_PEOPLE = (
    "agent/cli/",  # the command line speaks English
    "agent/config/",  # problems of the file, read by IT at the command line
    "agent/contract.py",  # makes a page of the documentation
    "agent/conformance.py",
    "agent/ports.py",
    "agent/selftest.py",  # a report for IT, as the command line
    "agent/acceptance.py",
    "agent/health.py",
    "agent/backup.py",
    "agent/operations_errors.py",
    "agent/clearing.py",
    "agent/clearing_list.py",
    "agent/clearing_request.py",
    "agent/store/outstanding.py",
    "agent/salvage.py",
    "agent/salvage_copy.py",
    "agent/salvage_report.py",
    "agent/demo/",
    "agent/dimse/sandbox/",
    "agent/metrics.py",
    "agent/pki.py",
    "agent/sandbox_command.py",
    "agent/supervisor.py",  # before there is a page
    "agent/host.py",
    "agent/web/openapi.py",  # programmers read English
    "agent/web/operations/",
    "agent/web/says.py",
    "agent/web/states.py",  # collected with their contexts
    "agent/web/sentences.py",
    "agent/web/phrases.py",
    "agent/web/words.py",
    "drivers/table.py",
    "drivers/testing.py",
)
_SETTINGS = {"option", "setting", "DriverInfo"}
"""Calls whose texts belong to the documentation of the configuration."""
_SENTENCE = re.compile(r"[A-Z%].* .*[.!?]", re.DOTALL)
_LED = re.compile(r"[A-Z]\w* [^%=]+[.:] %\(\w+\)s")
"""A sentence, and behind it what another part said."""
_REASON = re.compile(r"[a-z].* .*\.", re.DOTALL)
_SQL = re.compile(r"(SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA|CAST|WHERE|AND|ORDER|LIMIT|WITH)\b")
_CALLS = {"_": 1, "gettext": 1, "ngettext": 2, "pgettext": 1, "npgettext": 2}
"""Functions of gettext and how many texts they take (after the context)."""
Key = tuple[str, str, str]
"""(context, text, plural); empty: none."""


@dataclass(slots=True)
class Found:
    """All texts, and where each stands."""

    places: dict[Key, set[str]] = field(default_factory=dict)

    def add(self, place: str, text: str, plural: str = "", context: str = "") -> None:
        self.places.setdefault((context, text, plural), set()).add(place)


def everything(root: Path = ROOT) -> Mapping[Key, set[str]]:
    """Return every text that needs a translation, with the files that hold it."""
    found = Found()
    for file in sorted((root / "agent" / "web" / "templates").rglob("*.html")):
        _template(found, file.relative_to(root).as_posix(), file.read_text(encoding="utf-8"))
    trees = {
        file.relative_to(root).as_posix(): ast.parse(file.read_text(encoding="utf-8"))
        for top in ("agent", "drivers")
        for file in sorted((root / top).rglob("*.py"))
    }
    kinds = error_names(trees.values())
    for name, tree in trees.items():
        _calls(found, name, tree)
        if not name.startswith(("agent/cli/", "agent/demo/")):
            _errors(found, name, tree, kinds)
        if not name.startswith(NOT_FOR_PEOPLE) and not name.endswith("options.py"):
            _sentences(found, name, tree)
    _tables(found)
    return found.places


# --- templates and calls of gettext -------------------------------------------------------------------------


def _template(found: Found, name: str, source: str) -> None:
    environment = Environment(extensions=[InternationalizationExtension], autoescape=True)
    environment.policies["ext.i18n.trimmed"] = True
    for _, function, message in environment.extract_translations(source):  # type: ignore[attr-defined]
        texts = [message] if isinstance(message, str) else [text for text in message if isinstance(text, str)]
        _add_call(found, name, function, texts)


def _calls(found: Found, name: str, tree: ast.AST) -> None:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if function in _CALLS and texts:
            _add_call(found, name, function, texts)


def _add_call(found: Found, name: str, function: str, texts: list[str]) -> None:
    wanted = _CALLS[function]
    context, texts = (texts[0], texts[1:]) if "pgettext" in function else ("", texts)
    if len(texts) >= wanted:
        found.add(name, texts[0], texts[1] if wanted == 2 else "", context)


# --- errors -------------------------------------------------------------------------------------------------


def error_names(trees: Iterable[ast.AST]) -> set[str]:
    """Return the names of `AgentError` and of everything that derives from it."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    names = {"AgentError"}
    while more := {c.name for c in classes if {ast.unparse(b).rpartition(".")[2] for b in c.bases} & names} - names:
        names |= more
    return names


def _errors(found: Found, name: str, tree: ast.AST, kinds: set[str]) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name in kinds:
            found.add(name, " ".join((ast.get_docstring(node) or "").split()))
            for line in node.body:
                target = getattr(line, "target", None) or next(iter(getattr(line, "targets", ())), None)
                if isinstance(target, ast.Name) and target.id in ("hint", "safe"):
                    for text in literals(line.value):  # type: ignore[attr-defined]
                        found.add(name, text)
        elif isinstance(node, ast.Call) and node.args and _name(node.func) in kinds:
            for text in literals(node.args[0]):
                found.add(name, text)


def unreadable(root: Path = ROOT) -> set[str]:
    """Return the places where an error is given a message that cannot be read from the code: `file: expression`."""
    files = sorted((root / "agent").rglob("*.py"))
    trees = {file.relative_to(root).as_posix(): ast.parse(file.read_text(encoding="utf-8")) for file in files}
    kinds = error_names(trees.values())
    return {
        f"{name}: {ast.unparse(node)}"
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.args and _name(node.func) in kinds and not [*literals(node.args[0])]
    }


def _name(function: ast.AST) -> str:
    return ast.unparse(function).rpartition(".")[2]


def literals(node: ast.AST | None) -> Iterator[str]:
    """Yield the texts that an expression may be: a literal, an f-string as a msgid, either branch of a choice."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield msgid(node)
    elif isinstance(node, ast.IfExp):
        yield from (*literals(node.body), *literals(node.orelse))


def msgid(node: ast.JoinedStr) -> str:
    """Return an f-string with a named placeholder for each of its facts."""
    text, seen = "", dict[str, str]()
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += str(part.value).replace("%", "%%")
            continue
        assert isinstance(part, ast.FormattedValue)
        key = ast.unparse(part.value)
        if key not in seen:
            base = _fact(part.value) or "value"
            seen[key] = base if base not in seen.values() else f"{base}{len(seen) + 1}"
        text += f"%({seen[key]})s"
    return text


def _fact(node: ast.AST) -> str:
    """Return the name of what an expression is about: its last attribute, its last argument, what is indexed."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript):
        key = node.slice
        return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else _fact(node.value)
    if isinstance(node, ast.Call):
        return next((name for arg in reversed(node.args) if (name := _fact(arg))), "")
    parts = {ast.BinOp: ("left", "right"), ast.IfExp: ("body", "orelse")}.get(type(node), ())
    inner: list[Any] = [getattr(node, part) for part in parts] or list(getattr(node, "values", ()))
    return next((name for part in inner if (name := _fact(part))), "")


# --- sentences wherever they stand ---------------------------------------------------------------------------


def _sentences(found: Found, name: str, tree: ast.AST) -> None:
    skipped = _no_texts(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in skipped:
            for text in literals(node):
                if _for_people(text, inside=name.startswith("agent/objects/")):
                    found.add(name, text)


def _for_people(text: str, *, inside: bool) -> bool:
    if _SQL.match(text.lstrip()) or "  " in text:
        return False
    kinds = (_SENTENCE, _LED, _REASON) if inside else (_SENTENCE, _LED)
    return any(kind.fullmatch(text) for kind in kinds)


def _no_texts(tree: ast.AST) -> set[int]:
    """Return what is a docstring, a part of an f-string, an argument of gettext or of a setting."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            skipped |= {id(below) for part in node.values for below in ast.walk(part)}
        elif isinstance(node, ast.Call) and _name(node.func) in _SETTINGS | set(_CALLS):
            skipped |= {id(below) for below in ast.walk(node)}
    return skipped


# --- tables --------------------------------------------------------------------------------------------------


def _tables(found: Found) -> None:
    place = "agent/web/states.py"
    for kind, row in STATES.items():
        for word in row.values():
            found.add(place, word, context=kind)
    for row in ROWS:
        for text in (row.what, row.safe, row.act):
            if isinstance(text, Counted):
                found.add("agent/web/sentences.py", text.one, text.many)
            elif text:
                found.add("agent/web/sentences.py", text)
    for unit in ("second", "minute", "hour", "day", "month", "year"):
        found.add("agent/web/phrases.py", f"%(num)s {unit}", f"%(num)s {unit}s")
        if unit not in ("month", "year"):
            found.add("agent/web/words.py", f"%(num)s {unit}", f"%(num)s {unit}s", "span")
    for row in (*statuses.C_STORE, *step_statuses.N_CREATE, *step_statuses.N_SET, *commitment_statuses.N_ACTION):
        found.add("agent/statuses.py", row.words)
    for text in (*reasons.REJECT_REASONS.values(), *reasons.ABORT_REASONS.values()):
        found.add("agent/dimse/upper/reasons.py", text)
    for text in (reasons.reject_words(9, 9), reasons.abort_words(9, 9), reasons.abort_words(0, 0)):
        found.add("agent/dimse/upper/reasons.py", text)
    for text in (FOUND, FOUND_CLIP, REBUILT, "temporary identity", "no pictures"):
        found.add("agent/exam.py", text)
    found.add("agent/objects/validity.py", "%(keyword)s: %(reason)s")


def values_of(*kinds: type[Enum]) -> set[str]:
    """Return the values of enumerations, to be held against `STATES`."""
    return {str(member.value) for kind in kinds for member in kind}
