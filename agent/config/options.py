"""A driver's options held against the dataclass `Options` that it declares: unknown keys, types, values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from agent.config.section import Complaint
from drivers import table
from drivers.options import OptionRefused, build


def known(kind: str) -> dict[str, str]:
    """Return our own drivers of `kind` (`source` or `trigger`) and one sentence about each."""
    return {name: info.summary for name, info in table.DRIVERS.items() if info.kind == kind}


def unknown_driver(name: str, kind: str) -> str:
    """Return why `name` is no driver of `kind`, or the empty string when it is one."""
    try:
        found = table.find(name).kind
    except table.UnknownDriver:
        found = ""
    if found == kind:
        return ""
    names = known(kind)
    near = get_close_matches(name, names, n=1)
    advice = f"did you mean {near[0]!r}?" if near else "there are: " + ", ".join(sorted(names))
    return f"there is no {kind} driver {name!r}; {advice}"


def fields(driver: str) -> tuple[dataclasses.Field[Any], ...]:
    """Return the declared options of `driver`."""
    return dataclasses.fields(table.load_options(driver))


def complaints(driver: str, raw: Mapping[str, Any]) -> Iterator[Complaint]:
    """Yield what `raw` has that the options of `driver` do not allow: (key inside `options`, reason).

    Each option is tried alone, so that one mistake does not hide another, then all together.
    """
    try:
        declared = table.load_options(driver)
    except (ImportError, AttributeError) as e:
        yield (), f"the driver {driver!r} cannot be loaded: {e}"
        return
    names = [f.name for f in dataclasses.fields(declared)]
    alone = [(k, _refusal(declared, {k: v}) if k in names else _unknown(k, names)) for k, v in raw.items()]
    wrong = [((key,), why) for key, why in alone if why]
    together = "" if wrong else _refusal(declared, raw)
    yield from wrong
    if together:
        yield (), together


def _unknown(key: str, names: list[str]) -> str:
    near = get_close_matches(key, names, n=1)
    return "unknown option; " + (f"did you mean {near[0]!r}?" if near else "there are: " + ", ".join(names))


def _refusal(declared: type[Any], values: Mapping[str, Any]) -> str:
    try:
        build(declared, values)
    except (OptionRefused, TypeError) as e:
        return str(e)
    return ""


def defaults(driver: str) -> dict[str, Any]:
    """Return the default of each option of `driver` that has one which TOML can write."""
    found: dict[str, Any] = {}
    for f in fields(driver):
        if f.default is not dataclasses.MISSING:
            found[f.name] = f.default
        elif f.default_factory is not dataclasses.MISSING:
            found[f.name] = f.default_factory()
    return {name: value for name, value in found.items() if value is not None}
