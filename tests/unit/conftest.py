"""A store on a fresh database, for every unit test that needs one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.store import Store
from agent.store.migrations import migrate


@pytest.fixture
def path(tmp_path: Path) -> Path:
    migrate(str(tmp_path / "db"))
    return tmp_path / "db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(path)
    yield store
    store.close()
