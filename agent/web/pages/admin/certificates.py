"""Certificates: when they end, requests for new ones, and the signed ones that come back as a reviewed change."""

from __future__ import annotations

from dataclasses import dataclass

from agent.actor import Act
from agent.errors import NotFound
from agent.service.certificates import PURPOSES, Wanted
from agent.web.pages.page import File, Page, Shown, Visit, get, post, show

LONGEST_PEM = 60_000
_MOST_NAMES, _LONGEST_NAME = 16, 253


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What a certificate is for, and the request that was made for it."""

    name: str
    requested: bool


def _certificates(visit: Visit) -> Shown:
    kept = visit.service.administration.certificates
    purposes = [Purpose(name=r.purpose, requested=bool(r.pem)) for r in kept.requests()]
    return show("admin_certificates.html", certificates=kept.known(), purposes=purposes)


def _read_again(visit: Visit) -> str:
    visit.service.administration.certificates.list()
    return "/admin/certificates"


def _purpose(visit: Visit) -> Shown:
    purpose = _named(visit)
    form = {name: visit.form.get(name, "") for name in ("common_name", "dns", "ip", "signed")}
    return show("admin_certificate.html", purpose=purpose, pem=_pem(visit, purpose), form=form)


def _named(visit: Visit) -> str:
    if visit.path["purpose"] not in PURPOSES:
        raise NotFound
    return visit.path["purpose"]


def _pem(visit: Visit, purpose: str) -> str:
    return next(r.pem for r in visit.service.administration.certificates.requests() if r.purpose == purpose)


def _request(visit: Visit) -> str:
    wanted = Wanted(
        purpose=_named(visit),
        common_name=visit.form.get("common_name", "").strip()[:64],
        dns=_several(visit.form.get("dns", "")),
        ip=_several(visit.form.get("ip", "")),
    )
    visit.service.administration.certificates.request(wanted, visit.actor)
    return f"/admin/certificates/{visit.path['purpose']}"


def _several(text: str) -> tuple[str, ...]:
    """Return what was typed with spaces or commas between."""
    return tuple(name[:_LONGEST_NAME] for name in text.replace(",", " ").split()[:_MOST_NAMES])


def _download(visit: Visit) -> File:
    purpose = _named(visit)
    pem = _pem(visit, purpose)
    if not pem:
        raise NotFound
    return File(name=f"{purpose}.csr", media="application/pkcs10", content=pem.encode())


def _install(visit: Visit) -> str:
    visit.service.administration.certificates.install(_named(visit), visit.form.get("signed", ""), visit.actor)
    return "/admin/configuration"


PAGES: tuple[Page, ...] = (
    get("/admin/certificates", Act.TEST, _certificates),
    post("/admin/certificates/read", Act.TEST, _read_again, _certificates),
    get("/admin/certificates/{purpose}", Act.CONFIGURE, _purpose),
    post("/admin/certificates/{purpose}/request", Act.CONFIGURE, _request, _purpose),
    get("/admin/certificates/{purpose}/request", Act.CONFIGURE, _download),
    post("/admin/certificates/{purpose}/install", Act.CONFIGURE, _install, _purpose, longest=LONGEST_PEM),
)
