"""What the core may ask of a peer child: one table, verb → `module:function`, imported when first asked for.

A function is a `drivers.serve.Verb`: request without its verb and id, descriptors, `Reply` for progress. Storage
and Verification load only the standard library, so they must not share an import with what loads pydicom.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from time import monotonic
from typing import Any

from drivers.serve import Reply, Verb

Answer = tuple[dict[str, Any], list[int]]
VERBS: Mapping[str, str] = {
    "store": "agent.dimse.verbs:store",
    "echo": "agent.dimse.verbs:echo",
    "commit": "agent.dimse.commitment:commit",
    "n-create": "agent.dimse.procedure_step:create",
    "n-set": "agent.dimse.procedure_step:end",
    "worklist": "agent.dimse.worklist:worklist",
}
BYTES_EVERY_S = 1.0


def table() -> dict[str, Verb]:
    """Return the verbs as `drivers.serve` wants them."""
    return {name: _lazily(target) for name, target in VERBS.items()}


def _lazily(target: str) -> Verb:
    def verb(request: dict[str, Any], fds: list[int], reply: Reply) -> Answer:
        module, _, name = target.partition(":")
        call: Verb = getattr(import_module(module), name)
        return call(request, fds, reply)

    return verb


def warm_up() -> None:
    """Import what the usual request needs, while nobody waits."""
    for name in ("agent.dimse.storage", "agent.dimse.verification"):
        import_module(name)


def store(request: dict[str, Any], fds: list[int], reply: Reply) -> Answer:  # noqa: ARG001 - a verb
    """Send `items` (plain `StoreItem`s) to `peer` (plain `PeerAddress`).

    Progress: `{"job": id, "outcome": {…}}` once for each item, `{"bytes": n}` at most once a second.
    """
    from agent import node
    from agent.dimse import pace, storage

    peer = node.peer_from_plain(request["peer"])
    told = Told(reply, pace.Pace(peer.maximum_bytes_per_s, reply.beat).sent)
    storage.store(
        peer,
        [node.store_item_from_plain(i) for i in request["items"]],
        lambda job, outcome: reply.progress({"job": job, "outcome": outcome.to_wire()}),
        tick=reply.beat,
        moved=told.bytes_sent,
    )
    return {}, []


class Told:
    """How many bytes were sent, told to the core at most once a second, over all associations."""

    def __init__(self, reply: Reply, total: Callable[[int], None]) -> None:
        self._reply, self._total = reply, total
        self._at = monotonic()
        self._last = self._before = 0

    def bytes_sent(self, count: int) -> None:
        """Take the count of one association, which begins again at zero for the next."""
        if count < self._last:
            self._before += self._last
        self._last = count
        self._total(self._before + count)
        if monotonic() - self._at >= BYTES_EVERY_S:
            self._at = monotonic()
            self._reply.progress({"bytes": self._before + count})


def echo(request: dict[str, Any], fds: list[int], reply: Reply) -> Answer:  # noqa: ARG001 - a verb
    """Verify `peer` (plain `PeerAddress`); the answer is `{"outcome": {…}}`."""
    from agent import node
    from agent.dimse import verification

    outcome = verification.echo(node.peer_from_plain(request["peer"]), reply.beat)
    return {"outcome": outcome.to_wire()}, []
