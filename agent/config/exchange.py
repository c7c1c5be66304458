"""Export and import of layers as TOML: secrets never leave, and an import keeps those that are there."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.config import layers, toml_file, versions
from agent.config.load import examine_tables
from agent.config.problem import key_of, toml
from agent.config.secrets import MASK, masked
from agent.config.section import Location
from agent.errors import BadRequest, ConfigurationError


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
    path = _file(config, layer)
    old, _ = toml_file.read(path) if path.exists() else ({}, "")
    new = _with_secrets(told, old)
    if new == old and path.exists():
        return False
    _assert_right(config, layer, new)
    if path.exists():
        versions.put(path, versions.previous(path))
    content = as_toml(new) if new != told else text
    versions.write(path, content.encode(), path.stat().st_mode & 0o777 if path.exists() else 0o640)
    return True


def _assert_right(config: Path, layer: str, new: Mapping[str, Any]) -> None:
    own = new if layer == layers.BOX else _read(config)
    given = {layer: new} if layer != layers.BOX else {}
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
    if path.name in layers.FILES.values() and not path.exists():
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
