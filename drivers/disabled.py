"""A source that is switched off in the configuration: it says so, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from drivers.contract import DriverError

if TYPE_CHECKING:
    from drivers.contract import Frame, Geometry


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Nothing can be set on a source that is off."""


class Source:
    """A complete driver without a device."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()

    def open(self) -> Geometry:
        """Always raises `DriverError("disabled")`."""
        raise DriverError("disabled")

    def read(self, timeout_s: float) -> Frame | None:  # noqa: ARG002 - the contract's signature
        """Always raises `DriverError("disabled")`."""
        raise DriverError("disabled")

    def close(self) -> None:
        """There is nothing to give back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
