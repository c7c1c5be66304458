"""The Debian package without its wheels: complete lock, every file in its place, units that it enables."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_holds_everything_that_is_declared_with_hashes() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*told["dependencies"], *told["optional-dependencies"]["gpio"]]
    wanted = {normal(match[0]) for line in declared if (match := re.match(r"[\w.-]+", line))}
    lock = (ROOT / "packaging" / "requirements.lock").read_text()
    locked = {normal(line.partition("==")[0]) for line in lock.splitlines() if re.match(r"[a-z]", line)}
    assert wanted - locked == set(), "run `make lock`"
    for block in re.split(r"\n(?=[a-z])", lock)[1:]:
        assert "--hash=sha256:" in block, block.splitlines()[0]
    assert "http" not in lock


@pytest.fixture(scope="module")
def packaging() -> ModuleType:
    specification = importlib.util.spec_from_file_location("packaging_build", ROOT / "packaging" / "build.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def listed(packaging: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """The package as dpkg reads it; the wheels are what `make deb-test` is for."""
    if not shutil.which("dpkg-deb"):
        pytest.skip("no dpkg-deb: not a Debian")
    out = tmp_path_factory.mktemp("deb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packaging, "_wheels", lambda *_: None)
        patch.setattr(packaging, "BUILD", out / "tree")
        made = packaging.build(packaging.Target(suite="bookworm", architecture="amd64"), out, "")
    said = subprocess.run(["dpkg-deb", "-c", made], check=True, capture_output=True, text=True).stdout
    return made, {line.split()[5].removeprefix(".") for line in said.splitlines()}


def test_everything_is_in_its_place(listed: tuple[Path, set[str]]) -> None:
    _made, names = listed
    for file in (ROOT / "systemd").iterdir():
        if file.is_file():
            assert f"/usr/lib/systemd/system/{file.name}" in names
    for name in (
        "/usr/bin/modality-agent", "/opt/modality-agent/bin/python", "/opt/modality-agent/units",
        "/usr/lib/sysusers.d/modality-agent.conf", "/usr/lib/tmpfiles.d/modality-agent.conf",
        "/usr/lib/udev/rules.d/65-modality-agent.rules", "/usr/share/doc/modality-agent/deploy.md",
        "/opt/modality-agent/lib/python3.11/site-packages/agent/dimse/openssl-chacha20.cnf",
        "/opt/modality-agent/lib/python3.11/site-packages/agent/web/locale/uk/LC_MESSAGES/agent.mo",
    ):  # fmt: skip
        assert name in names
    assert not [name for name in names if name.startswith("/var/lib/modality-agent")], "data belong to nobody's package"
    assert "/etc/modality-agent/config.toml" not in names


def test_what_is_enabled_is_stopped_and_forgotten(listed: tuple[Path, set[str]], tmp_path: Path) -> None:
    made, _names = listed
    subprocess.run(["dpkg-deb", "-R", made, tmp_path / "all"], check=True)
    units = (tmp_path / "all/opt/modality-agent/units").read_text().split()
    assert units[-1] == "modality-agent.service", "sockets come first"
    postrm = (tmp_path / "all/DEBIAN/postrm").read_text()
    assert all(unit in postrm for unit in units)
    for script in ("postinst", "prerm", "postrm"):
        subprocess.run(["sh", "-n", tmp_path / "all/DEBIAN" / script], check=True)
    conffiles = (tmp_path / "all/DEBIAN/conffiles").read_text().split()
    assert "/etc/modality-agent/modality-agent.example.toml" in conffiles
