"""The page of the retry contract is what the tables say."""

from __future__ import annotations

from pathlib import Path

from agent.contract import page

PAGE = Path(__file__).parents[3] / "docs" / "retry-contract.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m agent.contract docs/retry-contract.md"
