"""What the PACS received, read by tools that share no code with the agent: DCMTK and dciodvfy."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from agent.demo.commands import DemoFailed

_LINE = re.compile(r"^\((?P<tag>[0-9a-f]{4},[0-9a-f]{4})\) \w\w (?:\[(?P<text>.*)\]|=\S+|\(no value)")
TAGS = {
    "name": "0010,0010",
    "patient_id": "0010,0020",
    "birth_date": "0010,0030",
    "sex": "0010,0040",
    "accession_number": "0008,0050",
    "study_instance_uid": "0020,000d",
    "sop_instance_uid": "0008,0018",
}


def tool(name: str) -> str:
    """Return where a foreign tool is; raises `DemoFailed` with what to install."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        package = "the Python package dicom3tools" if name == "dciodvfy" else "Debian's package dcmtk"
        raise DemoFailed(f"{name} is missing: install {package}")
    return found


def attributes(file: Path) -> dict[str, str]:
    """Return the identifying attributes of a received file as DCMTK's dcmdump reads them, in UTF-8."""
    words = [tool("dcmdump"), "-q", "+L", "+U8", "-Un", *_search(), str(file)]
    text = _output(words).decode("utf-8")
    values: dict[str, str] = {}
    for line in text.splitlines():
        if (m := _LINE.match(line)) is not None:
            values.setdefault(m["tag"], (m["text"] or "").rstrip())
    return {name: values.get(tag, "") for name, tag in TAGS.items()}


def _search() -> list[str]:
    return [word for tag in TAGS.values() for word in ("+P", tag)]


def pixels_sha256(file: Path, scratch: Path) -> str:
    """Return the SHA-256 of the decoded RGB bytes, decoded by DCMTK's dcm2pnm."""
    target = scratch / "received.ppm"
    _output([tool("dcm2pnm"), "-q", "--write-raw-pnm", str(file), str(target)])
    return hashlib.sha256(ppm_pixels(target.read_bytes())).hexdigest()


def ppm_pixels(data: bytes) -> bytes:
    """Return the pixel bytes of a raw PPM or PGM; raises `DemoFailed` on anything else."""
    head = re.match(rb"P[56]\s+(?:#[^\n]*\s+)*\d+\s+\d+\s+255\s", data)
    if head is None:
        raise DemoFailed("the decoder wrote what is not a picture")
    return data[head.end() :]


def objections(file: Path) -> list[str]:
    """Return what dciodvfy has against a received file (errors only)."""
    done = subprocess.run([tool("dciodvfy"), "-new", str(file)], capture_output=True, check=False, timeout=60)
    said = (done.stdout + done.stderr).decode(errors="replace")
    return [line for line in said.splitlines() if line.startswith("Error")]


def _output(words: list[str]) -> bytes:
    done = subprocess.run(words, capture_output=True, check=False, timeout=60)
    if done.returncode != 0:
        raise DemoFailed(f"{Path(words[0]).name} said: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
