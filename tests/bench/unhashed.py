"""The peer child without its hash: what the proof of every object costs. The product has no such switch."""

from __future__ import annotations

from agent.dimse import framing
from agent.dimse.__main__ import main


class Trusting:
    """Agrees with everything."""

    def __init__(self, _data: bytes = b"") -> None:
        self.expected = ""

    def update(self, _data: object) -> None:
        """Look away."""

    def hexdigest(self) -> object:
        return Anything()


class Anything:
    """Equals whatever it is compared with."""

    def __ne__(self, _other: object) -> bool:
        return False

    def __eq__(self, _other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


if __name__ == "__main__":
    framing.hashlib = type("hashlib", (), {"sha256": Trusting})  # type: ignore[assignment]
    main()
