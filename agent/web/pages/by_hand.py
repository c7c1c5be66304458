"""A patient whom somebody writes by hand: the fields of the form, and the patient that they tell."""

from __future__ import annotations

from typing import Any

from agent.errors import BadRequest
from agent.model import Patient
from agent.web.pages.page import Visit
from agent.web.phrases import months

_FIELDS = ("family", "given", "patronymic", "patient_id", "day", "month", "year", "sex")


def written(visit: Visit) -> dict[str, Any]:
    """Return what `person_fields.html` draws: everything as it was typed, so that nothing is typed twice."""
    form = {name: visit.form.get(name, "") for name in _FIELDS}
    return {"form": form, "months": months(visit.language)}


def patient(visit: Visit) -> Patient:
    """Return the patient of the form; raises `BadRequest`. What may stand in an object the service says."""
    told = {name: visit.form.get(name, "").strip() for name in _FIELDS}
    names = (told["family"], told["given"], told["patronymic"])
    if "^" in "".join(names):
        raise BadRequest("A name may not contain `^`.")
    return Patient(
        patient_name="^".join(names).rstrip("^"),
        patient_id=told["patient_id"],
        patient_birth_date=_birth_date(told["day"], told["month"], told["year"]),
        patient_sex=told["sex"] if told["sex"] in ("M", "F", "O") else "",
    )


def _birth_date(day: str, month: str, year: str) -> str:
    if not (day or month or year):
        return ""
    date = f"{year:0>4}{month:0>2}{day:0>2}"
    whole = date.isascii() and date.isdigit() and len(date) == 8
    if not (whole and "01" <= date[4:6] <= "12" and "01" <= date[6:] <= "31"):
        raise BadRequest("The date of birth is not a date.")
    return date
