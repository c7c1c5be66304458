"""Layers of the configuration: what every box has, what the site adds, what this box says of itself.

| layer | file beside `config.toml` | who writes it | precedence |
|---|---|---|---|
| image | `image.toml` | comes with the system image, the same on every box | lowest |
| site | `site.toml` | IT of the hospital, the same on all its boxes | over image |
| box | `config.toml` | this box alone: name, AE title, devices | highest |

Table by table and key by key the higher layer wins. Rows of `[[source]]`, `[[destination]]` and `[[trigger]]` with one
name are one row; rows that only a lower layer has come first, in its order. A list is taken whole. File names in every
layer are relative to the one folder. A layer that is not there adds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.config import toml_file
from agent.config.problem import Problem
from agent.config.section import Location

FILES: Mapping[str, str] = {"image": "image.toml", "site": "site.toml"}
"""Layers below the box's own, lowest first."""
BOX = "box"
LAYERS = (*FILES, BOX)
ROWS = ("source", "destination", "trigger")


@dataclass(slots=True, kw_only=True)
class Layered:
    """All layers in one, where each value came from, and what was wrong with a file."""

    raw: dict[str, Any]
    origins: dict[Location, str] = field(default_factory=dict)
    """Place of a value (tables and rows have none) → its layer; nothing for those of the box itself."""
    problems: list[Problem] = field(default_factory=list)

    def layer(self, where: Location) -> str:
        """Return the layer that the value at `where`, or the nearest around it, came from."""
        for end in range(len(where), 0, -1):
            if where[:end] in self.origins:
                return self.origins[where[:end]]
        return BOX


def path_of(config: Path, layer: str) -> Path:
    """Return the file of a layer; `config` is the box's own."""
    return config.with_name(FILES[layer]) if layer in FILES else config


def merge(raw: Mapping[str, Any], folder: Path, given: Mapping[str, Mapping[str, Any]] | None = None) -> Layered:
    """Return `raw`, the box's own layer, over those in `folder`; `given` stands in for what is in their files."""
    layered = Layered(raw={})
    for layer, name in FILES.items():
        told = _told(layered, folder / name, (given or {}).get(layer))
        if told:
            layered.raw = _merged(layered, layered.raw, told, (), layer)
    layered.raw = _merged(layered, layered.raw, raw, (), BOX) if layered.raw else dict(raw)
    return layered


def _told(layered: Layered, path: Path, given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if given is not None:
        return given
    if not path.exists():
        return {}
    told, wrong = toml_file.read(path)
    if wrong:
        layered.problems.append(Problem(file=str(path), key="", reason=wrong, example='[worklist]\nhost = "ris"'))
    return told


def _merged(
    layered: Layered, below: Mapping[str, Any], above: Mapping[str, Any], where: Location, layer: str
) -> dict[str, Any]:
    made = dict(below)
    for key, value in above.items():
        place = (*where, key)
        under = below.get(key)
        if isinstance(value, Mapping):
            made[key] = _merged(layered, under if isinstance(under, Mapping) else {}, value, place, layer)
        elif not where and key in ROWS and isinstance(value, list):
            made[key] = _rows(layered, under if isinstance(under, list) else [], value, place, layer)
        else:
            made[key] = value
            _came(layered, place, layer)
    return made


def _rows(layered: Layered, below: list[Any], above: list[Any], where: Location, layer: str) -> list[Any]:
    made, places = list(below), {row["name"]: n for n, row in enumerate(below) if _named(row)}
    for row in above:
        number = places.get(row["name"]) if _named(row) else None
        if number is None:
            number = len(made)
            made.append({})
        is_table = isinstance(row, Mapping)
        made[number] = _merged(layered, made[number], row, (*where, number), layer) if is_table else row
    return made


def _named(row: Any) -> bool:
    return isinstance(row, Mapping) and isinstance(row.get("name"), str)


def _came(layered: Layered, place: Location, layer: str) -> None:
    if layer == BOX:
        layered.origins.pop(place, None)
    else:
        layered.origins[place] = layer
