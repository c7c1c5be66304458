"""Sentences in the pattern of B8, plural forms, dates, ages, persons, and the templates that use them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader, Environment, StrictUndefined, nodes

from agent.errors import BadRequest, ChildTimeout, ObjectInvalid, OutOfDate, WrongState
from agent.web import phrases
from agent.web.words import words

UK, EN = words("uk"), words("en")
TEMPLATES = Path(__file__).parents[3] / "agent" / "web" / "templates"


# --- sentences -----------------------------------------------------------------------------------------------

B8 = [
    (
        "P-01",
        {"images": 4},
        "Архів не відповідає. 4 знімки збережено на цьому пристрої, їх буде надіслано автоматично."
        " Можна працювати далі. Код P-01.",
    ),
    (
        "I-02",
        {"scanned": "КОВАЛЬ Ольга, 02-лют-1971", "chosen": "КОВАЛЬ Олена, 12-лют-1971"},
        "СТОП. На браслеті КОВАЛЬ Ольга, 02-лют-1971. Обрано КОВАЛЬ Олена, 12-лют-1971."
        " Поверніться й оберіть потрібного пацієнта. Код I-02.",
    ),
    (
        "V-03",
        {"seconds": 7},
        "Немає відеосигналу 7 секунд. Зйомка неможлива. Перевірте кабель і апарат. Код V-03.",
    ),
    (
        "D-01",
        {"images": 40},
        "Пам’ять майже заповнена (лишилося ~40 знімків). Ненадіслані знімки не видаляються."
        " Зверніться до ІТ сьогодні. Код D-01.",
    ),
    (
        "P-07",
        {"reason": "The archive is out of resources."},
        "Архів не прийняв знімки (причина: Архів перевантажений). Знімки збережено. Зверніться до ІТ. Код P-07.",
    ),
]


@pytest.mark.parametrize(("code", "facts", "said"), B8, ids=[row[0] for row in B8])
def test_trouble_is_told_as_agreed(code: str, facts: dict[str, str | int], said: str) -> None:
    assert str(UK.sentence(code, **facts)) == said


@pytest.mark.parametrize(
    ("count", "said"), [(1, "1 знімок"), (2, "2 знімки"), (5, "5 знімків"), (11, "11 знімків"), (21, "21 знімок"),
                        (24, "24 знімки"), (112, "112 знімків"), (0, "0 знімків")],
)  # fmt: skip
def test_there_are_three_plural_forms(count: int, said: str) -> None:
    assert said in str(UK.sentence("P-01", images=count))
    assert (f"{count} image " if count == 1 else f"{count} images ") in str(EN.sentence("P-01", images=count))


def test_an_error_keeps_its_own_message_and_says_its_code_last() -> None:
    said = UK.sentence(ChildTimeout("The build child did not answer in time."))
    assert said.what == "Частина «build» не відповіла вчасно."
    assert str(said).endswith("Код B-12.")
    assert EN.sentence(OutOfDate()).what == "This screen was out of date. Nothing was changed."


def test_a_refused_state_is_named_in_words() -> None:
    error = WrongState("exam is released: it cannot undo.", machine="exam", state="released")
    assert UK.sentence(error).what == "Зараз це неможливо (стан: надсилається)."


def test_a_code_without_its_facts_falls_back_on_its_error() -> None:
    assert UK.sentence("V-03").what == "Немає відеосигналу. Зйомка неможлива."
    assert UK.sentence("Q-99").last == "Код Q-99."


def test_texts_that_are_built_from_others_are_told_in_parts() -> None:
    assert UK.told("O-02 PatientID: is missing or empty.") == "Поле PatientID: відсутнє або порожнє. (O-02)"
    built = "The pages could not be bound and are kept as single pictures. A stored file is missing."
    assert "окремими знімками. Збереженого файлу немає." in UK.told(built)
    assert UK.told(str(ObjectInvalid())).endswith("(O-02)")
    assert EN.told("The archive's certificate has expired.") == "The archive’s certificate has expired."
    assert UK.told("The device answered 42. A stored file is missing.").startswith("The device answered 42.")


@given(st.text(max_size=300))
def test_any_text_may_come_from_the_core(text: str) -> None:
    for language in (UK, EN):
        assert isinstance(language.told(text), str)
        assert "\u202e" not in language.told(text)


def test_an_unknown_language_is_the_default_one() -> None:
    assert words("xx").language == "uk"
    assert words("uk") is UK


# --- dates, ages, persons -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "uk", "en"),
    [("19840309", "09-бер-1984", "09-Mar-1984"), ("20261231", "31-гру-2026", "31-Dec-2026"), ("", "—", "—"),
     ("1984", "1984", "1984"), ("19841309", "19841309", "19841309"),
     ("2026-11-25T10:00:00+02:00", "25-лис-2026", "25-Nov-2026")],
)  # fmt: skip
def test_a_month_is_letters(value: str, uk: str, en: str) -> None:
    assert (UK.day(value), EN.day(value)) == (uk, en)


@pytest.mark.parametrize(
    ("value", "said"),
    [("140533.12", "14:05"), ("1405", "14:05"), ("", ""), ("14", "14"), ("2026-11-25T08:07:06+02:00", "08:07")],
)
def test_a_time_is_hours_and_minutes(value: str, said: str) -> None:
    assert UK.minute(value) == said


@pytest.mark.parametrize(
    ("seconds", "uk", "en"),
    [(None, "ніколи", "never"), (3, "щойно", "just now"), (21, "21 секунду тому", "21 seconds ago"),
     (60, "1 хвилину тому", "1 minute ago"), (125, "2 хвилини тому", "2 minutes ago"),
     (300, "5 хвилин тому", "5 minutes ago"), (3700, "1 годину тому", "1 hour ago"),
     (2 * 86400, "2 дні тому", "2 days ago")],
)  # fmt: skip
def test_how_long_ago(seconds: float | None, uk: str, en: str) -> None:
    assert (UK.ago(seconds), EN.ago(seconds)) == (uk, en)


def test_how_soon_and_how_long() -> None:
    assert UK.within(61) == "через 1 хвилину"
    assert UK.lasting(61) == "1 хвилина"
    assert EN.within(58) == "in 58 seconds"
    assert UK.lasting(None) == UK.within(None) == ""


@pytest.mark.parametrize(
    ("birth", "today", "said"),
    [("19840309", "20261125", "42 роки"), ("19841125", "20261125", "42 роки"), ("19841126", "20261125", "41 рік"),
     ("20241125", "20261125", "2 роки"), ("20250101", "20261125", "22 місяці"), ("20261120", "20261125", "5 днів"),
     ("", "20261125", ""), ("20270101", "20261125", ""), ("19800229", "20250228", "44 роки"), ("x", "20261125", "")],
)  # fmt: skip
def test_how_old(birth: str, today: str, said: str) -> None:
    assert UK.age(birth, today) == said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Шевченко^Тарас^Григорович", "ШЕВЧЕНКО Тарас Григорович"),
        ("Shevchenko^Taras=Шевченко^Тарас^Григорович", "ШЕВЧЕНКО Тарас Григорович"),
        ("Shevchenko^Taras==", "SHEVCHENKO Taras"),
        ("Нечуй-Левицький^Іван", "НЕЧУЙ-ЛЕВИЦЬКИЙ Іван"),
        ("Коваль^Іван^^д-р^мол.", "КОВАЛЬ Іван, мол., д-р"),
        ("О’Ніл^\u202eІрина\u200b", "О’НІЛ Ірина"),
        ("^Марія", "Марія"),
        ("", "—"),
        ("^^=", "—"),
    ],
)
def test_a_person_is_surname_first(name: str, said: str) -> None:
    assert UK.person(name) == EN.person(name) == said


@given(st.text(max_size=100))
def test_a_person_never_turns_the_line_around(name: str) -> None:
    for sign in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\n\t\0":
        assert sign not in phrases.person(name)


# --- templates -------------------------------------------------------------------------------------------------


def rendered(source: str, language: str = "uk", **values: object) -> str:
    environment = Environment(loader=DictLoader({"t": source}), autoescape=True, undefined=StrictUndefined)
    return words(language).into(environment).get_template("t").render(**values)


def test_templates_speak_the_language() -> None:
    assert rendered("{{ _('Back') }} {{ language }}") == "Назад uk"
    assert rendered("{{ _('Back') }} {{ language }}", "en") == "Back en"
    one = "{{ ngettext('%(num)s image sent', '%(num)s images sent', n) }}"
    assert rendered(one, n=3) == "3 знімки надіслано"
    assert rendered("{{ 'V-03' | sentence(seconds=2) }}").startswith("Немає відеосигналу 2 секунди.")
    assert rendered("{{ 'held' | state('exam') }} {{ 'no patient id' | state('flag') }}").startswith("затримано У")
    assert rendered("{{ (e | sentence).what }}", e=BadRequest("A scan has 1 to 256 characters.")).startswith("Штрихкод")


def test_what_comes_from_outside_is_escaped() -> None:
    evil = "<script>alert(1)</script>"
    assert "<script>" not in rendered("{{ x | told }}{{ x | person }}{{ x | state('job') }}{{ x | day }}", x=evil)
    assert "<script>" not in rendered("{{ 'P-07' | sentence(reason=x) }}", x=evil)
    assert "<script>" not in rendered("{{ _('Will be sent %(time)s', time=x) }}", x=evil)


@pytest.mark.parametrize("file", sorted(TEMPLATES.rglob("*.html")), ids=lambda file: file.name)
def test_templates_translate_literals_only(file: Path) -> None:
    """`_(value)` would mark a stranger's text as markup; such a text goes through `told`."""
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    tree = environment.parse(file.read_text(encoding="utf-8"))
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in ("_", "gettext", "ngettext", "pgettext"):
            assert isinstance(call.args[0], nodes.Const), f"{file.name}:{call.lineno}"


@pytest.mark.parametrize("file", sorted(TEMPLATES.rglob("*.html")), ids=lambda file: file.name)
def test_templates_hold_no_text_of_their_own(file: Path) -> None:
    import re

    whole = file.read_text(encoding="utf-8")
    named = re.sub(r"{% block (name|renew) %}[\w#,-]*{% endblock %}", " ", whole)  # for scripts and styles
    spoken = re.sub(r"{% trans .*?{% endtrans %}", " ", named, flags=re.DOTALL)
    source = re.sub(r"{[{%#].*?[}%#]}", " ", spoken, flags=re.DOTALL)
    texts = re.sub(r"<!?[a-zA-Z/][^>]*>", " ", re.sub(r"<(script|style)\b.*?</\1>", " ", source, flags=re.DOTALL))
    assert not re.findall(r"[^\W\d_]{2,}", texts), file.name
