"""The peer child as it would be without TCP_QUICKACK."""

from __future__ import annotations

from agent.dimse.__main__ import main
from agent.dimse.upper.transport import Transport

if __name__ == "__main__":
    Transport.quick_ack = lambda _self: None  # type: ignore[method-assign]
    main()
