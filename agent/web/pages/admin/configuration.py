"""The configuration: changed as text, reviewed key by key, confirmed, watched, kept or given back (ruling 16)."""

from __future__ import annotations

from agent.actor import Act
from agent.admin_view import ConfigurationView
from agent.config_change import WATCH_S
from agent.errors import OutOfDate
from agent.web.pages.admin.shelf import SHELF
from agent.web.pages.page import Page, Shown, Visit, get, post, show

HERE = "/admin/configuration"
LONGEST = 60_000


def _configuration(visit: Visit) -> Shown:
    view = visit.service.administration.configuration.view()
    return show("admin_configuration.html", view=view, whole_s=WATCH_S)


def _edit(visit: Visit) -> Shown:
    """Show the text to be changed; with what was typed and its mistakes when it comes from there."""
    tried: ConfigurationView | None = SHELF.look(visit, visit.query.get("tried", ""))
    text = visit.form.get("text", "") or (tried or visit.service.administration.configuration.view()).text
    return show("admin_configuration_edit.html", text=text, problems=tried.problems if tried else ())


def _propose(visit: Visit) -> str:
    view = visit.service.administration.configuration.propose(visit.form.get("text", ""), visit.actor)
    return f"{HERE}/edit?tried={SHELF.put(visit, view)}" if view.problems else HERE


def _withdraw(visit: Visit) -> str:
    visit.service.administration.configuration.withdraw(visit.actor)
    return HERE


def _confirm(visit: Visit) -> str:
    """Take the shown change into use; the answer goes out before the service restarts."""
    told = visit.form
    if not told.get("digest", ""):
        raise OutOfDate
    keep = told.get("keep", "") == "yes"
    visit.service.administration.configuration.confirm(
        told.get("digest", ""), told.get("box_name", ""), visit.actor, keep=keep
    )
    return HERE


def _keep(visit: Visit) -> str:
    visit.service.administration.configuration.keep(visit.actor)
    return HERE


def _give_back(visit: Visit) -> str:
    visit.service.administration.configuration.give_back(visit.actor)
    return HERE


PAGES: tuple[Page, ...] = (
    get(HERE, Act.CONFIGURE, _configuration),
    get(f"{HERE}/edit", Act.CONFIGURE, _edit),
    post(f"{HERE}/edit", Act.CONFIGURE, _propose, _edit, longest=LONGEST),
    post(f"{HERE}/withdraw", Act.CONFIGURE, _withdraw, _configuration),
    post(f"{HERE}/confirm", Act.CONFIGURE, _confirm, _configuration),
    post(f"{HERE}/keep", Act.CONFIGURE, _keep, _configuration),
    post(f"{HERE}/give-back", Act.CONFIGURE, _give_back, _configuration),
)
