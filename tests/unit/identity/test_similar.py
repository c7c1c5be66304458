"""Surnames in two alphabets."""

from __future__ import annotations

import pytest

from agent.similar import latin, same_surname


@pytest.mark.parametrize(
    ("cyrillic", "told"),
    [("згурський", "zghurskyi"), ("їжакевич", "yizhakevych"), ("щербак", "shcherbak"), ("юрій", "yurii"),
     ("знам'янка", "znamianka"), ("ґалаґан", "galagan"), ("євген", "yevhen"), ("гаєвич", "haievych")],
)  # fmt: skip
def test_the_cabinets_table(cyrillic: str, told: str) -> None:
    assert latin(cyrillic) == told


def test_a_surname_in_any_group_and_either_alphabet() -> None:
    name = "Shevchenko^Taras=Шевченко^Тарас"
    assert same_surname("ШЕВЧЕНКО", name)
    assert same_surname("shevchenko", name)
    assert same_surname("О`Коннор", "О’Коннор^А")
    assert not same_surname("Шевчук", name)
    assert not same_surname("Тарас", "")
