"""Secrets in a configuration: which keys hold one, and how its text is shown and taken back without showing them.

A secret belongs into a file of its own (`key_file`, `password_file`); where one stands in the configuration all the
same, as in the options of a driver from elsewhere, it is masked here by the name of its key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "••••••"
_SECRET = re.compile(r"(password|passphrase|secret|token|pin|api_?key)$", re.IGNORECASE)
_VALUE = r'"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[^\s,}\]#]+'
_ASSIGNED = re.compile(
    rf'(?P<key>[A-Za-z0-9_.\-"]*(?:password|passphrase|secret|token|pin|api_?key)"?)(?P<is>\s*=\s*)(?P<value>{_VALUE})',
    re.IGNORECASE,
)


def is_secret(key: str) -> bool:
    """Return whether the last part of a key says that its value is a secret."""
    return bool(_SECRET.search(key.rpartition(".")[2].strip('"')))


def masked_text(text: str) -> str:
    """Return the text with every secret replaced by a mark that `unmasked_text` takes back."""
    numbers = iter(range(1, 10_000))
    return _ASSIGNED.sub(lambda m: f'{m["key"]}{m["is"]}"{MASK}{next(numbers)}"', text)


def unmasked_text(text: str, current: str) -> str:
    """Return `text` with each mark replaced by the secret of `current` that it stands for."""
    secrets = [m["value"] for m in _ASSIGNED.finditer(current)]

    def known(mark: re.Match[str]) -> str:
        number = int(mark[1])
        return secrets[number - 1] if 0 < number <= len(secrets) else mark[0]

    return re.sub(rf'"{MASK}([0-9]{{1,4}})"', known, text)


def masked(value: Any, key: str = "") -> Any:
    """Return tables with every secret value masked, however deep."""
    if isinstance(value, Mapping):
        return {name: masked(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked(inner, key) for inner in value]
    return MASK if is_secret(key) and value not in ("", None) else value
