"""Tokens, enrolment codes and the one way in which names and codes that people type are compared.

Randomness is passed in. A token has 256 random bits and a code 72, so a plain SHA-256 keeps them at rest.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import unicodedata
from collections.abc import Callable

Random = Callable[[int], bytes]
"""Returns so many bytes that nobody can guess."""
_TOKEN_BYTES = 32
ALPHABET = "ACDEFGHJKLMNPQRTUVWXY3479"
"""Twenty-five letters and digits, none of which looks like another one: no 0 O, 1 I, 2 Z, 5 S, 6 G… 8 B."""
_GROUPS, _GROUP = 4, 4
_CYRILLIC = str.maketrans("АСЕНКМРТХУІОВЗ", "ACEHKMPTXYIOB3")
"""Typed on the wrong keyboard they look the same."""


def new_token(random: Random) -> str:
    """Return a token for a cookie or a program: 256 random bits in URL-safe letters."""
    return base64.urlsafe_b64encode(random(_TOKEN_BYTES)).rstrip(b"=").decode()


def digest(token: str) -> str:
    """Return what is kept of a token or a folded code."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def new_code(random: Random) -> str:
    """Return an enrolment code in groups, as `ACDE-3479-FGHJ-KLMN`: 74 random bits."""
    letters = ""
    while len(letters) < _GROUPS * _GROUP:  # bytes that would favour some letters are thrown away
        letters += "".join(ALPHABET[b % len(ALPHABET)] for b in random(32) if b < 256 - 256 % len(ALPHABET))
    return "-".join(letters[n * _GROUP : (n + 1) * _GROUP] for n in range(_GROUPS))


def usable(text: str) -> str:
    """Return a code that was made elsewhere as it is shown here; empty: it is none, or one that anybody would guess."""
    folded = fold_code(text)
    if len(folded) != _GROUPS * _GROUP or set(folded) - set(ALPHABET) or len(set(folded)) <= _GROUP:
        return ""
    return "-".join(folded[n : n + _GROUP] for n in range(0, len(folded), _GROUP))


def fold_code(typed: str) -> str:
    """Return a typed code as it is compared: capital Latin letters without hyphens and spaces."""
    kept = "".join(c for c in unicodedata.normalize("NFKC", typed).upper() if c.isalnum())
    return kept.translate(_CYRILLIC)


def fold_name(name: str) -> str:
    """Return an account's name as it is compared."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def keyed(key: bytes, *parts: str) -> str:
    """Return the HMAC-SHA-256 of `parts` under the box's own key, in hexadecimal digits."""
    return hmac.new(key, "\x1f".join(parts).encode("utf-8", "replace"), hashlib.sha256).hexdigest()
