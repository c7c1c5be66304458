"""May who asks do this? And a refusal to somebody who is logged in is a row of the audit (PS3.15 A.5.3.11)."""

from __future__ import annotations

from agent.actor import Act, Actor, assert_may
from agent.errors import NotPermitted
from agent.service import Service


def permit(service: Service, actor: Actor, act: Act) -> None:
    """Raise as `assert_may` does; `NotPermitted` is audited, durable before it is told."""
    try:
        assert_may(actor, act)
    except NotPermitted:
        service.audit.refused(actor, act.value)
        raise
