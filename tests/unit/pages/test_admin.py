"""What the administration screens reckon without a service: the shelf, what was typed, what a reader read."""

from __future__ import annotations

from typing import Any

import pytest

from agent.actor import BOX, Actor, Role
from agent.errors import BadRequest
from agent.web.pages.admin import audit, certificates, screens, sources
from agent.web.pages.admin.shelf import Shelf
from agent.web.pages.page import Visit, fields
from agent.web.words import words


def visit(session: str) -> Visit:
    nothing: Any = None
    return Visit(service=nothing, actor=Actor(name="Test", role=Role.ADMINISTRATOR, session=session))


def test_what_lies_on_the_shelf_is_for_whoever_put_it_there() -> None:
    shelf = Shelf()
    key = shelf.put(visit("a"), "a code")
    assert shelf.look(visit("b"), key) is None
    assert shelf.take(visit("b"), key) is None
    assert shelf.look(visit("a"), key) == "a code"
    assert shelf.look(Visit(service=visit("a").service, actor=BOX), key) is None


def test_a_secret_is_taken_once() -> None:
    shelf = Shelf()
    key = shelf.put(visit("a"), "a code")
    assert shelf.take(visit("a"), key) == "a code"
    assert shelf.take(visit("a"), key) is None
    assert shelf.take(visit("a"), "never there") is None


def test_the_shelf_does_not_grow() -> None:
    shelf = Shelf(most=2)
    keys = [shelf.put(visit("a"), number) for number in range(3)]
    assert [shelf.look(visit("a"), key) for key in keys] == [None, 1, 2]
    assert len(set(keys)) == 3


def test_names_of_a_certificate_are_told_apart() -> None:
    assert certificates._several(" us1.example,us1  192.0.2.7 ") == ("us1.example", "us1", "192.0.2.7")
    assert certificates._several("") == ()
    assert len(certificates._several("x " * 99)) == 16


@pytest.mark.parametrize(("text", "scale"), [("5,88", 5.88), ("3.78", 3.78), ("", 0.0), (" 4 ", 4.0)])
def test_a_scale_is_read_with_point_or_comma(text: str, scale: float) -> None:
    assert screens._scale(text) == scale


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(BadRequest):
        screens._scale("wide")
    for text in ("x", "-1", "1" * 16, "²"):
        with pytest.raises(BadRequest):
            audit._number(text)
    assert (audit._number(""), audit._number(" 17 ")) == (0, 17)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ("capture", "Pedal: take a picture"),
        ("clip", "Pedal: clip"),
        ("scan: 1 characters, digits", "Code of 1 character, digits"),
        ("scan: 13 characters, letters and digits", "Code of 13 characters, letters and digits"),
        ("scan: 60 characters, GS1", "Code of 60 characters, GS1, as on wristbands"),
        ("scan: 9 characters, text", "Code of 9 characters"),
        ("something new", "something new"),
    ],
)
def test_what_came_in_is_said_in_words(seen: str, said: str) -> None:
    assert sources._said(words("en"), seen) == said


def test_a_field_may_be_as_long_as_its_page_says() -> None:
    raw = b"text=" + b"x" * 5000
    with pytest.raises(BadRequest):
        fields(raw)
    assert len(fields(raw, 60_000)[0]["text"]) == 5000
