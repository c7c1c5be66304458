"""The bill of materials of an image in CycloneDX 1.6: every Debian and every Python part with version and licence.

Read from the finished root file system, so that it says what is in the image and not what was asked for.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from datetime import UTC, datetime
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from board import PYTHON, Board

Json = dict[str, Any]


def debian(root: Path) -> list[Json]:
    """Return a component for each installed Debian package."""
    found = []
    for text in (root / "var/lib/dpkg/status").read_text(errors="replace").split("\n\n"):
        fields = dict(re.findall(r"^([A-Z][\w-]*): (.*)$", text, re.M))
        if " installed" not in fields.get("Status", ""):
            continue
        name, version, arch = fields["Package"], fields["Version"], fields["Architecture"]
        purl = f"pkg:deb/debian/{name}@{version}?arch={arch}"
        part: Json = {"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl}
        source = fields.get("Source", name).split()[0]
        part["properties"] = [{"name": "debian:source", "value": source}]
        licences = _debian_licences(root / "usr/share/doc" / name / "copyright")
        if licences:
            part["licenses"] = [{"license": {"name": licence}} for licence in licences]
        found.append(part)
    return sorted(found, key=lambda part: part["bom-ref"])


def _debian_licences(path: Path) -> list[str]:
    if not path.is_file():
        return []
    text = path.read_text(errors="replace")
    return sorted({line.strip() for line in re.findall(r"^License: *(\S.*)$", text, re.M)})[:20]


def python(root: Path) -> list[Json]:
    """Return a component for each Python distribution in the agent's environment, the agent itself left out."""
    site = root / f"opt/modality-agent/lib/python{PYTHON}/site-packages"
    found = []
    for folder in site.glob("*.dist-info"):
        told = HeaderParser().parsestr((folder / "METADATA").read_text(errors="replace"))
        name, version = str(told["Name"]), str(told["Version"])
        if name == "modality-agent":
            continue
        purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
        part: Json = {"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl}
        licence = told["License-Expression"] or told["License"] or _classified(told.get_all("Classifier") or [])
        if licence:
            part["licenses"] = [{"license": {"name": str(licence).splitlines()[0][:200]}}]
        record = folder / "METADATA"
        part["hashes"] = [{"alg": "SHA-256", "content": hashlib.sha256(record.read_bytes()).hexdigest()}]
        part["properties"] = [{"name": "hash:of", "value": "METADATA"}]
        found.append(part)
    return sorted(found, key=lambda part: part["bom-ref"])


def _classified(classifiers: list[str]) -> str:
    return "; ".join(c.rpartition(":: ")[2] for c in classifiers if c.startswith("License ::"))


def write(board: Board, root: Path, version: str, out: Path, epoch: int) -> int:
    """Write the bill beside the image and return how many parts it names."""
    parts = [*debian(root), *python(root)]
    product = {"type": "firmware", "name": f"modality-agent-{board.name}", "version": version, "bom-ref": "image"}
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, board.name + version)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).isoformat(),
            "component": product,
        },
        "components": parts,
        "dependencies": [{"ref": "image", "dependsOn": [part["bom-ref"] for part in parts]}],
    }
    out.write_text(json.dumps(bill, indent=1, ensure_ascii=False) + "\n")
    return len(parts)
