"""Delivery receipts as CSV (RFC 4180): which object went where, when, with which answer, and when it was committed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, fields
from datetime import date, timedelta

from agent.errors import BadRequest
from agent.store.receipts import Receipt

MOST_DAYS, MOST_ROWS = 366, 50_000
_ACTIVE = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for a formula (security.md H13)."""


def days(first: str, last: str, today: date) -> tuple[str, str]:
    """Return the first day and the day after the last one as ISO dates; empty: today. Raises `BadRequest`."""
    try:
        begin = date.fromisoformat(first) if first else today
        end = date.fromisoformat(last) if last else today
    except ValueError:
        raise BadRequest("A day is written as 2026-11-24.") from None
    if end < begin:
        raise BadRequest("The last day is before the first.")
    if end - begin >= timedelta(days=MOST_DAYS):
        raise BadRequest(f"Receipts are given for {MOST_DAYS} days at most.")
    return begin.isoformat(), (end + timedelta(days=1)).isoformat()


def as_csv(receipts: Iterable[Receipt]) -> bytes:
    """Return a head line and one line for each receipt; every field as text that no spreadsheet computes."""
    made = io.StringIO(newline="")
    writer = csv.writer(made)
    writer.writerow(field.name for field in fields(Receipt))
    writer.writerows([_plain(value) for value in astuple(receipt)] for receipt in receipts)
    return made.getvalue().encode()


def _plain(value: str) -> str:
    return f"'{value}" if value.startswith(_ACTIVE) else value
