"""A syslog message (RFC 5424) with the header that PS3.15 A.6 asks for, framed for TLS by octet counting (RFC 5425)."""

from __future__ import annotations

_FACILITY_SECURITY = 10
_NOTICE, _WARNING = 5, 4
APP_NAME, MSGID = "modality-agent", "DICOM+RFC3881"
_BOM = b"\xef\xbb\xbf"


def message(text: str, *, at: str, host: str, number: int, failed: bool) -> bytes:
    """Return one framed message; `number` goes into the standard's `meta` element as sequenceId (1 to 2^31-1)."""
    priority = _FACILITY_SECURITY * 8 + (_WARNING if failed else _NOTICE)
    sequence = (number - 1) % (2**31 - 1) + 1
    head = f'<{priority}>1 {at} {_name(host)} {APP_NAME} - {MSGID} [meta sequenceId="{sequence}"] '
    body = head.encode("ascii") + _BOM + text.encode()
    return f"{len(body)} ".encode("ascii") + body


def _name(host: str) -> str:
    """Return a HOSTNAME field: printable ASCII without spaces, 255 at most; a hyphen when nothing is left."""
    return "".join(c for c in host if "!" <= c <= "~")[:255] or "-"
