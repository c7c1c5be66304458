"""The pedal: debouncing as pure logic, then real ports: loop://, an RFC 2217 server, a pty without lines."""

from __future__ import annotations

import itertools
import os
import pty
import threading
from collections.abc import Iterator
from time import monotonic, monotonic_ns

import pytest
import serial
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import DriverError, Trigger
from drivers.triggers.debounce import Debounce
from drivers.triggers.serial_line import Options
from drivers.triggers.serial_line import Trigger as Pedal
from tests.unit.drivers.hosting import HostedSource
from tests.unit.drivers.rfc2217 import DeviceServer

pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name).. is deprecated:DeprecationWarning")


def presses(line: str, *, step_ms: int = 10) -> list[int]:
    """Return when a line like `___--_---` fires, in ms; one sign is one sample."""
    debounce = Debounce(rest_ms=150, stuck_ms=5000)
    return [i * step_ms for i, c in enumerate(line) if debounce.see(i * step_ms, active=c == "-")]


REST = "_" * 20


def test_it_fires_on_the_press_and_not_on_the_release() -> None:
    assert presses(REST + "-" * 30 + REST) == [200]


def test_bouncing_is_one_press() -> None:
    assert presses(REST + "-_--_-_---_" + "-" * 20 + "_-__-_" + REST) == [200]


def test_two_deliberate_presses_are_two() -> None:
    assert presses(REST + "-" * 10 + REST + "-" * 10) == [200, 500]


def test_a_pedal_that_is_down_at_the_start_is_no_press() -> None:
    assert presses("-" * 40) == []
    assert presses("-" * 40 + REST + "-") == [600]


def test_a_stuck_line_is_told_until_it_is_released() -> None:
    debounce = Debounce(rest_ms=150, stuck_ms=5000)
    debounce.see(0, active=False)
    assert debounce.see(200, active=True)
    assert not debounce.stuck
    debounce.see(5100, active=True)
    assert not debounce.stuck
    assert not debounce.see(5300, active=True)
    assert debounce.stuck
    debounce.see(5400, active=False)
    assert not debounce.stuck


@given(st.text("_-", max_size=400))
def test_presses_are_never_closer_than_the_rest(line: str) -> None:
    times = presses(line)
    for before, after in itertools.pairwise(times):
        between = line[before // 10 : after // 10]
        assert "_" * 15 in between


def test_a_pedal_on_a_loop() -> None:
    """loop:// wires RTS to CTS."""
    with Pedal(Options(port="loop://")) as pedal:
        assert isinstance(pedal, Trigger)
        pedal.open()
        port = pedal._port
        port.rts = False
        assert pedal.read(0.25) is None
        port.rts = True
        before = monotonic_ns()
        press = pedal.read(1.0)
        assert press is not None
        assert press.action == "capture"
        assert before <= press.pressed_ns <= monotonic_ns()
        assert pedal.read(0.25) is None


def test_a_normally_closed_pedal() -> None:
    with Pedal(Options(port="loop://", active=False)) as pedal:
        pedal.open()
        assert pedal.read(0.25) is None
        pedal._port.rts = False
        assert pedal.read(1.0) is not None


@pytest.fixture
def server() -> Iterator[DeviceServer]:
    with DeviceServer() as made:
        yield made


@pytest.mark.parametrize(("line", "name"), [("cts", "cts"), ("dsr", "dsr"), ("ri", "ri"), ("dcd", "cd")])
def test_each_line_over_the_network(server: DeviceServer, line: str, name: str) -> None:
    with Pedal(Options(port=server.url, line=line)) as pedal:
        pedal.open()
        assert pedal.read(0.3) is None
        setattr(server.lines, name, True)
        first = pedal.read(2.0)
        setattr(server.lines, name, False)
        assert pedal.read(0.3) is None
        setattr(server.lines, name, True)
        second = pedal.read(2.0)
    assert first is not None
    assert second is not None
    assert first.press_id != second.press_id


def test_an_unplug_is_noticed_and_the_port_is_opened_again(server: DeviceServer) -> None:
    with Pedal(Options(port=server.url)) as pedal:
        pedal.open()
        assert pedal.read(0.2) is None
        server.hang_up()
        with pytest.raises(DriverError):
            pedal.read(3.0)
        pedal.open()
        assert pedal.read(0.3) is None
        server.lines.cts = True
        assert pedal.read(2.0) is not None


@pytest.mark.alone
def test_a_read_comes_back_in_time() -> None:
    with Pedal(Options(port="loop://", active=False)) as pedal:
        pedal.open()
        started = monotonic()
        pedal.read(0.1)
        assert 0.09 < monotonic() - started < 0.6


def test_a_port_without_lines_an_absent_and_a_busy_one_are_told() -> None:
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    try:
        with Pedal(Options(port=name)) as pedal:
            pedal.open()
            with pytest.raises(DriverError):
                pedal.read(0.1)
        with serial.Serial(name, exclusive=True), pytest.raises(DriverError, match="busy"):
            Pedal(Options(port=name)).open()
    finally:
        os.close(ours)
        os.close(theirs)
    with pytest.raises(DriverError, match="absent"):
        Pedal(Options(port="/dev/serial/by-id/none")).open()


@pytest.mark.parametrize("wrong", [{"line": "rts"}, {"action": "explode"}, {"poll_ms": 0}, {"stuck_s": 0.0}])
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Options(**wrong)  # type: ignore[arg-type]


def test_a_pedal_in_its_child(server: DeviceServer) -> None:
    before = threading.active_count()
    with HostedSource() as child:
        opened = child.open("serial_line", {"port": server.url, "stuck_s": 0.5})
        assert opened == {"id": 2, "done": {"driver": "serial_line"}}
        child.ready()
        with pytest.raises(AssertionError):
            child.event(0.5, event="press")
        server.lines.cts = True
        press = child.event(event="press")
        assert (press["action"], set(press)) == ("capture", {"event", "press_id", "action", "pressed_ns"})
        assert child.event(event="device", state="stuck")["advice"]
        server.lines.cts = False
        child.ready()
        server.hang_up()
        child.event(event="device", state="restarting")
        child.ready()
        beat = child.until(lambda m: "beat" in m)[0]["beat"]
        assert beat["resident_kb"] < 30_000
        assert child.call("still")[0]["failed"]["code"] == "V-01"
    assert threading.active_count() < before + 8
