"""Operations that make pictures: stills, clips, scans, barcodes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from agent.actor import Act
from agent.service import Service
from agent.view import ClipView, FrameView, ScanView, SourceView
from agent.web.operation import Call, Nothing, Operation, body_type

Text = Annotated[str, Field(max_length=1024)]


@body_type
class Press:
    """One press of a button."""

    trigger_id: Text
    """Of this press; the same one again gives the same picture."""
    pressed_ns: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    """CLOCK_MONOTONIC of the box at the press, where the asker knows it."""
    exam_id: Text = ""
    """The exam that the asker believes open; another one is refused."""
    token: Text = ""
    """Of the page that asks; an older one is refused."""


@body_type
class Stale:
    """A body that says no more than which page asks."""

    token: Text = ""
    """Of the page that asks; an older one is refused."""


@body_type
class Barcode:
    """What a reader read."""

    text: Text


@body_type
class Fault:
    """What the simulator is to do wrong."""

    fault: Text


def _asks(call: Call) -> dict[str, Any]:
    return {"token": call.body.token, "actor": call.actor}


def _still(service: Service, call: Call) -> FrameView:
    press: Press = call.body
    return service.captures.still(call.path["name"], press.trigger_id, press.pressed_ns, press.exam_id, **_asks(call))


def _start_clip(service: Service, call: Call) -> ClipView:
    press: Press = call.body
    asked = (press.trigger_id, press.pressed_ns, press.exam_id)
    return service.captures.start_clip(call.path["name"], *asked, **_asks(call))


def _cancel(service: Service, call: Call) -> SourceView:
    service.captures.cancel_scan(call.path["name"], actor=call.actor)
    return next(view for view in service.box.sources() if view.name == call.path["name"])


def _inject(service: Service, call: Call) -> dict[str, Any]:
    service.captures.inject(call.path["name"], call.body.fault)
    return {}


OPERATIONS = (
    Operation(
        method="POST", path="/sources/{name}/capture", act=Act.CAPTURE, answer=FrameView, body=Press, does=_still
    ),
    Operation(
        method="POST",
        path="/sources/{name}/clip/start",
        act=Act.CAPTURE,
        answer=ClipView,
        body=Press,
        does=_start_clip,
    ),
    Operation(
        method="POST",
        path="/sources/{name}/clip/stop",
        act=Act.CAPTURE,
        answer=FrameView,
        body=Stale,
        does=lambda s, c: s.captures.stop_clip(c.path["name"], **_asks(c)),
    ),
    Operation(method="POST", path="/sources/{name}/cancel", act=Act.CAPTURE, answer=SourceView, does=_cancel),
    Operation(
        method="GET",
        path="/sources/{name}/scan",
        act=Act.SEE_PATIENTS,
        answer=ScanView | None,
        does=lambda s, c: s.captures.last_scan(c.path["name"]),
    ),
    Operation(
        method="POST",
        path="/sources/{name}/scan",
        act=Act.SEE_PATIENTS,
        answer=ScanView,
        body=Barcode,
        does=lambda s, c: s.captures.scanned(c.path["name"], c.body.text),
    ),
    Operation(
        method="POST",
        path="/sources/{name}/find",
        act=Act.SEE_PATIENTS,
        answer=ScanView,
        does=lambda s, c: s.patients.find(c.path["name"]),
    ),
    Operation(
        method="POST", path="/sources/{name}/fault", act=Act.INJECT, answer=Nothing, body=Fault, does=_inject
    ),
)
