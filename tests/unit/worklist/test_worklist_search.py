"""Search as one types, in either script; Ukrainian order; what is shown and hidden of a list."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Patient, ScheduledProcedureStep
from agent.search import born, chosen, collation, named, words_of
from agent.selection import Selection, order, rooms, select
from agent.transliteration import folded, latin, skeleton, spellings

LETTERS = "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя"
NAMES = st.text(LETTERS, min_size=2, max_size=14).filter(lambda name: any(c not in "ь" for c in name)).map(str.title)


def step(name: str, number: str = "", birth: str = "", **values: str) -> ScheduledProcedureStep:
    patient = Patient(patient_name=name, patient_id=number, patient_birth_date=birth)
    return ScheduledProcedureStep(key=name + number, patient=patient, **values)  # type: ignore[arg-type]


# --- transliteration -------------------------------------------------------------------------------------------

RESOLUTION = [
    # examples of the resolution's own table
    ("Алушта", "alushta"), ("Борщагівка", "borshchahivka"), ("Вінниця", "vinnytsia"), ("Гадяч", "hadiach"),
    ("Ґалаґан", "galagan"), ("Донецьк", "donetsk"), ("Рівне", "rivne"), ("Єнакієве", "yenakiieve"),
    ("Гаєвич", "haievych"), ("Житомир", "zhytomyr"), ("Закарпаття", "zakarpattia"), ("Медвин", "medvyn"),
    ("Іванків", "ivankiv"), ("Їжакевич", "yizhakevych"), ("Кадиївка", "kadyivka"), ("Йосипівка", "yosypivka"),
    ("Стрий", "stryi"), ("Олексій", "oleksii"), ("Київ", "kyiv"), ("Лебедин", "lebedyn"),
    ("Хмельницький", "khmelnytskyi"),
    ("Біла Церква", "bila tserkva"), ("Чернівці", "chernivtsi"), ("Шостка", "shostka"), ("Щербухи", "shcherbukhy"),
    ("Юрій", "yurii"), ("Корюківка", "koriukivka"), ("Яготин", "yahotyn"), ("Костянтин", "kostiantyn"),
    ("Знам’янка", "znamianka"), ("Згорани", "zghorany"), ("Розгон", "rozghon"), ("Русь", "rus"),
    ("Феодосія", "feodosiia"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "made"), RESOLUTION)
def test_resolution_55(name: str, made: str) -> None:
    assert latin(name) == made


SAME = [
    ("Шевченко", "Shevchenko Ševčenko Szewczenko SHEVCHENKO шевченко"),
    ("Щур", "Shchur Schur Szczur Ščur"),
    ("Згурський", "Zghurskyi Zgurskiy Zgursky Zgurskyy"),
    ("Олексій", "Oleksii Oleksiy Oleksij Olexiy Oleksi"),
    ("Євген", "Yevhen Ievgen Evgen Jevhen Yevgen"),
    ("Сергієнко", "Serhiienko Sergienko Sergiyenko"),
    ("Юлія", "Yuliia Julia Yulia Iuliia Yuliya"),
    ("Ґалаґан", "Galagan Halahan Галаган"),
    ("Мар’яна", "Mariana Mar'iana Mar`iana Marʼyana Мар'яна Марʼяна Маряна"),
    ("Харченко", "Kharchenko Harchenko"),
    ("Цюпа", "Tsiupa Cjupa Tsyupa"),
    ("Жук", "Zhuk Žuk Żuk"),
    ("Гнатюк", "Hnatiuk Gnatyuk Gnatiuk"),
    ("Наливайко", "Nalyvaiko Nalivayko Nalyvajko"),
    ("Ганна", "Hanna Hana Ganna"),
    ("Їжакевич", "Yizhakevych Izhakevich"),
    ("Ківва", "Kivva Kyvva"),
    ("Вовк", "Vovk Wowk"),
]


@pytest.mark.parametrize(("name", "written"), SAME)
def test_other_spellings_are_the_same_name(name: str, written: str) -> None:
    for other in written.split():
        assert named(f"{name}^Іван", other), other
        assert named(f"{other}^Ivan", name), other
        assert skeleton(other) == skeleton(name), other


@given(NAMES, st.data())
def test_every_beginning_finds_while_it_is_typed(name: str, data: st.DataObject) -> None:
    """One more letter never loses the row, in Cyrillic or in any of the ways to write it in Latin letters."""
    typed = data.draw(st.sampled_from([folded(name), latin(name), *spellings(name)]))
    for end in range(1, len(typed) + 1):
        assert named(f"{name}^Тарас^Григорович", typed[:end]), typed[:end]
        assert named(f"Іваненко^{name}", typed[:end].upper()), typed[:end]


@given(NAMES)
def test_a_latin_row_is_found_by_a_cyrillic_word(name: str) -> None:
    for end in range(1, len(name) + 1):
        part = latin(name[:end])
        if latin(name).startswith(part) and part:
            assert named(f"{latin(name).title()}^Taras", name[:end])


@given(NAMES, st.sampled_from("ʼ’'`‘"), st.sampled_from("ʼ’'`‘"))
def test_apostrophes_are_equal(name: str, ours: str, theirs: str) -> None:
    half = len(name) // 2
    assert named(f"{name[:half]}{ours}{name[half:]}^Іван", f"{name[:half]}{theirs}{name[half:]}")
    assert named(f"{name[:half]}{ours}{name[half:]}^Іван", name)


def test_what_does_not_fit_is_not_found() -> None:
    for word in ("Шевчук", "Shevchuk", "авченко", "Петро", "X", "z"):
        assert not named("Шевченко^Тарас", word), word
    assert not named("", "а")


# --- words, numbers, births -------------------------------------------------------------------------------------

LIST = (
    step("Шевченко^Тарас^Григорович", "0012345", "19840309", accession_number="A-778"),
    step("Шевчук^Ольга", "0012346", "19710202", accession_number="A-779"),
    step("Kovalenko^Olena=Коваленко^Олена", "77", "19710212", accession_number="B-1"),
    step("Нечуй-Левицький^Іван", "12", "18381125", requested_procedure_id="RP-9"),
)

FINDS = [
    ("", [0, 1, 2, 3]), ("   ", [0, 1, 2, 3]), ("шев", [0, 1]), ("shev", [0, 1]), ("шев тар", [0]), ("тарас шевч", [0]),
    ("kovalenko", [2]), ("коваленко олена", [2]), ("левиц", [3]), ("nechui", [3]), ("0012", [0, 1]), ("12345", [0]),
    ("12", [3]), ("0012345", [0]), (" 00 12 345 ", [0]), ("A-778", [0]), ("a778", [0]), ("A-77", [0, 1]), ("rp9", [3]),
    ("1971", [1, 2]), ("02.02.1971", [1]), ("02-лют-1971", [1]), ("12-Feb-1971", [2]), ("19840309", [0]),
    ("1984-03-09", [0]),
    ("9.3", [0]), ("02.1971", []), ("1971-02", [1, 2]), ("кова 1971", [2]), ("кова 1984", []), ("ніхто", []), ("?", []),
    ("шевченко^тарас", [0]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "rows"), FINDS)
def test_words_numbers_and_births(text: str, rows: list[int]) -> None:
    assert [LIST.index(found) for found in chosen(LIST, text)] == rows


def test_a_scanned_number_shows_its_row_alone() -> None:
    longer = step("Довша^Номер", "00123451", "")
    assert chosen([*LIST, longer], "0012345") == (LIST[0],)


@given(st.text(max_size=60))
def test_any_text_may_be_searched(text: str) -> None:
    found = chosen(LIST, text)
    assert set(found) <= set(LIST)
    assert bool(words_of(text)) or len(found) == len(LIST)


def test_a_birth_that_is_not_known_fits_nothing() -> None:
    assert not born(Patient(patient_name="А", patient_id="1"), "1984")


# --- order --------------------------------------------------------------------------------------------------------

ORDERED = [
    "1 палата", "Абрамов", "Аврамчук", "Гаврилюк", "Гусак", "Ґалаґан", "Ґудзь", "Данько", "Елін", "Єва", "Євген",
    "Жук", "Зуб",
    "Ивченко", "Іваненко", "Їжак", "Йосипенко", "Ковалів", "Коваль", "Ковальчук", "Марян", "Мар’яненко", "Цар",
    "Чуб", "Шах", "Щур",
    "Юрченко", "Яковенко", "Abramov", "Shevchenko", "Zuk",
]  # fmt: skip


def test_the_ukrainian_alphabet_orders_the_list() -> None:
    mixed = list(ORDERED)
    random.Random(5).shuffle(mixed)
    assert sorted(mixed, key=collation) == ORDERED
    assert sorted(LETTERS, key=collation) == list("абвгґдеєжзиіїйклмнопрстуфхцчшщьюя")


def test_order_ignores_size_and_apostrophes_until_the_end() -> None:
    assert sorted(["коваль", "Коваль", "Ковалів"], key=collation) == ["Ковалів", "коваль", "Коваль"]
    assert sorted(["Мар’ян", "Марьян", "Маран"], key=collation)[0] == "Маран"
    assert collation("Коваль^Іван") < collation("Ковальчук^Іван")


@given(st.lists(st.text(max_size=12), max_size=8))
def test_order_is_total(texts: list[str]) -> None:
    once = sorted(texts, key=collation)
    turned = texts[::-1]
    assert sorted(turned, key=collation) == once
    for a, b in pairwise(once):
        assert not collation(b) < collation(a)


# --- the list ---------------------------------------------------------------------------------------------------


def planned(name: str, day: str = "", time: str = "", **values: str) -> ScheduledProcedureStep:
    when = {"scheduled_procedure_step_start_date": day, "scheduled_procedure_step_start_time": time}
    return step(name, name[:1], **when, **values)


PLAN = (
    planned("Яценко^А", "20261125", "0900", scheduled_procedure_step_location="Кабінет 2", modality="US"),
    planned("Ґудзь^А", "20261125", "0830", scheduled_station_ae_title="US1", modality="US"),
    planned("Гусак^А", "20261125", "083015", scheduled_procedure_step_location="Кабінет 2", modality="ES"),
    planned("Бондар^А", "20261126", "0700", scheduled_station_name="УЗД 1", modality="US"),
    planned("Немає^Часу", "20261125", "", modality=""),
    planned("Немає^Дня"),
)


def test_the_list_goes_by_time_then_by_name() -> None:
    names = [found.patient.patient_name.split("^")[0] for found in select(PLAN, Selection())]
    assert names == ["Гусак", "Ґудзь", "Яценко", "Немає", "Бондар", "Немає"]
    assert sorted(PLAN, key=order) == list(select(PLAN, Selection()))


@pytest.mark.parametrize(
    ("wanted", "count"),
    [({}, 6), ({"room": "кабінет 2"}, 4), ({"room": "US1"}, 3), ({"room": "УЗД 1"}, 3), ({"room": "немає"}, 2),
     ({"day": "20261125"}, 5), ({"day": "20261126"}, 2), ({"modality": "ES"}, 3), ({"search": "яц"}, 1),
     ({"search": "yats", "modality": "ES"}, 0)],
)  # fmt: skip
def test_filters_keep_what_lacks_a_value(wanted: dict[str, str], count: int) -> None:
    assert len(select(PLAN, Selection(**wanted))) == count


def test_rooms_are_named_as_people_name_them() -> None:
    assert rooms(PLAN) == ("Кабінет 2", "УЗД 1", "US1")


@given(
    st.builds(
        Selection,
        search=st.text(max_size=8),
        room=st.sampled_from(["", "US1"]),
        day=st.sampled_from(["", "20261125"]),
    )
)
def test_nothing_is_invented_and_nothing_shown_twice(wanted: Selection) -> None:
    found = select(PLAN, wanted)
    assert len(set(map(id, found))) == len(found)
    assert {id(entry) for entry in found} <= {id(entry) for entry in PLAN}
