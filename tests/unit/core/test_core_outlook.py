"""Windows, metrics and certificates: what the box knows of hours, numbers and ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent import certificates
from agent.audit_event import LOGIN, Result
from agent.certificates import Certificates
from agent.child import BUILD
from agent.clock import Clock
from agent.devices import Devices
from agent.dimse.pace import Pace
from agent.launcher import ExecLauncher
from agent.metrics import HELP, Metrics, Surroundings, counted
from agent.spool import Spool
from agent.store import Store
from agent.store.migrations import migrate
from agent.tally import COMMIT, Tally
from agent.window import Window
from tests import pki
from tests.unit.core.test_core_store import STAMP, built, open_exam

NIGHT, DAY = Window.of("22:00", "06:00"), Window.of("08:00", "18:00")


@pytest.mark.parametrize(
    ("window", "now", "closed_s"),
    [
        (NIGHT, "23:00", 0), (NIGHT, "05:59", 0), (NIGHT, "06:00", 57600), (NIGHT, "21:59", 60), (NIGHT, "22:00", 0),
        (DAY, "12:00", 0), (DAY, "07:59", 60), (DAY, "18:00", 14 * 3600), (DAY, "23:30", 8.5 * 3600),
    ],
)  # fmt: skip
def test_a_window_is_closed_for_so_long(window: Window, now: str, closed_s: float) -> None:
    at = datetime.fromisoformat(f"2026-11-24T{now}:00+02:00")
    assert window.closed_for(at) == closed_s


def test_no_window_without_both_ends() -> None:
    assert Window.of("", "") is None


@pytest.mark.alone
def test_a_pace_is_kept_on_average() -> None:
    beats: list[int] = []
    pace, began = Pace(1_000_000, lambda: beats.append(1)), monotonic()
    pace.sent(100_000)
    pace.sent(300_000)
    assert 0.28 < monotonic() - began < 0.6
    assert beats
    free = Pace(0, lambda: None)
    free.sent(1 << 40)
    assert monotonic() - began < 0.7


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    migrate(str(tmp_path / "db"))
    store = Store(tmp_path / "db")
    yield store
    store.close()


def test_metrics_are_read_by_the_usual_library_and_name_nobody(store: Store, tmp_path: Path) -> None:
    open_exam(store)
    built(store, 1)
    (job,) = store.jobs.claim("pacs", 1, 1800, STAMP)
    store.records.raise_alarm("X", 'a"b\\c', "words", STAMP)
    tally = Tally()
    for seconds in (0.04, 0.05, 0.7, 99.0, -1.0):
        tally.took(COMMIT, seconds)
    store.audit.heard = partial(counted, tally)
    store.audit.record(LOGIN, STAMP, Result.SERIOUS_FAILURE, user="x")
    store.audit.record(LOGIN, STAMP, Result.SUCCESS, user="x")
    metrics = Metrics(
        store, Spool(tmp_path / "spool"), _Clock(), Devices({}), ["pacs"], None,
        Surroundings(
            minimum_free_bytes=0, certificates=lambda: {"box.pem": 5.0}, core_resident_kb=lambda: 1000,
            life_used=lambda: {"mmcblk0": 0.3},
        ),
        tally,
    )  # fmt: skip
    text = metrics.text()
    families = {f.name: f for f in text_string_to_metric_families(text)}
    assert {f"{n}_total" if f.type == "counter" else n for n, f in families.items()} <= set(HELP)
    (queued,) = families["agent_queue_objects"].samples
    assert (queued.labels, queued.value) == ({"destination": "pacs", "state": "running"}, 1.0)
    assert families["agent_queue_bytes"].samples[0].value == job.size
    assert families["agent_cert_expiry_timestamp_seconds"].samples[0].labels == {"which": "box.pem"}
    times = {dict(s.labels).get("le", s.name): s.value for s in families[COMMIT].samples}
    assert times["0.05"] == 3
    assert times["1"] == 4
    assert times["+Inf"] == times[f"{COMMIT}_count"] == 5
    assert times[f"{COMMIT}_sum"] == pytest.approx(99.79)
    assert families["agent_login_failures"].samples[0].value == 1
    assert families["agent_identity_mismatch"].samples[0].value == 0
    assert families["agent_mmc_life_used_ratio"].samples[0].labels == {"device": "mmcblk0"}
    assert "Ґалаґан" not in text
    assert "UA-1" not in text


class _Clock(Clock):
    def now(self) -> datetime:
        return datetime.fromtimestamp(STAMP.unix, UTC)

    def monotonic(self) -> float:
        return 1.0

    def boottime_ns(self) -> int:
        return 0

    def trust(self):  # type: ignore[no-untyped-def]
        from agent.model import ClockTrust

        return ClockTrust.HOST


def test_certificates_wait_for_a_child_that_is_late(store: Store, tmp_path: Path) -> None:
    """On a slow board the build child may need longer than it has: no reason to end the whole service."""
    made, launcher = pki.make(tmp_path / "pki"), ExecLauncher()
    watch = Certificates(
        {"box.pem": str(made.agent_cert)}, store, launcher,
        stamp=lambda: STAMP, notice=lambda _what, _name: None, turned=lambda: None,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certificates, "BUILD", replace(BUILD, ready_timeout_s=0.001))
        assert watch.look() is False
    assert watch.expiry() == {}
    assert watch.look() is True
    assert set(watch.expiry()) == {"box.pem"}
    launcher.close()


def test_certificates_are_told_sixty_thirty_and_seven_days_ahead(store: Store, tmp_path: Path) -> None:
    made = pki.make(tmp_path / "pki")  # valid for thirty days from now
    launcher = ExecLauncher()
    today = datetime.now(UTC)
    stamp = [STAMP]
    watch = Certificates(
        {"box.pem": str(made.agent_cert), "none.pem": str(tmp_path / "none")}, store, launcher,
        stamp=lambda: stamp[0], notice=lambda _what, _name: None, turned=lambda: None,
    )  # fmt: skip
    seen = []
    for days in (-100, -25, 2, 24, 31):
        stamp[0] = replace(STAMP, unix=(today + timedelta(days=days)).timestamp())
        watch.look()
        seen.append([(a["code"], a["subject"]) for a in store.records.alarms()])
    launcher.close()
    name = "box.pem"
    assert seen == [[], [("C-60", name)], [("C-30", name)], [("C-07", name)], [("C-07", name)]]
    assert set(watch.expiry()) == {"box.pem"}
    stopping = threading.Event()
    stopping.set()
    watch.run(stopping)
