"""Description, routes, guide and command say the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from agent.actor import PERMISSIONS
from agent.web import openapi
from agent.web.api import STATUS
from agent.web.looking import LOOKS
from agent.web.operations import OPERATIONS
from agent.web.streams import STREAMS
from tests.api.routes import ROWS

GUIDE = Path(__file__).parents[2] / "docs" / "api.md"
ABOUT_ITSELF = "/api/openapi.json"


def described() -> set[str]:
    paths = openapi.description()["paths"]
    return {f"{method.upper()} /api{path}" for path, methods in paths.items() for method in methods}


def test_every_route_of_the_interface_is_described_and_nothing_else() -> None:
    served = {f"{row.method} {openapi.path_of(row.template)}" for row in ROWS if row.is_api}
    assert described() == served - {f"GET {ABOUT_ITSELF}"}
    assert len(described()) == len(OPERATIONS) + len(STREAMS) + len(LOOKS), "two rows have one path and method"


def test_the_described_roles_are_those_of_the_table() -> None:
    acts = {f"{row.method} {openapi.path_of(row.template)}": row.act for row in ROWS}
    for path, methods in openapi.description()["paths"].items():
        for method, told in methods.items():
            act = acts[f"{method.upper()} /api{path}"]
            assert act is not None
            assert set(told["x-roles"]) == {role.value for role in PERMISSIONS[act]}


def test_every_status_of_an_error_is_described() -> None:
    """So a client that reads the description is surprised by no refusal."""
    told = {status for _, status in STATUS}
    for methods in openapi.description()["paths"].values():
        for operation in methods.values():
            assert {str(status) for status in told} <= set(operation["responses"])


def test_the_document_is_valid_openapi_and_every_reference_leads_somewhere() -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator

    document = json.loads(openapi.as_text())
    OpenAPIV31SpecValidator(document).validate()
    names = [told["operationId"] for methods in document["paths"].values() for told in methods.values()]
    assert len(names) == len(set(names))


def test_every_value_of_the_views_is_explained_by_its_name_or_a_sentence() -> None:
    for methods in openapi.description()["paths"].values():
        for told in methods.values():
            assert told["summary"].endswith(".")


def test_the_guide_holds_the_table() -> None:
    told = GUIDE.read_text(encoding="utf-8")
    assert told == openapi.with_table(told), "run: python -m agent.web.openapi docs/api.md"


def test_the_command_prints_what_is_served() -> None:
    said = subprocess.run(
        [sys.executable, "-P", "-m", "agent.cli", "openapi"], capture_output=True, check=True, timeout=60
    )
    assert json.loads(said.stdout) == json.loads(json.dumps(openapi.description()))
