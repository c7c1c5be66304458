"""The rules between the tables of the configuration, on what was read: any part may be absent or mistyped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from agent.config.section import Complaint, Location


def between_tables(raw: Mapping[str, Any]) -> Iterator[Complaint]:
    """Yield double names, triggers of unknown sources, stand-ins for nobody and peers whose TLS has no files."""
    if "source" in raw and not raw["source"]:
        yield ("source",), "at least one source is needed"
    for table in ("source", "trigger", "destination"):
        yield from _double_names(table, _rows(raw, table))
    yield from _strange_sources(raw)
    yield from _strange_standbys(raw)
    yield from _without_tls_files(raw)
    yield from _without_authority(raw)


def _rows(raw: Mapping[str, Any], table: str) -> list[tuple[int, Mapping[str, Any]]]:
    rows = raw.get(table)
    return [(i, r) for i, r in enumerate(rows if isinstance(rows, list | tuple) else ()) if isinstance(r, Mapping)]


def _double_names(table: str, rows: list[tuple[int, Mapping[str, Any]]]) -> Iterator[Complaint]:
    seen: set[str] = set()
    for number, row in rows:
        name = row.get("name")
        if isinstance(name, str):
            if name in seen:
                yield (table, number, "name"), f"{name!r} is already the name of another {table}"
            seen.add(name)


def _strange_sources(raw: Mapping[str, Any]) -> Iterator[Complaint]:
    names = [r["name"] for _, r in _rows(raw, "source") if isinstance(r.get("name"), str)]
    for number, row in _rows(raw, "trigger"):
        wanted = row.get("source")
        if isinstance(wanted, str) and wanted not in names:
            near = get_close_matches(wanted, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "; there are: " + ", ".join(names) if names else ""
            yield ("trigger", number, "source"), f"there is no source {wanted!r}{hint}"


def _strange_standbys(raw: Mapping[str, Any]) -> Iterator[Complaint]:
    rows = _rows(raw, "destination")
    first = [r.get("name") for _, r in rows if not r.get("standby_of")]
    tests = [r.get("name") for _, r in rows if r.get("test") is True]
    for number, row in rows:
        if row.get("standby_of") and (row.get("test") is True or row["standby_of"] in tests):
            yield ("destination", number, "standby_of"), "a destination for tests stands in for none and has none"
        if row.get("standby_of") and row["standby_of"] not in first:
            yield ("destination", number, "standby_of"), "must be the name of a destination that stands in for none"
        if row.get("name") in RESERVED:
            yield ("destination", number, "name"), f"{row['name']!r} is the box's own name for another peer"


RESERVED = ("worklist", "procedure-steps")


def _peers(raw: Mapping[str, Any]) -> Iterator[tuple[Location, Mapping[str, Any]]]:
    for table in ("worklist", "procedure_step"):
        if isinstance(peer := raw.get(table), Mapping):
            yield (table,), peer
    if isinstance(audit := raw.get("audit"), Mapping) and audit.get("host"):
        yield ("audit",), audit
    for number, row in _rows(raw, "destination"):
        yield ("destination", number), row


def _without_tls_files(raw: Mapping[str, Any]) -> Iterator[Complaint]:
    """Yield each peer with TLS whose files are named neither in its own table nor in `[tls]`."""
    if raw.get("tls") is not None:
        return  # what `[tls]` itself lacks is told there
    for where, peer in _peers(raw):
        if peer.get("tls", True) is True:
            missing = [k for k in ("ca_file", "certificate_file", "key_file") if not peer.get(k)]
            if missing:
                yield (
                    (*where, missing[0]),
                    f"TLS needs {', '.join(missing)} here, or a table [tls] for all peers",
                )


def _without_authority(raw: Mapping[str, Any]) -> Iterator[Complaint]:
    """Yield each channel of alarms that could not be told from an impostor."""
    alerts = raw.get("alerts")
    if raw.get("tls") is not None or not isinstance(alerts, Mapping):
        return
    for name in ("webhook", "mail"):
        channel = alerts.get(name)
        if isinstance(channel, Mapping) and not channel.get("ca_file"):
            yield ("alerts", name, "ca_file"), "TLS needs ca_file here, or a table [tls] for all peers"
