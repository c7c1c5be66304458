"""Values as tables for people: aligned by display width, so that Cyrillic and Latin stand in one column."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import click


def width(text: str) -> int:
    """Return how many columns a terminal needs for `text`."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return an aligned table with one line a row."""
    cells = [list(head), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(width(row[i]) for row in cells) for i in range(len(head))]
    lines = ["  ".join(c + " " * (w - width(c)) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join(lines)


def _text(cell: object) -> str:
    return " ".join(str("" if cell is None else cell).split())


def as_json(value: Any) -> None:
    """Print a view as JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=1))


def person(patient: dict[str, str]) -> str:
    """Return a patient as one line."""
    return f"{patient['name'].replace('^', ' ')} · {patient['birth_date'] or '—'} · {patient['patient_id']}"


def age(seconds: float | None) -> str:
    """Return how old something is, in words."""
    if seconds is None:
        return "never fetched"
    minutes = int(seconds // 60)
    return f"{int(seconds)} s old" if minutes == 0 else f"{minutes} min old"


def worklist(view: dict[str, Any]) -> str:
    """Return the worklist with its age and everything that was wrong with it."""
    rows = [
        (
            entry["key"][:12],
            person(entry["patient"]),
            entry["patient"]["sex"],
            entry["accession_number"],
            entry["procedure"],
            f"{entry['start_date']} {entry['start_time'][:4]}",
            ", ".join([*entry["flags"], *(["similar name"] if entry["similar"] else [])]),
        )
        for entry in view["entries"]
    ]
    lines = [table(("KEY", "PATIENT", "SEX", "ACCESSION", "PROCEDURE", "START", "NOTE"), rows)] if rows else []
    lines.append(f"{len(rows)} shown, {view['received']} received, {age(view['age_s'])}")
    if view["unreadable"]:
        lines.append(f"! {len(view['unreadable'])} could not be read: {'; '.join(view['unreadable'])}")
    if view["truncated"]:
        lines.append("! the list was too long and was cut")
    if view["trouble"]:
        lines.append(f"! {view['trouble']}")
    return "\n".join(lines)


def _why(job: dict[str, Any]) -> str:
    told = job["words"] and job["state"] not in ("sent", "confirmed")
    return f"{job['words']} ({job['code']})" if told else str(job["code"])


_WHAT = {"n-create": "step begun", "n-set": "step ended", "commit": "commitment"}


def queue(jobs: list[dict[str, Any]]) -> str:
    """Return the queue: where each object is, and why."""
    if not jobs:
        return "The queue is empty."
    rows = [
        (
            job["job_id"],
            person(job["patient"]),
            _WHAT.get(job["kind"], f"picture {job['number']}"),
            job["destination"],
            {"waiting": "stored here, waits", "held": "stored here, HELD"}.get(job["state"], job["state"]),
            job["attempts"],
            "" if job["next_try_s"] is None else f"in {job['next_try_s']:.0f} s",
            _why(job),
        )
        for job in jobs
    ]
    return table(("JOB", "PATIENT", "WHAT", "TO", "STATE", "TRIES", "NEXT", "REASON"), rows)


def exams(views: list[dict[str, Any]]) -> str:
    """Return the exams, newest first."""
    rows = [
        (
            v["exam_id"],
            v["source"],
            v["state"] + (" (paused)" if v["paused"] else ""),
            person(v["patient"]),
            v["captured"],
            v["sent"],
            v["confirmed"],
            v["reason"],
        )
        for v in views
    ]
    return table(("EXAM", "SOURCE", "STATE", "PATIENT", "STORED", "SENT", "CONFIRMED", "REASON"), rows)


def status(view: dict[str, Any]) -> str:
    """Return the state of the box."""
    trouble = f"  ! {view['worklist_trouble']}" if view["worklist_trouble"] else ""
    lines = [
        f"{view['box']}  (version {view['version']}, clock {view['clock_trust']}, page {view['page'] or '—'})",
        f"unsent: {view['unsent']}   free: {view['free_bytes'] // 1_000_000} MB, {view['images_left']} pictures   "
        f"worklist: {age(view['worklist_age_s'])}{trouble}",
        table(
            ("SOURCE", "STATE", "SIGNAL", "FORMAT", "EXAM", "REASON"),
            [
                (s["name"], s["state"], s["signal"], s["geometry"], s["exam_id"] or "none", s["reason"])
                for s in view["sources"]
            ],
        ),
        table(
            ("DESTINATION", "ADDRESS", "STATE", "UNSENT", "REASON"),
            [(d["name"], d["address"], d["state"], d["unsent"], d["words"]) for d in view["destinations"]],
        ),
    ]
    lines += [f"! {alarm['words']} ({alarm['code']}, {alarm['subject']})" for alarm in view["alarms"]]
    return "\n".join(lines)
