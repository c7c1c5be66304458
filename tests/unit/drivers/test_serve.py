"""The work loop of the children, spoken to over a real socket pair from another thread."""

import os
import socket
import threading
from typing import Any

import pytest

from drivers.serve import Reply, serve
from drivers.wire import Channel, seal, sealed_size


class Coded(Exception):
    def to_wire(self) -> dict[str, Any]:
        return {"code": "X-99", "message": "as described", "facts": {"n": 3}}


def echo(request: dict[str, Any], fds: list[int], reply: Reply) -> tuple[dict[str, Any], list[int]]:
    reply.progress({"half": True})
    return {"got": request, "sizes": [sealed_size(fd) for fd in fds]}, [seal([b"xyz"])]


def fail(request: dict[str, Any], fds: list[int], reply: Reply) -> tuple[dict[str, Any], list[int]]:
    raise ValueError("Шевченко must not leave this process")


def coded(request: dict[str, Any], fds: list[int], reply: Reply) -> tuple[dict[str, Any], list[int]]:
    raise Coded


@pytest.fixture
def core():
    ours, theirs = socket.socketpair()
    child = Channel(theirs)
    thread = threading.Thread(target=serve, args=(child, {"echo": echo, "fail": fail, "coded": coded}))
    thread.start()
    channel = Channel(ours)
    yield channel
    channel.close()
    thread.join(5)
    assert not thread.is_alive()
    child.close()


def answer(core: Channel, request_id: int) -> tuple[dict[str, Any], list[int]]:
    for _ in range(20):
        message, fds = core.receive(3.0)
        if message.get("id") == request_id and "progress" not in message:
            return message, fds
    raise AssertionError("no answer")


def test_ready_beat_progress_and_done(core):
    assert core.receive(2.0) == ({"ready": {}}, [])
    message, _ = core.receive(2.0)
    assert message["beat"]["resident_kb"] > 1000
    fd = seal([b"12345"])
    core.send({"id": 7, "do": "echo", "a": "Ґ’ʼ"}, [fd])
    os.close(fd)
    assert core.receive(2.0) == ({"id": 7, "progress": {"half": True}}, [])
    message, fds = core.receive(2.0)
    assert message == {"id": 7, "done": {"got": {"a": "Ґ’ʼ"}, "sizes": [5]}}
    assert sealed_size(fds[0]) == 3
    os.close(fds[0])


def test_an_unexpected_error_gives_only_its_class_name(core):
    core.send({"id": 1, "do": "fail"})
    message, _ = answer(core, 1)
    assert message["failed"] == {
        "code": "B-10",
        "message": "A part of the box did not do its work.",
        "facts": {"error": "ValueError"},
    }


def test_an_error_of_our_tree_describes_itself_and_the_loop_goes_on(core):
    core.send({"id": 1, "do": "coded"})
    assert answer(core, 1)[0]["failed"] == {"code": "X-99", "message": "as described", "facts": {"n": 3}}
    core.send({"id": 2, "do": "nothing like that"})
    assert answer(core, 2)[0]["failed"]["code"] == "S-08"


def test_it_beats_while_idle(core):
    seen = []
    for _ in range(4):
        arrived = core.receive(3.0)
        if arrived and "beat" in arrived[0]:
            seen.append(arrived[0])
        if len(seen) == 2:
            break
    assert len(seen) == 2


def test_once_ends_after_one_answer_and_leaks_no_descriptor():
    before = len(os.listdir("/proc/self/fd"))
    ours, theirs = socket.socketpair()
    core, child = Channel(ours), Channel(theirs)
    thread = threading.Thread(target=serve, args=(child, {"echo": echo}), kwargs={"once": True})
    thread.start()
    fd = seal([b"1"])
    core.send({"id": 1, "do": "echo"}, [fd])
    os.close(fd)
    _message, fds = answer(core, 1)
    thread.join(5)
    assert not thread.is_alive()
    os.close(fds[0])
    core.close()
    child.close()
    assert len(os.listdir("/proc/self/fd")) == before
