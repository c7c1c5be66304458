"""The list of a real worklist server, searched as people type, through the whole box; both languages of the page."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.system.world import Sandbox, box_in, toml_for

FINDS = [
    ("galagan", ["Ґалаґан"]),
    ("галаган", ["Ґалаґан"]),
    ("О'Коннор", ["О’Коннор-Їжакевич"]),
    ("yizhak", ["О’Коннор-Їжакевич"]),
    ("prokopiev", ["Прокопʼєв"]),
    ("Прокоп’єв", ["Прокопʼєв"]),
    ("шевченко", ["Shevchenko"]),
    ("koval ol", ["Коваль", "Коваль"]),
    ("koval 1978 ольга", ["Коваль"]),
    ("12-тра-1978", ["Коваль"]),
    ("UA-00042", ["Прокопʼєв"]),
    ("acc0007", ["Щербак"]),
    ("ніхто", []),
]


def test_the_list_is_searched_filtered_and_counted(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        whole = box.post("/worklist/refresh")
        assert whole["shown"] == len(whole["entries"]) > 0
        assert whole["hidden"] == 0
        times = [(entry["start_date"], entry["start_time"]) for entry in whole["entries"]]
        assert times == sorted(times)
        listed = {entry["key"] for entry in whole["entries"]}
        for text, surnames in FINDS:
            found = box.get(f"/worklist?search={quote(text)}")
            names = [entry["patient"]["name"].split("^")[0] for entry in found["entries"]]
            here = [name for name in surnames if any(e["patient"]["name"].startswith(name) for e in whole["entries"])]
            assert names == here, text
            assert found["shown"] + found["hidden"] == whole["shown"]
            assert {entry["key"] for entry in found["entries"]} <= listed
        day = whole["days"][0]
        of_day = box.get(f"/worklist?day={day}&modality={whole['entries'][0]['modality']}")
        assert {entry["start_date"] for entry in of_day["entries"]} == {day}
        twins = [e for e in box.get("/worklist?search=koval")["entries"] if e["similar"]]
        assert len(twins) == 2


@pytest.mark.parametrize(("language", "said"), [("uk", "Пацієнти"), ("en", "Patients")])
def test_the_page_speaks_the_language_of_the_box(sandbox: Sandbox, tmp_path: Path, language: str, said: str) -> None:
    toml = toml_for(sandbox).replace("[box]\n", f'[box]\nlanguage = "{language}"\n', 1)
    with box_in(tmp_path / "box", toml) as box:
        box.post("/worklist/refresh")
        page = box.technician()
        text = page.ask("GET", "/", Accept_Language="de, en;q=0.5").text
        assert f'<html lang="{language}"' in text
        assert said in text
        told = page.get("/exam/none").text
        assert ("Такого обстеження немає." if language == "uk" else "There is no such exam.") in told
