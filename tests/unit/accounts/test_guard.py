"""The guard's pure rules: which Host headers name this box, and how many requests an address has."""

from __future__ import annotations

import pytest

from agent.web.guard import HEADERS, Rate, answers_to

NAMES = frozenset({"localhost", "us-room-2.example"})


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("192.0.2.10", "192.0.2.10"), ("192.0.2.10:8443", "192.0.2.10"), ("[2001:db8::1]:8443", "2001:db8::1"),
        ("[2001:DB8:0::1]", "2001:db8::1"), ("us-room-2.example.", "192.0.2.10"), ("US-ROOM-2.EXAMPLE:1", "::1"),
        ("192.0.2.10", "::ffff:192.0.2.10"), ("[fe80::1]", "fe80::1%eth0"),
    ],
)  # fmt: skip
def test_its_own_names_and_the_very_address_are_answered(host: str, own: str) -> None:
    assert answers_to(host, NAMES, own)


@pytest.mark.parametrize(
    "host",
    ["", ":", "192.0.2.11", "192.0.2.10:x", "192.0.2.10:8443:1", "192.0.2.10.attacker.example", "[192.0.2.10]x",
     "attacker.example", "us-room-2.example.attacker.example", "us-room-2.example@attacker.example", "0.0.0.0",
     "3221225994", "0xc000020a", "192.0.2.010", "localhost:80 ", "[::ffff:192.0.2.11]"],
)  # fmt: skip
def test_everything_else_is_refused(host: str) -> None:
    assert not answers_to(host, NAMES, "192.0.2.10")


def test_each_address_has_its_own_bucket_and_a_flood_of_addresses_is_forgotten() -> None:
    now = 0.0
    rate = Rate(2, clock=lambda: now)
    assert [rate.allows("a") for _ in range(12)] == [True] * 10 + [False] * 2
    assert rate.allows("b")
    now = 1.0
    assert [rate.allows("a") for _ in range(3)] == [True, True, False]
    now = 1e6
    assert [rate.allows("a") for _ in range(11)] == [True] * 10 + [False]
    for number in range(5000):
        rate.allows(f"x{number}")
    assert len(rate._left) <= 1024


def test_the_policy_leaves_nothing_inline_and_nothing_foreign() -> None:
    policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'self'", "object-src": "'none'", "base-uri": "'none'", "form-action": "'self'",
        "frame-ancestors": "'none'",
    }  # fmt: skip
