"""What the image's own files ask of `modality-agent`: each command line is one that the command line knows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import agent.cli  # noqa: F401 - adds every command
from agent.cli.main import cli

FILES = Path(__file__).parents[3] / "image/files"
CALL = re.compile(r'(?:"\$agent"|/opt/modality-agent/bin/modality-agent) ([^;&|>\n]+)')


def calls() -> Iterator[str]:
    for path in sorted(FILES.rglob("*")):
        if path.is_file():
            yield from (found.strip() for found in CALL.findall(path.read_text()))


@pytest.mark.parametrize("call", sorted(set(calls())))
def test_the_image_asks_for_commands_that_there_are(call: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    words = [str(file) if word.startswith("$at/") else word for word in shlex.split(call) if word != "$again"]
    command: click.Command = cli
    while isinstance(command, click.Group):
        with click.Context(command) as context:
            name, found, words = command.resolve_command(context, words)
        assert found is not None, f"no command {name}"
        command = found
    command.make_context(command.name, words)
