"""The acceptance test of one box: its health, every connection, and a picture of nobody from each source to the
destinations for tests, through the whole real path (B6.9). The report names no patient; there is none in it.

It asks the running service and nothing else, so what it shows is what the box does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Protocol

from agent.error import AgentError

PASSED, NOTED, FAILED = "passed", "noted", "failed"
_HEALTH: Mapping[str, str] = {"ok": PASSED, "attention": NOTED, "failing": FAILED}
_PAUSE_S = 0.5


class Asked(Protocol):
    """The running service."""

    def get(self, path: str) -> Any: ...

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that was looked at."""

    what: str
    name: str
    result: str
    """`passed`, `noted` (somebody should look at it) or `failed`."""
    found: str
    took_s: float = 0.0
    """Seconds until that was known."""
    objects: tuple[str, ...] = ()
    """SOP Instance UIDs of the objects of nobody that were made for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the box showed."""

    box: str
    version: str
    began_at: str
    ended_at: str
    lines: tuple[Line, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return all(line.result != FAILED for line in self.lines)


def run(service: Asked, *, pause: Callable[[float], object], monotonic: Callable[[], float], limit_s: float) -> Report:
    """Test the box behind `service`; each picture has `limit_s` seconds to arrive. Raises `NotRunning`."""
    status = service.get("/status")
    parts = chain(_connections(service), _pictures(service, status, pause, monotonic, limit_s), _health(service))
    lines = [*_timed(parts, monotonic)]
    return Report(
        box=status["box"],
        version=status["version"],
        began_at=status["now"],
        ended_at=service.get("/status")["now"],
        lines=tuple(lines),
    )


def _timed(lines: Iterator[Line], monotonic: Callable[[], float]) -> Iterator[Line]:
    """Yield each line with how long it took to come."""
    began = monotonic()
    for line in lines:
        yield replace(line, took_s=round(monotonic() - began, 1))
        began = monotonic()


def _health(service: Asked) -> Iterator[Line]:
    for part in service.get("/health")["parts"]:
        found = f"{part['value']:g} {part['unit']}".strip()
        yield Line(what=f"health: {part['part']}", name=part["name"], result=_HEALTH[part["state"]], found=found)


def _connections(service: Asked) -> Iterator[Line]:
    for name in service.get("/connections"):
        view = service.post(f"/connections/{name}/test")
        reached = ", ".join(f"{p['name']} {p['state']}" for p in view["phases"])
        found = reached if view["ok"] else f"{reached}; {view['words']} {view['advice']} ({view['code']})"
        yield Line(what="connection", name=name, result=PASSED if view["ok"] else FAILED, found=found)


def _pictures(
    service: Asked,
    status: Mapping[str, Any],
    pause: Callable[[float], object],
    monotonic: Callable[[], float],
    limit_s: float,
) -> Iterator[Line]:
    for source in status["sources"]:
        name = source["name"]
        if source["delivers"] != "frames":
            yield Line(what="picture", name=name, result=NOTED, found="delivers only what a person puts in")
            continue
        try:
            view = service.post("/test-pictures", {"source": name})
            until = monotonic() + limit_s
            while not view["done"] and monotonic() < until:
                pause(_PAUSE_S)
                view = service.get(f"/test-pictures/{view['exam_id']}")
        except AgentError as e:
            yield Line(what="picture", name=name, result=FAILED, found=str(e))
            continue
        steps = "; ".join(" ".join(filter(None, (s["name"], s["state"], s["words"]))) for s in view["steps"])
        late = "" if view["done"] else f"; not there after {limit_s:g} s"
        made = tuple(view["sop_instance_uids"])
        yield Line(what="picture", name=name, result=PASSED if view["ok"] else FAILED, found=steps + late, objects=made)
        if view["ok"] and view["confirmations"]:
            yield _confirmed(service, name, view, pause, monotonic, limit_s)


def _confirmed(
    service: Asked,
    name: str,
    view: Mapping[str, Any],
    pause: Callable[[float], object],
    monotonic: Callable[[], float],
    limit_s: float,
) -> Line:
    """Wait for whoever was asked to take responsibility (Storage Commitment); a late one is noted, not failed."""
    until = monotonic() + limit_s
    while any(c["state"] == "waits" for c in view["confirmations"]) and monotonic() < until:
        pause(_PAUSE_S)
        view = service.get(f"/test-pictures/{view['exam_id']}")
    states = {c["state"] for c in view["confirmations"]}
    result = FAILED if "failed" in states else NOTED if "waits" in states else PASSED
    found = "; ".join(" ".join(filter(None, (c["name"], c["state"], c["words"]))) for c in view["confirmations"])
    late = f"; not there after {limit_s:g} s, the box goes on asking" if result == NOTED else ""
    return Line(what="commitment", name=name, result=result, found=found + late)


def as_markdown(report: Report, more: Sequence[str] = ()) -> str:
    """Return the report for a file and a signature; `more`: lines of a list before the table."""
    head = [
        f"# Acceptance report: {report.box}",
        "",
        f"modality-agent {report.version}, from {report.began_at} to {report.ended_at}.",
        f"Result: **{PASSED if report.passed else FAILED}**.",
        "",
        *more,
        *([""] if more else []),
        "| what | which | result | found |",
        "|---|---|---|---|",
    ]
    rows = (" | ".join(_cell(text) for text in (x.what, x.name, x.result, x.found)) for x in report.lines)
    foot = ["", "Accepted by: ______________________  on: ______________", ""]
    return "\n".join([*head, *(f"| {row} |" for row in rows), *foot])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
