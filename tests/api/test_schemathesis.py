"""Schemathesis asks the running service, over its real page and in every role, what nobody thought of.

It makes its requests from the description that the service itself serves: each operation with random values that fit
and that do not (fuzzing), in chains in which one answer feeds the next request (stateful), and in the long run with
every value at and beyond every limit (coverage).
The box has an exam with pictures, a queue and a tray of its own, and a third of the identifiers asked for are real.

What must hold for each answer: no 5xx but the two refusals that the description promises (by `api.status_of` a 503 is
every `AgentError` without a row of its own: a device, a peer or a part of the box does not do its work now; a 507 is a
full disk) - a crash answers 500 and always fails; status, media type and body are as described; values against the
description are refused; what a role may not do by `agent.actor.PERMISSIONS` is refused before anything is looked at.

    .venv/bin/python -m pytest tests/api/test_schemathesis.py                # some seconds, seed fixed
    EXAMPLES=100 .venv/bin/python -m pytest tests/api/test_schemathesis.py   # so many examples for each operation
    SEED=7 …                                                                 # another seed

Streams without an end are left out: `test_guarded` and the system tests look at them.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from agent.actor import PERMISSIONS, Act, Role
from agent.web.looking import LOOKS
from agent.web.streams import STREAMS
from tests.api.door import Door, open_door
from tests.system.world import Box, Json, sandbox_in, toml_for, wait_for

LONG = "EXAMPLES" in os.environ
EXAMPLES, SEED = int(os.environ.get("EXAMPLES", "1")), int(os.environ.get("SEED", "20260726"))
ROLES = [role for role in Role if role is not Role.BOX]
DEEP = {Role.TECHNICIAN, Role.ADMINISTRATOR}
"""Who gets far enough for chains of requests, and for every value at and beyond its limits to be looked at."""
ENDLESS = {f"/{stream.path.lstrip('/')}" for stream in (*STREAMS, *LOOKS) if not stream.media.startswith("image/")}
PROMISED = ["503", "507"]
REFUSED = {401, 403}
NOT_OURS = {400, 404, 405, 413, 414, 429, 431}
"""Said before anybody looks who asks: by the guard, or because the path leads to no operation."""
asking: dict[str, Role] = {}
RUN: dict[str, str] = {}
answers: dict[Role, Counter[int]] = {role: Counter() for role in ROLES}


@schemathesis.check
def only_who_may(_context: Any, response: Any, case: Any) -> None:
    """What a role may not do is refused, whatever the values are."""
    role, told = asking["role"], case.operation.definition.raw
    answers[role][response.status_code] += 1
    if case.method.upper() != case.operation.method.upper():
        return
    if role not in PERMISSIONS[Act(told["x-act"])]:
        assert response.status_code in REFUSED | NOT_OURS, f"{role} may not, and was answered {response.status_code}"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("asked")
    with sandbox_in(folder / "sandbox") as sandbox, open_door(folder / "box", toml_for(sandbox)) as opened:
        prepared(opened.box)
        RUN["run"] = opened.box.get("/status")["run_id"]
        yield opened


def prepared(box: Box) -> None:
    """Give the box something of each kind: an exam that was sent, one that is open with pictures, one without."""
    first = box.open_exam("Ґалаґан")
    box.capture("one")
    box.post(f"/exams/{first['exam_id']}/finish")
    wait_for("sent", box.all_sent)
    box.open_exam("Щербак")
    box.capture("two")


def known(box: Box) -> dict[str, list[Any]]:
    """Values that lead somewhere, by the name of a parameter or key."""
    exams = [box.get(f"/exams/{exam['exam_id']}") for exam in box.get("/exams")]
    entries = box.get("/worklist")["entries"]
    return {
        "name": ["us1", "sandbox-pacs", "worklist"],
        "source": ["us1"],
        "exam_id": [exam["exam_id"] for exam in exams],
        "frame_id": [frame["frame_id"] for exam in exams for frame in exam["frames"]],
        "job_id": [job["job_id"] for job in box.get("/queue")],
        "key": [entry["key"] for entry in entries],
        "digest": [entry["digest"] for entry in entries],
    }


def acquainted(document: Json, values: dict[str, list[Any]]) -> Json:
    """Return the description with real values named beside what it allows anyhow; it allows no more and no less."""
    if isinstance(document, list):
        return [acquainted(item, values) for item in document]  # type: ignore[return-value]
    if not isinstance(document, dict):
        return document
    made = {key: acquainted(item, values) for key, item in document.items()}
    if made.get("in") == "path" and values.get(made["name"]):
        made["schema"] = {"anyOf": [{"enum": values[made["name"]]}, made["schema"]]}
    for name, schema in made.get("properties", {}).items() if isinstance(made.get("properties"), dict) else ():
        if schema.get("type") == "string" and values.get(name):
            made["properties"][name] = {"anyOf": [{"enum": values[name]}, schema]}
    return made


def configuration(door: Door, role: Role) -> SchemathesisConfig:
    """Every check that holds here."""
    generation = {"max-examples": EXAMPLES, "deterministic": True, "no-shrink": True, "with-security-parameters": False}
    return SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "base-url": f"{door.page}/api",
            "tls-verify": str(door.certificate),
            "headers": {"Sec-Fetch-Site": "same-origin"},
            "request-timeout": 60,
            "continue-on-failure": True,
            "workers": 1,
            "generation": generation,
            "phases": {
                "examples": {"enabled": False},
                "coverage": {"enabled": LONG and role in DEEP, "unexpected-methods": ["delete"]},
                "fuzzing": {"enabled": True},
                "stateful": {"enabled": role in DEEP, "max-steps": 4},
            },
            "checks": {
                "enabled": False,
                "only_who_may": {"enabled": True},
                "not_a_server_error": {"enabled": True, "expected-statuses": ["2xx", "3xx", "4xx", *PROMISED]},
                "status_code_conformance": {"enabled": True},
                "content_type_conformance": {"enabled": True},
                "response_schema_conformance": {"enabled": True},
                "negative_data_rejection": {"enabled": True, "expected-statuses": ["4xx", *PROMISED]},
            },
        }
    )


def troubles(event: Any) -> Iterator[str]:
    """Yield one line for each failed check and each error of an event."""
    if isinstance(event, events.NonFatalError | events.FatalError):
        yield str(getattr(event, "value", None) or getattr(event, "exception", event))
    if isinstance(event, events.ScenarioFinished):
        for case_id, checks in event.recorder.checks.items():
            for node in checks:
                if node.status is Status.FAILURE and node.failure_info is not None:
                    yield f"{event.recorder.label}: {node.name}: {node.failure_info.failure} | {told(event, case_id)}"


def told(event: Any, case_id: str) -> str:
    """Return what was asked and what was answered."""
    case, response = event.recorder.cases[case_id].value, event.recorder.find_response(case_id=case_id)
    answered = f"{response.status_code} {response.content[:200]!r}" if response else "nothing"
    return f"{case.method} {case.formatted_path} {case.query} {str(case.body)[:200]} -> {answered}"


def asked(door: Door, role: Role, paths: Json) -> list[str]:
    """Have the operations of `paths` asked, whoever the door takes the asker for; return what does not hold."""
    asking["role"] = role
    document = door.ask("GET", "/api/openapi.json").json()
    schema = schemathesis.openapi.from_dict(
        acquainted({**document, "paths": paths}, known(door.box)), config=configuration(door, role)
    )
    return [line for event in from_schema(schema).execute() for line in troubles(event)]


@pytest.mark.timeout(3600 if LONG else 300)
@pytest.mark.parametrize("role", ROLES)
def test_whatever_is_asked_is_answered_as_described_or_refused(door: Door, role: Role) -> None:
    door.become(role)
    paths = door.ask("GET", "/api/openapi.json").json()["paths"]
    served = {path: methods for path, methods in paths.items() if path not in ENDLESS}
    assert len(served) == len(paths) - len(ENDLESS)
    found = asked(door, role, served)
    assert found == [], "\n".join(found[:40])
    statuses = answers[role]
    assert sum(statuses.values()) >= len(served), "hardly anything was asked"
    assert statuses[200] > 0 or role is Role.NOBODY
    log = door.box.text()
    assert "Traceback" not in log, log[-2000:]
    assert door.box.get("/status")["run_id"] == RUN["run"], "the service ended on the way"


def test_a_bypass_and_a_lie_of_the_description_would_be_found(door: Door) -> None:
    """The control: an administrator who is taken for nobody gets in, and an answer is not as it is described."""
    door.become(Role.ADMINISTRATOR)
    paths = door.ask("GET", "/api/openapi.json").json()["paths"]
    found = asked(door, Role.NOBODY, {"/exams": {"get": paths["/exams"]["get"]}})
    assert any("only_who_may" in line for line in found)
    lie = json.loads(json.dumps(paths["/exams"]["get"]))
    lie["responses"]["200"]["content"]["application/json"]["schema"] = {"type": "string"}
    found = asked(door, Role.ADMINISTRATOR, {"/exams": {"get": lie}})
    assert any("response_schema_conformance" in line for line in found)
