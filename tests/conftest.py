"""Fixtures that many tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.system.world import Sandbox, sandbox_in

# How long an example takes says something about the machine and its neighbours, never about the code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A RIS and a PACS over mutual TLS, in this process."""
    with sandbox_in(tmp_path / "sandbox") as running:
        yield running
