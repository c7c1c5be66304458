"""Reading the configuration: one file and its profiles in, one frozen `Configuration` or all mistakes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.config import explain, layers, profile, toml_file
from agent.config.layers import Layered
from agent.config.problem import Problem, key_of
from agent.config.profile import Merged
from agent.config.schema import Configuration
from agent.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What reading brought: a configuration, or None with the reasons."""

    configuration: Configuration | None
    problems: tuple[Problem, ...]


def load(path: Path | str) -> Configuration:
    """Return the configuration in the file at `path`, paths in it made absolute against its folder.

    Raises `ConfigurationError` whose `problems` are all mistakes, each `file: key: reason. Example: …`.
    Touches no hardware and no network; certificates are looked at by `check` only.
    """
    return _accepted(examine(path))


def validate(raw: Mapping[str, Any], file: str, folder: Path) -> Configuration:
    """Return the configuration in `raw` (as TOML reads it), or raise `ConfigurationError` like `load`."""
    return _accepted(examine_tables(raw, file, folder))


def examine(path: Path | str) -> Examined:
    """Return what the file at `path` holds and all that is wrong with it; never raises."""
    path = Path(path).absolute()
    raw, wrong = toml_file.read(path)
    if wrong:
        problem = Problem(file=str(path), key="", reason=wrong, example='[box]\nname = "Ultrasound room 2"')
        return Examined(configuration=None, problems=(problem,))
    return examine_tables(raw, str(path), path.parent)


def examine_tables(
    raw: Mapping[str, Any], file: str, folder: Path, given: Mapping[str, Mapping[str, Any]] | None = None
) -> Examined:
    """Return what `raw` holds over its lower layers, and everything that is wrong with it, with them and with the
    profiles that are named. `given` stands in for the files of lower layers."""
    layered = layers.merge(raw, folder, given)
    merged = profile.merge(layered.raw, file, folder)
    merged.problems[:0] = layered.problems
    try:
        configuration = Configuration.model_validate(merged.raw, context={"folder": folder})
    except ValidationError as e:
        found = tuple(_problem(error, file, merged, layered) for error in e.errors(include_url=False))
        return Examined(configuration=None, problems=(*merged.problems, *found))
    return Examined(configuration=None if merged.problems else configuration, problems=tuple(merged.problems))


def _accepted(examined: Examined) -> Configuration:
    if examined.configuration is None:
        count = len(examined.problems)
        raise ConfigurationError(
            f"The configuration has {count} mistake{'s' if count > 1 else ''}.",
            problems=tuple(map(str, examined.problems)),
        )
    return examined.configuration


def _problem(error: Any, file: str, merged: Merged, layered: Layered) -> Problem:
    """Return one of pydantic's errors as a problem of the file that the value came from."""
    where = tuple(error["loc"])
    origin = merged.origins.get(where[:4])
    layer = layered.layer(where)
    if not origin and layer != layers.BOX:
        file = str(layers.path_of(Path(file), layer))
    return Problem(
        file=origin or file,
        key=key_of(where[2:] if origin else where),
        reason=explain.reason(error),
        example=explain.example(where, merged.raw),
    )
