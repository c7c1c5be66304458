"""Setting a few text keys in a TOML file without touching its comments; proven by reading it again."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from agent.config.problem import toml
from agent.errors import BadRequest


def with_keys(text: str, table: str, keys: Mapping[str, str]) -> str:
    """Return `text` with `keys` set in `[table]`, which is added at the end where it is missing.

    Raises `BadRequest` when the result would say anything else than before plus these keys: then a person edits it.
    """
    lines = text.splitlines()
    header = re.compile(rf"^\s*\[\s*{re.escape(table)}\s*\]\s*(#.*)?$")
    start = next((i for i, line in enumerate(lines) if header.match(line)), None)
    if start is None:
        lines += ["", f"[{table}]"]
        start = len(lines) - 1
    end = next((i for i in range(start + 1, len(lines)) if re.match(r"^\s*\[", lines[i])), len(lines))
    for key, value in keys.items():
        assigned = re.compile(rf"^(\s*{re.escape(key)}\s*=\s*)(\"[^\"]*\"|'[^']*')(.*)$")
        found = next((i for i in range(start + 1, end) if assigned.match(lines[i])), None)
        if found is None:
            lines.insert(start + 1, f"{key} = {toml(value)}")
            end += 1
        else:
            lines[found] = assigned.sub(lambda m, v=value: f"{m[1]}{toml(v)}{m[3]}", lines[found])  # type: ignore[misc]
    made = "\n".join(lines) + "\n"
    _assert_nothing_else(text, made, table, keys)
    return made


def _assert_nothing_else(before: str, after: str, table: str, keys: Mapping[str, str]) -> None:
    try:
        wanted, got = tomllib.loads(before), tomllib.loads(after)
    except tomllib.TOMLDecodeError as e:
        raise BadRequest("The configuration file has to be changed by hand.") from e
    wanted[table] = {**wanted.get(table, {}), **keys}
    if wanted != got:
        raise BadRequest("The configuration file has to be changed by hand.")
