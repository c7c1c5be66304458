"""Device profiles: a TOML file whose tables fill in what a source leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from agent.config.problem import Problem
from agent.config.section import Location
from agent.config.toml_file import read

TABLES = ("picture", "clip", "document", "object", "options")
"""What a profile may say."""

KEYS = ("description", *TABLES)
"""The description is for people only."""


@dataclass(slots=True, kw_only=True)
class Merged:
    """The configuration with its profiles filled in, where values came from, and what was wrong."""

    raw: dict[str, Any]
    origins: dict[Location, str] = field(default_factory=dict)
    """(`source`, row, table, key) -> the profile's file, for values that the source itself does not give."""
    problems: list[Problem] = field(default_factory=list)


def merge(raw: Mapping[str, Any], file: str, folder: Path) -> Merged:
    """Return `raw` with the profile of each source under the source's own values."""
    merged = Merged(raw=dict(raw))
    rows = raw.get("source")
    if isinstance(rows, list | tuple):
        merged.raw["source"] = [_with_profile(merged, n, row, file, folder) for n, row in enumerate(rows)]
    return merged


def _with_profile(merged: Merged, number: int, row: Any, file: str, folder: Path) -> Any:
    named = row.get("profile") if isinstance(row, Mapping) else None
    if not named or not isinstance(named, str) or not named.isprintable():
        return row  # a mistyped value is told by the schema
    path = folder / named
    profile, problem = read(path)
    if problem:
        merged.problems.append(
            Problem(
                file=file,
                key=f"source#{number + 1}.profile",
                reason=f"{path}: {problem}",
                example='profile = "profiles/old-ultrasound-pal.toml"',
            )
        )
        return row
    merged.problems.extend(_strange(profile, str(path)))
    filled = dict(row)
    for table in TABLES:
        own, below = row.get(table, {}), profile.get(table)
        if isinstance(own, Mapping) and isinstance(below, Mapping):
            filled[table] = {**below, **own}
            merged.origins.update({("source", number, table, k): str(path) for k in below if k not in own})
    return filled


def _strange(profile: Mapping[str, Any], path: str) -> list[Problem]:
    """Return what in a profile is no table of a profile."""
    found = ((key, _objection(key, value)) for key, value in profile.items())
    return [Problem(file=path, key=key, reason=why, example=_example(key)) for key, why in found if why]


def _objection(key: str, value: Any) -> str:
    if key not in KEYS:
        near = get_close_matches(key, KEYS, n=1)
        return "unknown key; " + (f"did you mean {near[0]!r}?" if near else "a profile has: " + ", ".join(KEYS))
    if key == "description":
        return "" if isinstance(value, str) else "must be text in quotes"
    return "" if isinstance(value, Mapping) else "must be a table"


def _example(key: str) -> str:
    nearest = (get_close_matches(key, KEYS, n=1) or ["description"])[0]
    return 'description = "Old ultrasound, PAL"' if nearest == "description" else f"[{nearest}]"
