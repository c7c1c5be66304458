"""The value types of the configuration: what one value may be, said once (PS3.5 6.2 for AE, CS, LO, SH, ST).

Each validator raises `ValueError` with a reason for the person who edits the file. Paths are resolved against
the folder of the configuration file, which arrives as the validation context `{"folder": Path}`.
"""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, Strict, ValidationInfo

from agent.config import modality

ISCL_PORT = 2761
"""Registered for Integrated Secure Communication Layer, withdrawn from PS3.15 (mission S16)."""


def setting(default: Any, sentence: str, *, unit: str = "", example: Any = None, **limits: Any) -> Any:
    """Return the field of one setting: default (`...`: required), sentence, unit, example, limits."""
    shown = default if example is None else example
    return Field(default, description=sentence, json_schema_extra={"unit": unit, "example": shown}, **limits)


def _no_control(value: str) -> str:
    if re.search(r"[\x00-\x1f\x7f-\x9f]", value):
        raise ValueError("must not contain control characters")
    return value


def _plain(value: str) -> str:
    if "\\" in value:
        raise ValueError("must not contain a backslash: DICOM separates values with it")
    return _no_control(value)


def _ae_title(value: str) -> str:
    if not re.fullmatch(r"[\x20-\x5b\x5d-\x7e]+", value):
        raise ValueError("an AE title has ASCII letters, digits and punctuation only, and no backslash")
    if value != value.strip():
        raise ValueError("spaces at the ends of an AE title do not count in DICOM; remove them")
    return value


def _ae_title_or_empty(value: str) -> str:
    return _ae_title(value) if value else value


def _code_string(value: str) -> str:
    if not re.fullmatch(r"[A-Z0-9 _]*", value):
        raise ValueError("may have capital Latin letters, digits, space and underscore only")
    return value


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,32}", value):
        raise ValueError("must be 1 to 32 small Latin letters, digits or hyphens")
    return value


def _name_or_empty(value: str) -> str:
    return _name(value) if value else value


def _clock_or_empty(value: str) -> str:
    if value and not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        raise ValueError("must be a time of day such as 22:00")
    return value


def _modality(value: str) -> str:
    reason = modality.objection(value)
    if reason:
        raise ValueError(reason)
    return value


def _modality_or_empty(value: str) -> str:
    return _modality(value) if value else value


def _timezone(value: str) -> str:
    try:
        if re.fullmatch(r"[A-Za-z0-9_+/-]+", value):
            zoneinfo.ZoneInfo(value)
            return value
    except (KeyError, ValueError, OSError):
        pass  # the same answer as for a name that cannot be one
    raise ValueError(f"{value!r} is not a time zone of the IANA database")


def _host(value: str) -> str:
    if not value:
        raise ValueError("must not be empty: give the name or IP address of the server")
    if "://" in value:
        raise ValueError("must be a name or an IP address alone, without a scheme and a port")
    if not _is_address(value) and not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})", value):
        raise ValueError("is neither a host name nor an IP address (the port is a key of its own)")
    return value


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _host_or_empty(value: str) -> str:
    return _host(value) if value else value


def _own_address(value: str) -> str:
    if value == "localhost" or _is_address(value):
        return value
    raise ValueError("must be an IP address of this machine, 127.0.0.1 for itself alone, 0.0.0.0 or :: for all of them")


def _dicom_port(value: int) -> int:
    if value == ISCL_PORT:
        raise ValueError("2761 belongs to ISCL, a withdrawn practice that nobody speaks; DICOM over TLS is on 2762")
    return value


def _verify(value: str) -> str:
    if value in {"hostname", "ca-only"} or re.fullmatch(r"name:\S+|pin:[0-9a-fA-F]{64}", value):
        return value
    raise ValueError("must be hostname, ca-only, name:<expected name> or pin:<64 hexadecimal digits of SHA-256>")


def _resolve(value: str, info: ValidationInfo) -> str:
    """Return the path made absolute against the configuration file's folder; the empty string stays empty."""
    _no_control(value)
    folder = info.context.get("folder") if isinstance(info.context, dict) else None
    return str(Path(folder) / value) if value and folder is not None else value


def _folder(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str):
        raise ValueError("should be a valid string with a path")  # noqa: TRY004 -- pydantic reads ValueError only
    if not value:
        raise ValueError("must not be empty")
    return Path(_resolve(value, info))


def _lists(value: Any) -> Any:
    """Return TOML's lists, also nested, as the tuples that a frozen schema holds."""
    return tuple(map(_lists, value)) if isinstance(value, list | tuple) else value


AsTuple = BeforeValidator(_lists)
Name = Annotated[str, AfterValidator(_name)]
NameOrEmpty = Annotated[str, AfterValidator(_name_or_empty)]
ClockOrEmpty = Annotated[str, AfterValidator(_clock_or_empty)]
AeTitle = Annotated[str, Field(min_length=1, max_length=16), AfterValidator(_ae_title)]
AeTitleOrEmpty = Annotated[str, Field(max_length=16), AfterValidator(_ae_title_or_empty)]
ShortString = Annotated[str, Field(max_length=16), AfterValidator(_plain)]
LongString = Annotated[str, Field(max_length=64), AfterValidator(_plain)]
ShortText = Annotated[str, Field(max_length=1024), AfterValidator(_no_control)]
CodeString = Annotated[str, Field(max_length=16), AfterValidator(_code_string)]
Modality = Annotated[str, AfterValidator(_modality)]
ModalityOrEmpty = Annotated[str, AfterValidator(_modality_or_empty)]
Timezone = Annotated[str, AfterValidator(_timezone)]
Host = Annotated[str, AfterValidator(_host)]
HostOrEmpty = Annotated[str, AfterValidator(_host_or_empty)]
OwnAddress = Annotated[str, AfterValidator(_own_address)]
DicomPort = Annotated[int, Field(ge=1, le=65535), AfterValidator(_dicom_port)]
Verify = Annotated[str, AfterValidator(_verify)]
AS_PATH = AfterValidator(_resolve)
FilePath = Annotated[str, AS_PATH]
FolderPath = Annotated[Path, Strict(strict=False), BeforeValidator(_folder)]
Seconds = Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)]
