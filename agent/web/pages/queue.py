"""What became of the pictures: by patient, in counts, with the reason in words."""

from __future__ import annotations

from agent.actor import Act
from agent.queue_view import GroupView
from agent.web.pages.page import Page, Shown, Visit, get, post, show
from agent.web.words import Words, words


def _queue(visit: Visit) -> Shown:
    groups, said = visit.service.groups.newest(), words(visit.language)
    parts = (
        (said._("Needs attention"), [g for g in groups if g.state == "attention"]),
        (said._("On the way"), [g for g in groups if g.state in ("sending", "retry", "waiting")]),
        (said._("Done"), [g for g in groups if g.state in ("sent", "confirmed", "discarded")]),
    )
    return show(
        "queue.html",
        groups=groups,
        parts=parts,
        waiting_images=visit.service.box.unsent(),
        removals=visit.service.review.tasks(),
        word=lambda group: _word(visit, group),
    )


def _word(visit: Visit, group: GroupView) -> str:
    """Return how far the pictures of an exam are, in words; empty: the state alone says it."""
    said = words(visit.language)
    if group.exam_state == "finishing":
        return said._("finished, can still be taken back")
    if group.state in ("sending", "waiting", "retry"):
        return _on_the_way(said, group)
    number = group.captured
    told = {
        "sent": said.ngettext("%(num)s image sent", "%(num)s images sent", number),
        "confirmed": said.ngettext("%(num)s image was confirmed", "%(num)s images were confirmed", number),
        "attention": said.ngettext("held: %(num)s image is safe here", "held: %(num)s images are safe here", number)
        if group.exam_state == "held"
        else "",
    }
    return told.get(group.state, "") % {"num": number}


def _on_the_way(said: Words, group: GroupView) -> str:
    here = {"num": group.sent + group.confirmed, "all": group.total}
    if group.state == "sending":
        return said._("sending, %(num)s of %(all)s are there") % here
    if group.total == 0:
        return said._("stored here, being prepared")
    return said._("stored here, %(num)s of %(all)s sent") % here


def _why(visit: Visit) -> Shown:
    group = visit.service.groups.of(visit.path["exam_id"])
    tries = {t.job_id: visit.service.queue.attempts(t.job_id)[-20:] for t in group.troubles}
    return show("why.html", group=group, tries=tries)


def _send(visit: Visit) -> str:
    visit.service.groups.send_now(visit.path["exam_id"], visit.who)
    return "/queue"


def _hold(visit: Visit) -> str:
    visit.service.groups.hold(visit.path["exam_id"], visit.who, "held at the screen")
    return f"/queue/{visit.path['exam_id']}"


PAGES: tuple[Page, ...] = (
    get("/queue", Act.SEE_PATIENTS, _queue),
    get("/queue/{exam_id}", Act.SEE_PATIENTS, _why),
    post("/queue/{exam_id}/send", Act.RUN_QUEUE, _send, _queue),
    post("/queue/{exam_id}/hold", Act.CHANGE_QUEUE, _hold, _queue),
)
