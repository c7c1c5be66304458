"""The peer child: says `ready`, serves one request, exits. A hostile peer gets at nothing but this process."""

from __future__ import annotations

from agent.dimse.verbs import table, warm_up
from drivers.serve import serve
from drivers.wire import enter


def main() -> None:
    """Run until the one request is answered or the core is gone."""
    serve(enter(), table(), once=True, idle=warm_up)


if __name__ == "__main__":
    main()
