"""The units gate: they are valid, and no exposure is above its target (security.md D3, systemd-analyze offline)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNITS = sorted(f for f in SYSTEMD.iterdir() if f.suffix in (".service", ".socket", ".timer"))
TARGETS = {"modality-agent": 1.2, "modality-agent-source": 0.8, "modality-agent-peer": 1.2,
           "modality-agent-screen": 1.2, "modality-agent-build": 0.8,
           "modality-agent-port": 1.4}  # fmt: skip
ANY = 2.0


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    assert shutil.which("systemd-analyze"), "Debian's package systemd is needed"
    told = {**os.environ, "SYSTEMD_LOG_LEVEL": "warning", "SYSTEMD_UNIT_PATH": f"{SYSTEMD}:"}
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False, env=told)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_it_is_valid(unit: Path) -> None:
    done = analyze("verify", "--recursive-errors=no", str(unit))
    said = [line for line in done.stderr.splitlines() if "modality-agent" in line]
    assert not [line for line in said if "not executable" not in line and "No such file" not in line], said


def test_a_wrong_key_would_be_found(tmp_path: Path) -> None:
    wrong = tmp_path / "modality-agent.service"
    wrong.write_text((SYSTEMD / wrong.name).read_text().replace("PrivateTmp=", "PrivatTmp="))
    assert "PrivatTmp" in analyze("verify", "--recursive-errors=no", str(wrong)).stderr


@pytest.mark.parametrize("unit", [u for u in UNITS if u.suffix == ".service"], ids=lambda unit: unit.name)
def test_its_exposure_is_within_its_target(unit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = TARGETS.get(unit.stem, ANY)
    done = analyze("security", "--offline=true", "--no-pager", f"--threshold={round(target * 10)}", str(unit))
    figure = re.search(r"Overall exposure level.*?: ([\d.]+)", done.stdout)
    assert figure is not None, done.stderr
    with capsys.disabled():
        print(f"\n{unit.name}: exposure {figure[1]} (target {target})", end="")
    assert done.returncode == 0, done.stdout


def test_the_gate_can_fail(tmp_path: Path) -> None:
    bare = tmp_path / "bare.service"
    bare.write_text("[Service]\nExecStart=/bin/true\nUser=nobody\n")
    assert analyze("security", "--offline=true", "--threshold=20", str(bare)).returncode != 0


@pytest.mark.parametrize("unit", TARGETS)
def test_limits_are_given_and_restarts_have_none(unit: str) -> None:
    text = (SYSTEMD / f"{unit}.service").read_text()
    for line in ("StartLimitIntervalSec=0", "Restart=always", "LimitCORE=0", "WatchdogSec=30"):
        assert f"{line}\n" in text
    assert f"CapabilityBoundingSet={'CAP_NET_BIND_SERVICE' if unit == 'modality-agent-port' else ''}\n" in text
    assert re.search(r"^MemoryMax=\d+M$", text, re.MULTILINE)
    assert re.search(r"^TasksMax=\d+$", text, re.MULTILINE)


def test_the_core_may_ask_for_the_state_of_the_clock_as_glibc_does() -> None:
    text = (SYSTEMD / "modality-agent.service").read_text()
    assert re.search(r"^SystemCallFilter=.*\badjtimex\b.*\bclock_adjtime\b", text, re.MULTILINE)
    assert "ProtectClock=yes" not in text


@pytest.mark.parametrize("unit", [u for u in UNITS if u.suffix == ".service"], ids=lambda unit: unit.name)
def test_the_guide_tells_its_user_and_its_limits(unit: Path) -> None:
    guide, text = (SYSTEMD.parent / "docs" / "deploy.md").read_text(), unit.read_text()
    told = {key: found[1] for key in ("User", "MemoryMax", "TasksMax")
            if (found := re.search(rf"^{key}=(\S+?)M?$", text, re.MULTILINE))}  # fmt: skip
    name = unit.stem if unit.stem == "modality-agent" else unit.stem.removeprefix("modality-agent")
    (row,) = [line for line in guide.splitlines() if line.startswith(f"| `{name}`")]
    assert f"`{told['User']}`" in row
    assert row.endswith(f"| {told['MemoryMax']} MB, {told['TasksMax']} |")
