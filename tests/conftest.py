"""Fixtures that many tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.world import Sandbox, sandbox_in


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A RIS and a PACS over mutual TLS, in this process."""
    with sandbox_in(tmp_path / "sandbox") as running:
        yield running
