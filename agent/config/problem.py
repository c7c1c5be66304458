"""One mistake of the configuration, as the person who edits the file reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Which file, which key, what is wrong and what would be right."""

    file: str
    key: str
    """`table.key`; rows of `[[table]]` count from one: `destination#2.port`. Empty: the whole file."""
    reason: str
    example: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        stop = "" if self.reason.endswith(("?", ".")) else "."
        return f"{place}: {self.reason}{stop} Example: {self.example}"


def key_of(where: tuple[str | int, ...]) -> str:
    """Return a location as a key: `("source", 0, "name")` is `source#1.name`."""
    text = "".join(f"#{part + 1}" if isinstance(part, int) else f".{part}" for part in where)
    return text.removeprefix(".")


def toml(value: Any) -> str:
    """Return `value` as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False, default=str)
