"""Look-alikes: near surnames in either script, people born on one day, never a patient with himself."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import similar
from agent.model import Patient
from agent.transliteration import latin

LETTERS = "абвгґдеєжзиіїйклмнопрстуфхцчшщюя"
SURNAMES = st.text(LETTERS, min_size=3, max_size=10)


def patient(name: str, number: str = "1", birth: str = "19800101") -> Patient:
    return Patient(patient_name=name, patient_id=number, patient_birth_date=birth)


ALIKE = [
    ("Шевченко^Тарас", "19800101", "Шевченко^Ольга", "19900101"),
    ("Шевченко^Тарас", "19800101", "Shevchenko^Taras", "19900101"),
    ("Шевченко^Тарас", "19800101", "Szewczenko^Taras", "19900101"),
    ("Коваль^Ольга", "19710202", "Ковал^Олена", "19710212"),
    ("Мельник^І", "19800101", "Мельнік^І", "19900101"),
    ("Мар’яненко^І", "19800101", "Маряненко^І", "19900101"),
    ("Гнатюк^І", "19800101", "Ґнатюк^І", "19900101"),
    ("Ivanenko^Ivan=Іваненко^Іван", "19800101", "Іваненко^Петро", "19900101"),
    # born on one day
    ("Петренко^Марія", "19800101", "Павлів^Марія", "19800101"),
    ("Тарас^Іван", "19800101", "Іван^Тарас", "19800101"),
    ("Петренко^Марія", "19800101", "Pavliv^Mariia", "19800101"),
]
DIFFERENT = [
    ("Шевченко^Тарас", "19800101", "Бондар^Тарас", "19900101"),
    ("Петренко^Марія", "19800101", "Павлів^Марія", "19900101"),
    ("Петренко^Марія", "19800101", "Бондар^Марія", "19800101"),
    ("Петренко^Марія", "", "Павлів^Марія", ""),
    ("Коваль^І", "19800101", "Ковальчук^І", "19900101"),
    ("^Марія", "19800101", "^Ольга", "19900101"),
]


@pytest.mark.parametrize(("a", "a_birth", "b", "b_birth"), ALIKE)
def test_people_who_could_be_confused(a: str, a_birth: str, b: str, b_birth: str) -> None:
    one, other = patient(a, "1", a_birth), patient(b, "2", b_birth)
    assert similar.alike(one, other)
    assert similar.alike(other, one)
    assert similar.groups([one, patient("Цюпа^Х", "9", "19550505"), other]) == {0: (2,), 2: (0,)}


@pytest.mark.parametrize(("a", "a_birth", "b", "b_birth"), DIFFERENT)
def test_people_who_could_not(a: str, a_birth: str, b: str, b_birth: str) -> None:
    assert not similar.groups([patient(a, "1", a_birth), patient(b, "2", b_birth)])


def test_two_orders_of_one_patient_are_no_warning() -> None:
    twice = [patient("Шевченко^Тарас", "17"), patient("Шевченко^Тарас", "17")]
    assert not similar.groups(twice)
    assert similar.groups([*twice, patient("Шевченко^Тарас", "18")]) == {0: (2,), 1: (2,), 2: (0, 1)}


def test_without_numbers_nobody_is_the_same() -> None:
    assert similar.groups([patient("Шевченко^Тарас", ""), patient("Шевченко^Тарас", "")]) == {0: (1,), 1: (0,)}


@given(SURNAMES)
def test_a_latin_twin_is_alike(surname: str) -> None:
    assert similar.alike(patient(f"{surname}^Іван", "1"), patient(f"{latin(surname).title()}^Ivan", "2"))
    assert similar.near(surname, latin(surname))


@given(SURNAMES, SURNAMES)
def test_near_is_mutual(a: str, b: str) -> None:
    assert similar.near(a, b) == similar.near(b, a)
    assert similar.near(a, a)


@given(st.lists(SURNAMES | SURNAMES.map(latin), max_size=8), st.data())
def test_the_quick_search_finds_what_comparing_all_pairs_finds(surnames: list[str], data: st.DataObject) -> None:
    births = st.sampled_from(["19800101", "19900101", ""])
    people = [patient(f"{s}^Іван", str(i), data.draw(births)) for i, s in enumerate(surnames)]
    found = similar.groups(people)
    for i, j in combinations(range(len(people)), 2):
        assert (j in found.get(i, ())) == similar.alike(people[i], people[j]), (people[i], people[j])
        assert (i in found.get(j, ())) == (j in found.get(i, ()))


def test_the_surname_of_a_wristband_is_compared_in_both_scripts() -> None:
    assert similar.same_surname("SHEVCHENKO", "Шевченко^Тарас")
    assert similar.same_surname("Шевченко", "Shevchenko^Taras=Шевченко^Тарас")
    assert not similar.same_surname("Шевчук", "Шевченко^Тарас")
