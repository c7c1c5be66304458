"""The guides: what they show can be done. Commands exist, configurations are right, codes are all there, links lead."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import click
import pytest

from agent.cli.main import cli
from agent.config.load import examine_tables
from tests import codes

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs").glob("*.md"))
OWN = {"attach", "network", "certificates", "update", "troubleshooting", "scaling", "fleet", "operations", "deploy"}
BASIS = {
    "box": {"name": "B", "ae_title": "B", "data_dir": "d"},
    "tls": {"ca_file": "tls/ca.crt", "certificate_file": "tls/box.crt", "key_file": "tls/box.key"},
    "source": [{"name": "us", "driver": "simulator", "object": {"modality": "US"}}],
}


def blocks(guide: Path) -> list[str]:
    """Every block of code of a guide, indented or fenced."""
    text = guide.read_text(encoding="utf-8")
    fence = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
    indented = re.findall(r"(?:^(?: {4}.*|)\n)+", fence.sub("", text), re.MULTILINE)
    plain = [re.sub(r"^ {4}", "", block, flags=re.MULTILINE).strip() for block in indented]
    return [*fence.findall(text), *(block for block in plain if block)]


def test_every_code_is_in_the_guide() -> None:
    known = codes.ALARMS.keys() | codes.errors().keys()
    assert codes.in_the_source() - known == set(), "add it to tests/codes.py"
    assert not codes.ALARMS.keys() & codes.errors().keys()
    text = codes.GUIDE.read_text(encoding="utf-8")
    assert text.partition(codes.MARK)[2] == f"\n{codes.table()}", "run: python -m tests.codes"
    named = set(re.findall(r"\b[A-Z]-\d\d\b", text.partition(codes.MARK)[0]))
    assert named <= known


@pytest.mark.parametrize("guide", GUIDES, ids=lambda g: g.stem)
def test_links_lead_somewhere(guide: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", guide.read_text(encoding="utf-8")):
        assert (guide.parent / target).exists(), target


def test_the_readme_lists_every_guide() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [g.name for g in GUIDES if f"docs/{g.name}" not in text] == []


def words_of(line: str) -> list[str]:
    """The words behind the program's name, up to what a shell would do next."""
    try:
        words = shlex.split(re.split(r"\s#|\||&&|>", line)[0])
    except ValueError:
        return []
    return words[1:] if words and words[0] == "modality-agent" else []


def shown(guide: Path) -> list[list[str]]:
    text = guide.read_text(encoding="utf-8")
    lines = [re.sub(r"^runuser -u \S+ -- ", "", line.strip()) for b in blocks(guide) for line in b.splitlines()]
    return [words for line in [*lines, *re.findall(r"`(modality-agent [^`\n|]+)`", text)] if (words := words_of(line))]


@pytest.mark.parametrize("guide", [g for g in GUIDES if g.stem in OWN], ids=lambda g: g.stem)
def test_commands_that_are_shown_exist(guide: Path) -> None:
    for words in shown(guide):
        command: click.Command = cli
        context = click.Context(cli)
        rest = list(words)
        while rest and isinstance(command, click.Group):
            if rest[0].startswith("--"):
                rest = rest[2:]
                continue
            found = command.get_command(context, rest.pop(0))
            assert found is not None, words
            command = found
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= options | {"--help"}, words


def tables(guide: Path) -> list[dict[str, object]]:
    found = []
    for block in blocks(guide):
        part = re.sub(r"(?s)^.*?(?=^\[)", "", block, count=1, flags=re.MULTILINE)
        try:
            told = tomllib.loads(part)
        except tomllib.TOMLDecodeError:
            continue
        if told and all(isinstance(value, dict | list) for value in told.values()):
            found.append(told)
    return found


@pytest.mark.parametrize("name", ["attach", "scaling", "deploy", "operations"])
def test_configurations_that_are_shown_are_right(name: str) -> None:
    known = {"source", "trigger", "destination", "web", "backup"}
    ours = [told for told in tables(ROOT / "docs" / f"{name}.md") if told.keys() <= known]
    assert ours
    for told in ours:
        examined = examine_tables({**BASIS, **told}, "guide", ROOT / "config", {})
        assert not examined.problems, [str(p) for p in examined.problems]


def test_the_firewall_can_be_read() -> None:
    if not shutil.which("nft") or os.getuid() != 0:
        pytest.skip("needs nft and root")
    (rules,) = [b for b in blocks(ROOT / "docs" / "network.md") if b.startswith("table inet")]
    done = subprocess.run(
        ["unshare", "-n", "nft", "-c", "-f", "-"], input=rules, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_syslog_configuration_can_be_read(tmp_path: Path) -> None:
    if not shutil.which("rsyslogd"):
        pytest.skip("no rsyslogd")
    (rules,) = [b for b in blocks(ROOT / "docs" / "operations.md") if "omfwd" in b]
    file = tmp_path / "rsyslog.conf"
    file.write_text(rules.replace("/etc/modality-agent/tls/", f"{tmp_path}/"))
    for name in ("ca.crt", "box.crt", "box.key"):
        (tmp_path / name).write_text("")
    done = subprocess.run(["rsyslogd", "-N1", "-f", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    wrong = tmp_path / "wrong.conf"
    wrong.write_text(file.read_text().replace("queue.filename", "queue.filenam"))
    assert subprocess.run(["rsyslogd", "-N1", "-f", str(wrong)], capture_output=True, check=False).returncode != 0


def test_the_fields_of_the_journal_are_told() -> None:
    said = set()
    for file in (ROOT / "agent").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "journal.say":
                said |= {f"AGENT_{keyword.arg}".upper() for keyword in node.keywords}
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(AGENT_\w+)`", text)) == said
