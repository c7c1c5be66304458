"""A route that says who may use it, so that roles are tested over the list of routes, not over what one recalls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from agent.actor import Act

COUNT = "count"
"""Where the application keeps what counts its answers."""
_DIGITS = 18
"""A number of ours fits into 64 bits with a sign; a longer one is nobody's."""


class _Number(Convertor[int]):
    regex = f"[0-9]{{1,{_DIGITS}}}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("number", _Number())


class ActRoute(Route):
    """One route and the act that it is; None: anybody may, also one who is nobody."""

    def __init__(self, path: str, endpoint: Callable[..., Any], *, act: Act | None, methods: Sequence[str]) -> None:
        super().__init__(path.replace(":int}", ":number}"), endpoint, methods=list(methods))
        self.act = act

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and count the answer under this route's own template (never under what was asked for)."""
        count = getattr(scope["app"].state, COUNT, None)

        async def counting(message: Message) -> None:
            if count is not None and message["type"] == "http.response.start":
                route = scope.get("root_path", "") + self.path
                count("agent_http_requests_total", route=route, code=str(message["status"]))
            await send(message)

        await super().handle(scope, receive, counting)
