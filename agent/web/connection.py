"""One connection of the page's door: it may not dawdle, and one address may not have them all (H21).

uvicorn bounds idle connections only; a request whose header drips in a byte at a time would hold one for ever.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_S = 10.0
"""From the first byte of a request, or the TLS handshake, to the end of its header."""
MOST_PER_ADDRESS = 24


class Connection(H11Protocol):
    """uvicorn's HTTP/1.1 with a deadline for each header and a bound for each address."""

    addresses: ClassVar[Counter[str]] = Counter()
    """Open connections by address; used by the event loop of the page only."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or close it at once when its address has enough."""
        peer = transport.get_extra_info("peername")
        self._address = peer[0] if isinstance(peer, tuple) else ""
        self.addresses[self._address] += 1
        self._deadline: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        if self.addresses[self._address] > MOST_PER_ADDRESS:
            transport.abort()
        else:
            self._expect_header()

    def data_received(self, data: bytes) -> None:
        """Take bytes; the clock runs while a header is not complete."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._header_came()
        else:
            self._expect_header()

    def on_response_complete(self) -> None:
        """The next request may come when it likes: uvicorn's keep-alive bounds that."""
        self._header_came()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._header_came()
        self.addresses[self._address] -= 1
        if self.addresses[self._address] <= 0:
            del self.addresses[self._address]
        super().connection_lost(exc)

    def _expect_header(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_S, self._too_slow)

    def _header_came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        transport: Any = self.transport
        transport.abort()
