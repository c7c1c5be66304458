"""The build child: `python -m agent.objects`, started and watched by the core.

Requests, all with descriptors that the core opened:

    build        {"series": `SeriesRecord`, SAID}; frame file (read), empty object file (write) -> {"sha256"}
    encode       frame file, clip (read), empty video file (write) -> {"record"} of the object that it will be
    bind         {"output", "title", "created", "jpeg_quality"}; frame files of pages (read), empty file -> {"facts"}
    verify       {SAID}; frame file (read), object file opened anew (read) -> {"built": BuiltObject}
                 SAID is "annotation" (`Annotation`) or "key_object" (`KeyObject`), or left out; verify alone takes
                 {"said": "unknown"} as well: then it is not compared;
                 build takes a third descriptor, the clip or, with {"record"}, the video; so does verify {"record"}
    transcode    {"transfer_syntax_uid"}; object file (read), empty file -> {"size", "sha256"}, same instance
    thumbnail    {"max_width", "number"}; frame file (read), a clip's own file; or {"record"} and a bare payload
                 -> {"size"} and a sealed memfd with a JPEG
    certificate  PEM or DER file (read), or {"path"} -> subject, issuer, not_before, not_after, sha256
    request certificate  {"common_name", "dns", "ip"}; empty request file, empty key file -> both written
    pair         certificate file, key file (both read) -> as `certificate`, refused when they are no pair
"""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from agent.annotation import NOTHING_SAID, Annotation
from agent.errors import BadRequest, StorageError
from agent.key_object import KeyObject
from agent.model import FrameRecord, SeriesRecord
from agent.objects import building
from agent.objects.said import Told
from agent.plain import from_plain, to_plain
from drivers.serve import Reply, Verb, serve
from drivers.wire import enter, seal

DATA_LIMIT_MB = 512
LONGEST_CERTIFICATE = 1 << 20

Answer = tuple[dict[str, Any], list[int]]
T = TypeVar("T")


def build(request: dict[str, Any], fds: list[int], reply: Reply) -> Answer:
    """Write one object (`building.build`) and sync it."""
    frame_fd, object_fd, *rest = _take(fds, 2, 3)
    facts, record = _plain(SeriesRecord, request.get("series")), _made(request)
    header = building.read_header(frame_fd)
    payload = building.payload_of(frame_fd, header, rest[0] if rest else None)
    try:
        made = replace(payload, record=record) if record else payload
        sha256 = building.build(frame_fd, object_fd, facts, reply.beat, made, _told(request))
        os.fsync(object_fd)
    except OSError as e:
        raise StorageError(errno=e.errno) from None
    return {"sha256": sha256}, []


def encode(_request: dict[str, Any], fds: list[int], reply: Reply) -> Answer:
    """Write one clip as a video (`video.encode`) and sync it."""
    from agent.objects import video

    frame_fd, clip_fd, target_fd = _take(fds, 3)
    payload = building.payload_of(frame_fd, building.read_header(frame_fd), clip_fd)
    try:
        record = video.encode(payload, target_fd, reply.beat)
        os.fsync(target_fd)
    except OSError as e:
        raise StorageError(errno=e.errno) from None
    return {"record": to_plain(record)}, []


def bind(request: dict[str, Any], fds: list[int], reply: Reply) -> Answer:
    """Write the payload of one document or multi-frame picture of pages (`binding.bind`) and sync it."""
    from agent.objects import binding

    if len(fds) < 2:
        raise BadRequest("Pages and a target are needed.")
    try:
        facts = binding.bind(fds[:-1], fds[-1], _plain(binding.BoundAs, request), reply.beat)
        os.fsync(fds[-1])
    except OSError as e:
        raise StorageError(errno=e.errno) from None
    return {"facts": facts}, []


def verify(request: dict[str, Any], fds: list[int], reply: Reply) -> Answer:
    """Read one object again (`building.verify`)."""
    frame_fd, object_fd = _take(fds, 2)
    try:
        told = None if request.get("said") == "unknown" else _told(request)
        built = building.verify(frame_fd, object_fd, reply.beat, _made(request), told)
        return {"built": to_plain(built)}, []
    except OSError as e:
        raise StorageError(errno=e.errno) from None


