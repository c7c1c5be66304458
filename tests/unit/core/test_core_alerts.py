"""What is to be told, as rows: once for each channel and edge, bounded, given up after so many tries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent.config.load import validate
from agent.errors import ConfigurationError
from agent.store import Stamp, Store
from agent.store.alerts import MOST_DUE
from agent.store.migrations import migrate
from tests.unit.core.test_core_health import RAW
from tests.unit.core.test_core_store import STAMP

OWN = "A-22"
BEGAN = datetime.fromisoformat(STAMP.at).timestamp()
LATER = BEGAN + 3600


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    migrate(str(tmp_path / "db"))
    store = Store(tmp_path / "db")
    yield store
    store.close()


def plan(store: Store, channel: str = "mail", older_than: float = LATER) -> list[tuple[str, str]]:
    store.alerts.plan(channel, OWN, older_than, STAMP)
    return [(a.code, a.edge) for a in store.alerts.due(channel, 10_000)]


def tell(store: Store, channel: str = "mail") -> None:
    store.alerts.told(store.alerts.due(channel, 10_000), STAMP)


def cleared(minutes: int) -> Stamp:
    return replace(STAMP, at=STAMP.at[:14] + f"{minutes:02}" + STAMP.at[16:])


def test_each_channel_is_told_once_when_it_began_and_once_when_it_ended(store: Store) -> None:
    store.records.raise_alarm("P-06", "pacs", "words", STAMP)
    assert plan(store) == [("P-06", "begun")]
    assert plan(store) == [("P-06", "begun")]
    tell(store)
    assert plan(store) == []
    assert plan(store, "webhook") == [("P-06", "begun")]
    store.records.clear_alarm("P-06", "pacs", cleared(51))
    assert plan(store) == [("P-06", "ended")]
    assert plan(store, "webhook") == [("P-06", "begun"), ("P-06", "ended")], "in the order in which it happened"
    tell(store)
    store.records.raise_alarm("P-06", "pacs", "words", STAMP)
    assert plan(store) == [("P-06", "begun")], "it began again: that is another alarm"


def test_what_ends_before_anybody_was_to_be_told_is_told_to_nobody(store: Store) -> None:
    store.records.raise_alarm("P-06", "pacs", "words", STAMP)
    assert plan(store, older_than=BEGAN - 60) == []
    store.records.clear_alarm("P-06", "pacs", cleared(51))
    assert plan(store) == []


def test_the_alarm_about_a_channel_is_told_by_the_other_alone(store: Store) -> None:
    store.records.raise_alarm(OWN, "mail", "words", STAMP)
    assert plan(store, "mail") == []
    assert plan(store, "webhook") == [(OWN, "begun")]


def test_a_channel_that_never_takes_it_is_given_up_on_and_hears_no_end(store: Store) -> None:
    store.records.raise_alarm("P-06", "pacs", "words", STAMP)
    plan(store)
    for tries in range(3):
        (due,) = store.alerts.due("mail", 10)
        assert due.tries == tries
        store.alerts.failed([due], 3, STAMP)
    assert (store.alerts.waiting(), store.alerts.given_up()) == ({}, {"mail": 1})
    store.records.clear_alarm("P-06", "pacs", cleared(51))
    assert plan(store) == []


def test_the_queue_of_a_channel_is_bounded_and_nothing_is_lost_by_it(store: Store) -> None:
    for number in range(MOST_DUE + 50):
        store.records.raise_alarm("D-04", f"frame-{number}", "words", STAMP)
    assert len(plan(store)) == MOST_DUE
    assert len(plan(store)) == MOST_DUE
    tell(store)
    assert len(plan(store)) == 50


@pytest.mark.parametrize(
    ("alerts", "key", "why"),
    [
        ({"webhook": {"host": "h"}}, "alerts.webhook.ca_file", "TLS needs ca_file"),
        ({"webhook": {"host": "h", "ca_file": "c", "path": "hook"}}, "alerts.webhook.path", "begin with a slash"),
        ({"webhook": {"host": "h", "ca_file": "c", "path": "/a b"}}, "alerts.webhook.path", "no spaces"),
        ({"mail": {"host": "h", "ca_file": "c", "sender": "a@b", "to": []}}, "alerts.mail.to", "at least 1"),
        ({"mail": {"host": "h", "ca_file": "c", "sender": "a@b\n", "to": ["c@d"]}}, "alerts.mail.sender", ""),
        ({"mail": {"host": "h", "ca_file": "c", "sender": "a@b", "to": ["x"]}}, "alerts.mail.to", "no mail address"),
        (
            {"mail": {"host": "h", "ca_file": "c", "sender": "a@b", "to": ["c@d"], "user": "u"}},
            "alerts.mail.password_file",
            "together or not at all",
        ),
    ],
)
def test_channels_that_could_not_work_are_refused(tmp_path: Path, alerts: Any, key: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validate({**RAW, "alerts": alerts}, "f", tmp_path)
    assert any(key in problem and why in problem for problem in caught.value.problems), caught.value.problems
