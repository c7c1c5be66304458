"""What can be wrong with a configuration beyond its text: the files of TLS (PS3.15 B.12), without network."""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path

from agent.config.load import examine
from agent.config.problem import Problem, toml
from agent.config.schema import Configuration


def check(path: Path | str) -> list[Problem]:
    """Return everything wrong with the file at `path` (empty: it can be used); no hardware, no network.

    The files of TLS are looked at only when the text is right, because only then is known which they are.
    """
    examined = examine(path)
    if examined.configuration is None:
        return list(examined.problems)
    return list(_tls_problems(examined.configuration, str(Path(path).absolute())))


def _places(c: Configuration) -> Iterator[tuple[str, str, str, str]]:
    """Yield (table, ca_file, certificate_file, key_file) of every table that may name files."""
    if c.tls:
        yield "tls", c.tls.ca_file, c.tls.certificate_file, c.tls.key_file
    yield "web", "", c.web.certificate_file, c.web.key_file
    if c.worklist:
        yield "worklist", c.worklist.ca_file, c.worklist.certificate_file, c.worklist.key_file
    for number, d in enumerate(c.destination, start=1):
        yield f"destination#{number}", d.ca_file, d.certificate_file, d.key_file
    for name, channel in (("alerts.webhook", c.alerts.webhook), ("alerts.mail", c.alerts.mail)):
        if channel:
            yield name, channel.ca_file, channel.certificate_file, channel.key_file


def _tls_problems(c: Configuration, file: str) -> Iterator[Problem]:
    for table, ca_file, certificate_file, key_file in _places(c):
        named = {"ca_file": ca_file, "certificate_file": certificate_file, "key_file": key_file}
        wrong = {key: _objection(key, path) for key, path in named.items() if path}
        if key_file and certificate_file and not any(wrong.values()):
            wrong["certificate_file"] = _pair_objection(certificate_file, key_file)
        for key, why in wrong.items():
            if why:
                path = named[key]
                yield Problem(file=file, key=f"{table}.{key}", reason=why, example=f"{key} = {toml(path)}")


def _objection(key: str, path: str) -> str:
    """Return why the file at `path` cannot serve as `key`, or the empty string."""
    try:
        text = Path(path).read_text(encoding="ascii", errors="replace")
        mode = stat.S_IMODE(os.stat(path).st_mode)  # noqa: PTH116 -- beside the read, of the same name
    except OSError as e:
        return f"{path} cannot be read: {e.strerror}"
    if key == "key_file":
        return _key_objection(path, text, mode)
    if "-----BEGIN CERTIFICATE-----" not in text:
        return f"{path} holds no certificate in PEM form"
    return _ca_objection(path) if key == "ca_file" else ""


def _key_objection(path: str, text: str, mode: int) -> str:
    if "PRIVATE KEY-----" not in text:
        return f"{path} holds no private key in PEM form"
    if "ENCRYPTED" in text:
        return f"{path} is protected by a password, which nobody can type when the box starts"
    if mode & ~_may_read(path) & 0o077:
        return f"{path} can be read by others (mode {mode:04o}); run: chmod 600 {path}"
    return ""


def _may_read(path: str) -> int:
    """Return which permissions of a key are no mistake: a setgid folder hands keys to the peer children's group."""
    folder = Path(path).parent.stat()
    return stat.S_IRGRP if folder.st_mode & stat.S_ISGID and folder.st_gid == Path(path).stat().st_gid else 0


def _ca_objection(path: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (ssl.SSLError, OSError) as e:
        return f"{path} holds a certificate that cannot be read: {_words(e)}"
    return ""


def _pair_objection(certificate_file: str, key_file: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate_file, key_file, password="")
    except (ssl.SSLError, OSError) as e:
        return f"{certificate_file} and {key_file} do not work together: {_words(e)}"
    return ""


def _words(e: OSError) -> str:
    return getattr(e, "reason", None) or e.strerror or "unreadable"
