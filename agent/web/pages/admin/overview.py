"""The box at a glance for whoever looks after it: what needs attention first, then what everything stands at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.actor import Act
from agent.admin_view import CertificateView
from agent.view import StatusView
from agent.web.pages.page import Page, Shown, Visit, get, post, show
from agent.web.words import Words, words

SOON_DAYS = 30
"""A certificate that ends within so many days is told first."""
ROOM_LOW = 200
"""Below so many pictures the room that is left is told first."""
_UNDER_WAY = ("proposed", "swapped", "watched", "returning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """One thing that somebody should look at, and where."""

    kind: str
    """`fail` or `wait`."""
    icon: str
    what: str
    more: str = ""
    href: str = ""


def _overview(visit: Visit) -> Shown:
    status, administration = visit.service.box.status(), visit.service.administration
    certificates = administration.certificates.known()
    change = administration.configuration.view() if visit.may(Act.CONFIGURE) and visit.actor.fresh else None
    first = [*_of_box(visit, status), *_of_certificates(visit, certificates)]
    if change and change.state in _UNDER_WAY:
        said = words(visit.language)._("A change of the configuration is under way.")
        first.append(Attention(kind="wait", icon="settings", what=said, href="/admin/configuration"))
    return show(
        "admin_overview.html",
        first=first,
        certificates=sorted(certificates, key=lambda c: (not c.trouble, c.days_left or 0)),
        versions=administration.support.versions(),
        process=visit.service.box.process(),
    )


def _of_box(visit: Visit, status: StatusView) -> Iterator[Attention]:
    said = words(visit.language)
    for alarm in status.alarms:
        when = f"{said.day(alarm.at)} {said.minute(alarm.at)} · {alarm.subject} · {alarm.code}"
        yield Attention(kind="fail", icon="warn", what=said.told(alarm.words), more=when)
    if status.clock_trust == "untrusted":
        what = said._("The clock is not set.")
        yield Attention(kind="fail", icon="clock", what=what, more=said._("Images are held until it is."))
    yield from _of_peers(said, status)
    for source in status.sources:
        if source.state != "ready":
            more = said.told(source.reason)
            what = f"{source.name}: {said.state(source.state, 'device')}"
            yield Attention(kind="fail", icon="novideo", what=what, more=more, href="/admin/sources")
    if status.images_left < ROOM_LOW:
        room = said.ngettext(
            "Room for about %(num)s more image", "Room for about %(num)s more images", status.images_left
        ) % {"num": status.images_left}
        yield Attention(kind="fail", icon="disk", what=room)


def _of_peers(said: Words, status: StatusView) -> Iterator[Attention]:
    if status.worklist_trouble:
        what = said._("The worklist cannot be fetched.")
        more = said.told(status.worklist_trouble)
        yield Attention(kind="fail", icon="list", what=what, more=more, href="/admin/connections")
    for destination in status.destinations:
        if destination.state in ("down", "misconfigured"):
            what = f"{destination.name}: {said.state(destination.state, 'destination')}"
            more = said.told(destination.words)
            yield Attention(kind="fail", icon="archive", what=what, more=more, href="/admin/connections")


def _of_certificates(visit: Visit, certificates: tuple[CertificateView, ...]) -> Iterator[Attention]:
    said = words(visit.language)
    for one in certificates:
        if one.trouble:
            what = said._("The certificate %(name)s cannot be read.") % {"name": one.name}
            more = said.told(one.trouble)
            yield Attention(kind="fail", icon="lock", what=what, more=more, href="/admin/certificates")
        elif one.days_left is not None and one.days_left <= SOON_DAYS:
            what = said._("The certificate %(name)s ends soon.") % {"name": one.name}
            more = said.day(one.not_after)
            yield Attention(kind="wait", icon="lock", what=what, more=more, href="/admin/certificates")


def _clock(visit: Visit) -> str:
    visit.service.box.confirm_clock(visit.actor, visit.form.get("shown", ""))
    return "/admin"


PAGES: tuple[Page, ...] = (
    get("/admin", Act.TEST, _overview),
    post("/admin/clock", Act.SET_CLOCK, _clock, _overview),
)
