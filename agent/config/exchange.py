"""Export and import of layers as TOML: secrets never leave, and an import keeps those that are there."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.config import layers, toml_file, versions
from agent.config.difference import Change, difference
from agent.config.load import examine_tables
from agent.config.problem import key_of, toml
from agent.config.secrets import MASK, masked
from agent.config.section import Location
from agent.errors import BadRequest, ConfigurationError

_NONE: Mapping[str, str] = {}


def export(config: Path, layer: str) -> str:
    """Return one layer, or `effective`: all in one, as TOML with a mark in place of each secret.

    Keys of TLS and passwords that stand in files of their own are named by their paths, never read.
    """
    told = layers.merge(_read(config), config.parent).raw if layer == "effective" else _read(_file(config, layer))
    return as_toml(masked(told))


def values(config: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (key, value, layer) of everything that some layer sets, secrets masked."""
    layered = layers.merge(_read(config), config.parent)
    for where, value in _leaves(masked(layered.raw), ()):
        yield key_of(where), toml(value), layered.layer(where)


def bring_in(config: Path, layer: str, text: str) -> bool:
    """Make `text` the layer, after all layers together were found right; durable on return, the old one is kept as
    `*.previous`. False: it was so already. The running service takes it at its next start.

    Raises `BadRequest` for text that is no TOML or has a mark for a secret that is not here, `ConfigurationError`
    with every mistake.
    """
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise BadRequest(f"This is not TOML: {e}.") from e
    return bool(apply(config, {layer: told}, texts={layer: text}))


def layers_of(text: str) -> dict[str, dict[str, Any]]:
    """Return layer → its tables, from JSON as tools for many boxes write it; raises `BadRequest`."""
    try:
        told = json.loads(text)
    except ValueError as e:
        raise BadRequest(f"This is not JSON: {e}.") from e
    if not isinstance(told, dict) or not all(isinstance(tables, dict) for tables in told.values()):
        raise BadRequest("Expected are layers, and in each its tables.")
    return {layer: _without_nothing(tables) for layer, tables in told.items()}


def _without_nothing(value: Any) -> Any:
    """Return `value` without keys that are null: TOML has no nothing, and a tool's variable without a value is none."""
    if isinstance(value, dict):
        return {key: _without_nothing(inner) for key, inner in value.items() if inner is not None}
    return [_without_nothing(inner) for inner in value] if isinstance(value, list) else value


def apply(
    config: Path, given: Mapping[str, Mapping[str, Any]], *, texts: Mapping[str, str] = _NONE, look: bool = False
) -> dict[str, tuple[Change, ...]]:
    """Make every layer of `given` what is said there, after all layers together were found right; return what changed.

    Durable on return, the old ones are kept as `*.previous`; layers that are not given stay. `look` changes nothing.
    `texts`: how a layer was written, comments included. Raises as `bring_in`.
    """
    old = {layer: _read(_file(config, layer)) for layer in given}
    new = {layer: _with_secrets(told, old[layer]) for layer, told in given.items()}
    _assert_right(config, new)
    changed = [layer for layer in layers.LAYERS if layer in new and new[layer] != old[layer]]
    for layer in changed if not look else ():
        path = _file(config, layer)
        if path.exists():
            versions.put(path, versions.previous(path))
        content = texts[layer] if layer in texts and new[layer] == given[layer] else as_toml(new[layer])
        versions.write(path, content.encode(), path.stat().st_mode & 0o777 if path.exists() else 0o640)
    return {layer: difference(old[layer], new[layer], frozenset()) for layer in changed}


def _assert_right(config: Path, new: Mapping[str, Mapping[str, Any]]) -> None:
    own = new[layers.BOX] if layers.BOX in new else _read(config)
    given = {layer: told for layer, told in new.items() if layer != layers.BOX}
    found = examine_tables(own, str(config), config.parent, given)
    if found.configuration is None:
        raise ConfigurationError(
            f"Nothing was changed: the layers together have {len(found.problems)} mistakes.",
            problems=tuple(map(str, found.problems)),
        )


def _file(config: Path, layer: str) -> Path:
    if layer not in layers.LAYERS:
        raise BadRequest(f"There is no layer {layer!r}: there are {', '.join(layers.LAYERS)}.")
    return layers.path_of(config, layer)


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    told, wrong = toml_file.read(path)
    if wrong:
        raise BadRequest(f"{path} {wrong}.")
    return told


def _with_secrets(new: Any, old: Any) -> Any:
    """Return `new` with each mark replaced by the secret that stands at the same place of the old layer."""
    if isinstance(new, Mapping):
        under = old if isinstance(old, Mapping) else {}
        return {key: _with_secrets(value, under.get(key)) for key, value in new.items()}
    if isinstance(new, list):
        named = {row.get("name"): row for row in old if isinstance(row, Mapping)} if isinstance(old, list) else {}
        return [_with_secrets(row, named.get(row.get("name")) if isinstance(row, Mapping) else None) for row in new]
    if isinstance(new, str) and new.startswith(MASK):
        if not isinstance(old, str) or not old:
            raise BadRequest("A secret is marked as it is on the box, but there is none here: write it in by hand.")
        return old
    return new


def _leaves(value: Any, where: Location) -> Iterator[tuple[Location, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*where, key))
    elif isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        for number, row in enumerate(value):
            yield from _leaves(row, (*where, number))
    else:
        yield where, value


def as_toml(told: Mapping[str, Any]) -> str:
    """Return tables as TOML text: keys, then tables, then rows."""
    parts = ["\n".join(_keys(told))] if _keys(told) else []
    for name, value in told.items():
        if isinstance(value, Mapping):
            parts.append("\n".join([f"[{name}]", *(f"{k} = {toml(v)}" for k, v in value.items())]))
        elif _is_rows(value):
            parts += ["\n".join([f"[[{name}]]", *(f"{k} = {toml(v)}" for k, v in row.items())]) for row in value]
    return "\n\n".join(parts) + "\n" if parts else ""


def _keys(told: Mapping[str, Any]) -> list[str]:
    return [f"{k} = {toml(v)}" for k, v in told.items() if not isinstance(v, Mapping) and not _is_rows(v)]


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)
