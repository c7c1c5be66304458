"""One table of the configuration: frozen, strict, no unknown key; no mistake hides another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

Location = tuple[str | int, ...]
Complaint = tuple[Location, str]
"""Where (inside this table) and why."""


class Section(BaseModel):
    """The base of every table. A subclass gives its rules between keys in `complaints`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:  # noqa: ARG003 -- for subclasses
        """Yield what is wrong between the keys of `raw`, as read: any key may be absent or mistyped."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Validate the keys one by one and between each other, and report both kinds of mistakes together."""
        between = [_line(value, where, why) for where, why in cls.complaints(value)] if _is_table(value) else []
        try:
            made = handler(value)
        except ValidationError as e:
            raise ValidationError.from_exception_data(cls.__name__, [*map(_again, e.errors()), *between]) from e
        if between:
            raise ValidationError.from_exception_data(cls.__name__, between)
        return made


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(k, str) for k in value)


def _line(raw: Any, where: Location, why: str) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError("rule", "{why}", {"why": why}), loc=where, input=raw)


def _again(error: Any) -> InitErrorDetails:
    """Return one reported error in the form from which pydantic makes an error."""
    kind = error["type"]
    if kind == "rule":
        kind = PydanticCustomError("rule", "{why}", error["ctx"])
    return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"], ctx=error.get("ctx", {}))
