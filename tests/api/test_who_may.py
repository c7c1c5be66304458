"""Every route in every role, asked of the running service: who may is told so or answered, who may not gets 403.

Made from the list of routes: a new one is in here by itself, and one that forgot to say who may use it fails.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.actor import PERMISSIONS, Act, Role
from tests.api.door import Door, open_door
from tests.api.routes import EMPTY, ROWS
from tests.system.world import sandbox_in, toml_for, wait_for

FORMS = ("/login", "/unlock", "/enrol", "/enrol/screen")
OPEN = {
    "GET /api/openapi.json",
    "GET /health",
    "GET /static/scale.css",
    "GET /static/sounds/{name}.wav",
    *(f"{method} {path}" for path in FORMS for method in ("GET", "POST")),
    *(f"POST {path}" for path in ("/lock", "/logout", "/language")),
}
"""Routes for anybody, each with a reason: no patient in them, and each asks for its own proof."""
ROLES = [role for role in Role if role is not Role.BOX]
REFUSED = {401, 403}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("who")
    with sandbox_in(folder / "sandbox") as sandbox, open_door(folder / "box", toml_for(sandbox)) as opened:
        yield opened


def test_every_route_says_who_may_use_it() -> None:
    assert [str(row) for row in ROWS if not row.marked] == []
    assert {str(row) for row in ROWS if row.act is None} == OPEN


@pytest.mark.parametrize("role", ROLES)
def test_every_route_in_every_role(door: Door, role: Role) -> None:
    door.become(role)
    wrong = []
    for row in ROWS:
        body = None if row.method == "GET" else EMPTY if row.is_api else b""
        answer = door.ask(row.method, row.path, body)
        if row.act is None:
            assert answer.status < 500, row
            continue
        allowed = role in PERMISSIONS[row.act]
        refused = answer.status in REFUSED or (answer.status == 303 and "/login" in answer.headers.get("location", ""))
        if allowed is refused or answer.status in (400, 405, 500):
            wrong.append(f"{row}: {answer.status} for {role}, allowed: {allowed}")
    assert wrong == []


def test_a_service_engineer_never_gets_a_patient(door: Door) -> None:
    """Whatever an engineer may ask, of an exam that is open and a queue that holds its pictures, names nobody."""
    box = door.box
    for open_one in [e for e in box.get("/exams") if e["state"] == "open"]:
        box.post(f"/exams/{open_one['exam_id']}/finish")
    exam = box.open_exam("Ґалаґан")
    box.capture("a picture of somebody")
    patient = exam["patient"]
    told = [name.encode() for name in (patient["patient_id"], patient["name"].partition("^")[0])]
    box.post(f"/exams/{exam['exam_id']}/finish")
    job = wait_for("queued", lambda: next(iter(box.jobs()), None))
    door.become(Role.TECHNICIAN)
    assert told[0] in door.ask("GET", "/api/queue").content, "the test would see nothing anyway"
    door.become(Role.SERVICE)
    for row in ROWS:
        if row.act is not None and Role.SERVICE in PERMISSIONS[row.act]:
            path = row.path.replace("999999", str(job["job_id"]))
            content = door.ask(row.method, path, None if row.method == "GET" else EMPTY).content
            assert not [name for name in told if name in content], row
    assert all(Role.SERVICE not in PERMISSIONS[act] for act in (Act.SEE_PATIENTS, Act.SEE_OPEN_EXAM))


def test_an_answer_given_to_one_is_not_repeated_to_another(door: Door) -> None:
    """The key of a repeated request belongs to its asker and its path."""
    door.become(Role.TECHNICIAN)
    listed = door.ask("POST", "/api/worklist/refresh", EMPTY, Idempotency_Key="one")
    assert listed.json()["entries"]
    again = door.ask("POST", "/api/worklist/refresh", EMPTY, Idempotency_Key="one")
    assert again.json() == listed.json()
    door.become(Role.SERVICE)
    other = door.ask("POST", "/api/destinations/worklist/echo", EMPTY, Idempotency_Key="one")
    assert set(other.json()) >= {"destination", "ok", "phase"}


@pytest.mark.parametrize("key", ["", "with a space", "k" * 129, "ключ".encode().decode("latin-1")])
def test_a_key_that_is_none_is_refused_and_never_shortened(door: Door, key: str) -> None:
    """Two long keys with one beginning were one key: the second press was answered and never done."""
    door.become(Role.TECHNICIAN)
    answer = door.ask("POST", "/api/worklist/refresh", EMPTY, Idempotency_Key=key or " ")
    assert (answer.status, answer.json()["code"]) == (422, "S-08")


def test_the_key_of_a_form_is_not_shortened_either(door: Door) -> None:
    door.become(Role.TECHNICIAN)
    (form,) = [row for row in ROWS if row.method == "POST" and not row.is_api and row.act is Act.START_EMERGENCY]
    assert door.form(form.path, {"idempotency": "k" * 129}).status == 422
    assert door.form(form.path, {"idempotency": "k" * 128}).status != 422


@pytest.mark.parametrize("path", ["/api/sources/nothing/presets", "/api/exams/nothing/removals"])
def test_nothing_of_that_name_is_said_and_not_an_empty_answer(door: Door, path: str) -> None:
    door.become(Role.TECHNICIAN)
    assert door.ask("GET", path).status == 404