def transcode(request: dict[str, Any], fds: list[int], reply: Reply) -> Answer:
    """Write one object in another transfer syntax (`transcode.transcode`) and sync it."""
    from agent.objects.transcode import transcode as change

    object_fd, target_fd = _take(fds, 2)
    try:
        return asdict(change(object_fd, target_fd, str(request.get("transfer_syntax_uid")), reply.beat)), []
    except OSError as e:
        raise StorageError(errno=e.errno) from None


def thumbnail(request: dict[str, Any], fds: list[int], _reply: Reply) -> Answer:
    """Make a small JPEG of one frame."""
    from agent.objects.thumbnail import thumbnail as make

    first_fd, *rest = _take(fds, 1, 2)
    bare = _made(request)
    payload = (
        building.Payload(record=bare, fd=first_fd)
        if bare
        else building.payload_of(first_fd, building.read_header(first_fd), rest[0] if rest else None)
    )
    width, number = request.get("max_width"), request.get("number", 1)
    if not isinstance(width, int) or not isinstance(number, int) or number < 1:
        raise BadRequest("max_width, number: not a number")
    small = make(payload, width, number)
    return {"size": len(small)}, [seal([small], "thumbnail")]


def certificate(request: dict[str, Any], fds: list[int], _reply: Reply) -> Answer:
    """Say what a certificate file holds."""
    from agent.objects.certificate import describe_certificate

    try:
        content = os.read(fds[0], LONGEST_CERTIFICATE) if fds else Path(str(request.get("path"))).read_bytes()
    except OSError as e:
        raise BadRequest("The certificate file cannot be read.", errno=e.errno) from None
    return describe_certificate(content), []


def request_certificate(request: dict[str, Any], fds: list[int], _reply: Reply) -> Answer:
    """Make a key and its signing request for {"common_name", "dns", "ip"} and write both synced."""
    from agent import pki

    request_fd, key_fd = _take(fds, 2)
    names = pki.Names(
        common_name=str(request.get("common_name", "")),
        dns=[str(name) for name in request.get("dns", ())],
        ip=[str(address) for address in request.get("ip", ())],
    )
    for fd, content in zip((request_fd, key_fd), pki.request_and_key(names), strict=True):
        try:
            os.write(fd, content)
            os.fsync(fd)
        except OSError as e:
            raise StorageError(errno=e.errno) from None
    return {}, []


def pair(_request: dict[str, Any], fds: list[int], _reply: Reply) -> Answer:
    """Say what a certificate file holds, if it was made for the key in the second file."""
    from agent import pki
    from agent.objects.certificate import describe_certificate

    certificate_fd, key_fd = _take(fds, 2)
    content, key = (os.pread(fd, LONGEST_CERTIFICATE, 0) for fd in (certificate_fd, key_fd))
    pki.assert_pair(content, key)
    return describe_certificate(content), []


VERBS: dict[str, Verb] = {
    "build": build,
    "encode": encode,
    "bind": bind,
    "verify": verify,
    "transcode": transcode,
    "thumbnail": thumbnail,
    "certificate": certificate,
    "request certificate": request_certificate,
    "pair": pair,
}


def _take(fds: list[int], *counts: int) -> list[int]:
    if len(fds) not in counts:
        raise BadRequest(f"{counts[0]} descriptors are needed.")
    return fds


def _made(request: dict[str, Any]) -> FrameRecord | None:
    """Return the record of a payload that was made of the frame's, where there is one."""
    return _plain(FrameRecord, request["record"]) if "record" in request else None


def _told(request: dict[str, Any]) -> Told:
    """Return what was said of the object."""
    if "key_object" in request:
        return _plain(KeyObject, request["key_object"])
    return _plain(Annotation, request["annotation"]) if "annotation" in request else NOTHING_SAID


def _plain(kind: type[T], value: object) -> T:
    try:
        return from_plain(kind, value)
    except ValueError as e:
        raise BadRequest(str(e)) from None


def main() -> None:
    """Serve until the core closes the channel."""
    channel = enter(data_limit_mb=DATA_LIMIT_MB)
    try:
        serve(channel, VERBS)
    finally:
        channel.close()


if __name__ == "__main__":
    main()
