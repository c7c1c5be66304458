"""The enrolment file of an appliance: one TOML file that makes a box of this site out of a fresh image.

    format = 1
    [site]            time servers, and the network where it is not DHCP
    [certificates]    the site's authority (PEM); the box's own certificate and key where the site makes them
    [configuration]   the tables of the configuration file, as docs/configuration.md has them

Pure: text in, files out. `[configuration]` may leave out `box.data_dir` and `[tls]`, whose places an appliance knows.
Time servers and addresses end in files of systemd-timesyncd and systemd-networkd, so nothing but host names and
addresses may stand there.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from typing import Any

from agent.enrolment_errors import EnrolmentError

FORMAT = 1
DATA_FOLDER = "/var/lib/modality-agent"
CONFIGURATION, DOORS = "config.toml", "site/doors"
ACCEPTANCE = "acceptance-due"
"""Is there until the box wrote its first acceptance report."""
AUTHORITY, CERTIFICATE, KEY = "tls/ca.pem", "tls/box.pem", "tls/box.key"
PRIVATE = frozenset({KEY})
LARGEST = 1 << 20
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_CERTIFICATE = re.compile(
    r"\s*(-----BEGIN CERTIFICATE-----\s+[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+", re.ASCII
)
_KEY = re.compile(
    r"\s*-----BEGIN (EC |RSA |)PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]+-----END (EC |RSA |)PRIVATE KEY-----\s*", re.ASCII
)
_TABLES = {
    "": {"format", "site", "certificates", "configuration"},
    "site": {"time_servers", "network"},
    "site.network": {"address", "gateway", "dns"},
    "certificates": {"authority", "certificate", "key"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A fixed address; without one the box asks a DHCP server."""

    address: str
    gateway: str = ""
    dns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What a site says about one box."""

    configuration: Mapping[str, Any]
    authority: str = ""
    certificate: str = ""
    key: str = ""
    time_servers: tuple[str, ...] = ()
    network: Network | None = None

    @property
    def wants_certificate(self) -> bool:
        """Whether the box has to make its key itself and ask the site for a certificate."""
        return bool(self.authority) and not self.key

    @property
    def has_test_destination(self) -> bool:
        """Whether some destination is for tests alone, so that the box can prove itself without any patient."""
        told = self.configuration.get("destination")
        return isinstance(told, list) and any(isinstance(d, Mapping) and d.get("test") is True for d in told)

    def ports(self) -> tuple[int, ...]:
        """Return the ports that the configuration opens: the listener's, the page's unless it is for the box alone."""
        listener, web = self.configuration.get("listener"), self.configuration.get("web")
        told = [listener.get("port", 2762)] if isinstance(listener, Mapping) else []
        if isinstance(web, Mapping) and not _is_own(web.get("listen", "127.0.0.1")):
            told += [web.get("port", 8443), web.get("redirect_port", 0)]
        return tuple(dict.fromkeys(port for port in told if isinstance(port, int) and 0 < port < 65536))


def parse(data: bytes) -> Enrolment:
    """Return what the file says; raises `EnrolmentError` with everything that is wrong with its outer tables.

    The tables of `[configuration]` are not looked into: the configuration's own schema does that.
    """
    if len(data) > LARGEST:
        raise EnrolmentError("The enrolment file is larger than 1 MiB.")
    try:
        told = tomllib.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as e:
        raise EnrolmentError(f"The enrolment file is not TOML in UTF-8: {_position(e)}.") from None
    problems = [*_complaints(told)]
    if problems:
        raise EnrolmentError(*problems)
    site, certificates = told.get("site", {}), told.get("certificates", {})
    network = site.get("network")
    return Enrolment(
        configuration=told["configuration"],
        authority=certificates.get("authority", ""),
        certificate=certificates.get("certificate", ""),
        key=certificates.get("key", ""),
        time_servers=tuple(site.get("time_servers", ())),
        network=Network(**{**network, "dns": tuple(network.get("dns", ()))}) if network else None,
    )


def _position(error: Exception) -> str:
    """Return where a parser stopped, and nothing of what it read: the file holds a private key."""
    found = re.search(r"\(at [^)]*\)", str(error))
    return found[0].strip("()") if found else "at an unknown place"


def _complaints(told: Mapping[str, Any]) -> Iterator[str]:
    for name, known in _TABLES.items():
        table = _table(told, name)
        if table is None:
            yield f"[{name}] is not a table."
            continue
        yield from (f"{name + '.' if name else ''}{key} is not known." for key in table.keys() - known)
    if told.get("format") != FORMAT:
        yield f"format must be {FORMAT}: an older or newer file than this box reads."
    if not isinstance(told.get("configuration"), Mapping):
        yield "[configuration] is missing."
    site, certificates = _table(told, "site") or {}, _table(told, "certificates") or {}
    yield from _hosts("site.time_servers", site.get("time_servers", []))
    yield from _addresses(_table(told, "site.network") or {}, given="network" in site)
    for key, pattern in (("authority", _CERTIFICATE), ("certificate", _CERTIFICATE), ("key", _KEY)):
        text = certificates.get(key, "")
        if not isinstance(text, str) or (text and not pattern.fullmatch(text)):
            yield f"certificates.{key} is not PEM."
    if bool(certificates.get("certificate")) != bool(certificates.get("key")):
        yield "certificates.certificate and certificates.key are given together or not at all."
    if certificates.get("certificate") and not certificates.get("authority"):
        yield "certificates.authority is missing."


def _table(told: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """Return a table by its dotted name, an empty one where it is absent, None where something else stands."""
    found: Any = told
    for part in filter(None, name.split(".")):
        found = found.get(part, {})
        if not isinstance(found, Mapping):
            return None
    return found if isinstance(found, Mapping) else None


def _hosts(name: str, hosts: Any) -> Iterator[str]:
    if not isinstance(hosts, list) or not all(isinstance(h, str) and (_HOST.fullmatch(h) or _is_ip(h)) for h in hosts):
        yield f"{name} must be a list of host names or addresses."


def _addresses(network: Mapping[str, Any], *, given: bool) -> Iterator[str]:
    if not given:
        return
    if not _is_interface(network.get("address")):
        yield "site.network.address must be an address with its prefix, as in 192.0.2.17/24."
    if network.get("gateway", "") and not _is_ip(network["gateway"]):
        yield "site.network.gateway must be an address."
    dns = network.get("dns", [])
    if not isinstance(dns, list) or not all(_is_ip(one) for one in dns):
        yield "site.network.dns must be a list of addresses."


def _is_interface(text: Any) -> bool:
    try:
        ip_interface(text if isinstance(text, str) else "")
    except ValueError:
        return False
    return "/" in text


def _is_own(address: Any) -> bool:
    """Return whether only the box itself can reach what listens there."""
    return address == "localhost" or (_is_ip(address) and ip_address(address).is_loopback)


def _is_ip(text: Any) -> bool:
    try:
        ip_address(text if isinstance(text, str) else "")
    except ValueError:
        return False
    return True


# --- the files that come of it ----------------------------------------------------------------------------------------


def files(enrolment: Enrolment) -> dict[str, str]:
    """Return file name below the configuration's folder → text; the configuration itself is the last one.

    Whoever writes them writes them in this order: the box counts as enrolled from the moment the last is there.
    """
    made = {}
    if enrolment.authority:
        made[AUTHORITY] = _pem(enrolment.authority)
    if enrolment.key:
        made[CERTIFICATE], made[KEY] = _pem(enrolment.certificate), _pem(enrolment.key)
    if enrolment.time_servers:
        made["site/timesyncd.conf.d/60-site.conf"] = f"[Time]\nNTP={' '.join(enrolment.time_servers)}\n"
    if enrolment.network is not None:
        made["site/network/10-site.network"] = _network(enrolment.network)
    ports = enrolment.ports()
    if ports:
        made[DOORS] = f"add element inet box doors {{ {', '.join(map(str, ports))} }}\n"
    if enrolment.has_test_destination:
        made[ACCEPTANCE] = "The acceptance test is due: modality-agent acceptance --first\n"
    made[CONFIGURATION] = configuration_text(enrolment)
    return made


def _pem(text: str) -> str:
    return text.strip() + "\n"


def _network(network: Network) -> str:
    lines = ["[Match]", "Name=en* eth* usb* end*", "[Network]", f"Address={network.address}"]
    lines += [f"Gateway={network.gateway}"] if network.gateway else []
    lines += [f"DNS={address}" for address in network.dns]
    return "\n".join([*lines, "LLMNR=no", "MulticastDNS=no", ""])


def configuration_text(enrolment: Enrolment) -> str:
    """Return the configuration file: the given tables, with the places that an appliance knows filled in."""
    tables = dict(enrolment.configuration)
    box = tables.get("box", {})
    if isinstance(box, Mapping):
        tables["box"] = {"data_dir": DATA_FOLDER, **box}
    if enrolment.authority:
        tables.setdefault("tls", {"ca_file": AUTHORITY, "certificate_file": CERTIFICATE, "key_file": KEY})
    head = "# Made from the site's enrolment file. Every key with its meaning: docs/configuration.md.\n"
    return head + "\n".join(_toml(tables, ())) + "\n"


def _toml(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of a table: plain values first, then its tables and lists of tables."""
    inner = {key: value for key, value in table.items() if _is_table(value)}
    for key, value in table.items():
        if key not in inner:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in inner.items():
        where = (*path, key)
        name = ".".join(map(_key, where))
        for one in value if isinstance(value, list) else [value]:
            yield f"\n[[{name}]]" if isinstance(value, list) else f"\n[{name}]"
            yield from _toml(one, where)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)
    )


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _text(key)


def _text(text: str) -> str:
    """Return a TOML string: a JSON string is one, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
    return repr(value) if isinstance(value, float) else str(value)
