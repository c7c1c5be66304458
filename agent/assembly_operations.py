"""Builds what operating a box needs beyond its work; part of the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agent.alerting import Alerting, AlertRules
from agent.changes import Changes
from agent.config.schema import Configuration

if TYPE_CHECKING:
    from agent.assembly import Ground

_STEPS = 8
"""Waits of one message: the connection and every answer of the dialogue, each bounded by the channel's own timeout."""
_BESIDES_S = 60.0


def alerting(
    g: Ground, changes: Changes, expect: Callable[[str, float], Callable[[], None]]
) -> Alerting | None:
    """Return the worker that tells alarms; None where nobody is to be told."""
    c = g.configuration
    told = channels(c)
    if not told:
        return None
    longest_s = _STEPS * max(float(request["timeout_s"]) for request in told.values())
    return Alerting(
        told,
        AlertRules(delay_s=c.alerts.delay_s, tries=c.alerts.tries, longest_s=longest_s),
        g.store,
        g.launcher,
        g.clock,
        box=c.box.name,
        stamp=lambda: g.stamp(""),
        notice=changes.notice,
        turned=expect("alerts", _BESIDES_S + len(told) * (longest_s + _BESIDES_S)),
    )


def channels(c: Configuration) -> dict[str, dict[str, Any]]:
    """Return channel → what its child needs to know."""
    made: dict[str, dict[str, Any]] = {}
    webhook, mail = c.alerts.webhook, c.alerts.mail
    if webhook is not None:
        kept = webhook.model_dump(include={"host", "port", "path", "token_file", "timeout_s"})
        made["webhook"] = {**kept, "tls": asdict(c.channel_tls(webhook))}
    if mail is not None:
        kept = mail.model_dump(include={"host", "port", "sender", "to", "user", "password_file", "timeout_s"})
        made["mail"] = {**kept, "begins": mail.tls, "tls": asdict(c.channel_tls(mail))}
    return made
