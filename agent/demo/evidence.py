"""What the RIS offers and the PACS received, read by tools that share no code with the agent: DCMTK and dciodvfy."""

from __future__ import annotations

import hashlib
import json
import os
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


TOOLS = ("findscu", "dcmdump", "dcm2pnm", "dcm2pdf", "dciodvfy")
TOOL_TIMEOUT_S = 60.0


def tool(name: str) -> str:
    """Return where a foreign tool is; raises `DemoFailed` with what to install.

    DCMTK's are never looked for beside the interpreter: pynetdicom, which the agent uses, puts a `findscu` there.
    """
    own = Path(sys.executable).parent
    if name == "dciodvfy":
        found, package = shutil.which(name, path=own) or shutil.which(name), "the Python package dicom3tools"
    else:
        elsewhere = [d for d in os.get_exec_path() if Path(d).resolve() != own.resolve()]
        found, package = shutil.which(name, path=os.pathsep.join(elsewhere)), "Debian's package dcmtk"
    if not found:
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


def worklist_row(folder: Path, accession_number: str) -> dict[str, str]:
    """Return the identifying attributes of one worklist entry, asked of the RIS by DCMTK's findscu over mutual TLS.

    `folder` is the sandbox's. Raises `DemoFailed` unless exactly one entry has the accession number.
    """
    sandbox = json.loads((folder / "sandbox.json").read_text(encoding="utf-8"))
    answers = folder / "worklist-row"
    answers.mkdir()
    keys = ["PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID"]
    words = [tool("findscu"), "-q", "-W", "-to", "10", "-ta", "10", "-td", "10", "-X", "-od", str(answers)]
    words += ["+tls", sandbox["agent_key"], sandbox["agent_certificate"], "+cf", sandbox["ca"]]
    words += ["-aet", sandbox["agent_ae_title"], "-aec", sandbox["ris"]["called_ae_title"]]
    words += [word for key in (f"AccessionNumber={accession_number}", *keys) for word in ("-k", key)]
    _output([*words, sandbox["ris"]["host"], str(sandbox["ris"]["port"])])
    rows = sorted(answers.iterdir())
    if len(rows) != 1:
        raise DemoFailed(f"DCMTK found {len(rows)} worklist entries with the accession number, not one")
    row = attributes(rows[0])
    del row["sop_instance_uid"]
    return row


def differences(wanted: dict[str, str], found: dict[str, str]) -> list[str]:
    """Return the names of the attributes that are not exactly as wanted; an empty or missing one never agrees."""
    return [name for name, value in wanted.items() if not value or found.get(name) != value]


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


def program(name: str, package: str) -> str:
    """Return where a program of a Debian package is; raises `DemoFailed` with what to install."""
    found = shutil.which(name)
    if not found:
        raise DemoFailed(f"{name} is missing: install Debian's package {package}")
    return found


def raw_values(file: Path, scratch: Path) -> list[Path]:
    """Return the values of Pixel Data as DCMTK's dcmdump writes them to files: one, or one for each item, in order."""
    folder = scratch / f"raw-{file.stem}"
    folder.mkdir()
    _output([tool("dcmdump"), "-q", "+W", str(folder), str(file)])
    return sorted(folder.glob("*.raw"), key=lambda path: (len(path.name), path.name))


def document_sha256(file: Path, scratch: Path) -> str:
    """Return the SHA-256 of an encapsulated PDF as DCMTK's dcm2pdf takes it out."""
    target = scratch / f"{file.stem}.pdf"
    _output([tool("dcm2pdf"), "-q", str(file), str(target)])
    data = target.read_bytes()
    return hashlib.sha256(data[: data.rfind(b"%%EOF") + 6]).hexdigest()


def objections(file: Path) -> list[str]:
    """Return what dciodvfy has against a received file (errors only); raises `DemoFailed` when it judged nothing."""
    done = _run([tool("dciodvfy"), "-new", str(file)])
    said = (done.stdout + done.stderr).decode(errors="replace")
    errors = [line for line in said.splitlines() if line.startswith("Error")]
    if not errors and (done.returncode != 0 or not said.strip()):
        raise DemoFailed(f"dciodvfy did not judge the object (exit status {done.returncode})")
    return errors


def _output(words: list[str]) -> bytes:
    done = _run(words)
    if done.returncode != 0:
        raise DemoFailed(f"{Path(words[0]).name} said: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _run(words: list[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(words, capture_output=True, check=False, timeout=TOOL_TIMEOUT_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as e:
        raise DemoFailed(f"{Path(words[0]).name} took too long") from e
