"""docs/client.md and docs/getting-started.md against the command."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from imagebatch.cli.app import app
from imagebatch.cli.exits import Exit
from imagebatch.kubectl.app import app as plugin

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "client.md").read_text(encoding="utf-8")
BEGIN = (DOCS / "getting-started.md").read_text(encoding="utf-8")
LINES = [
    line
    for block in re.findall(r"```sh\n(.*?)```", TEXT + BEGIN, re.DOTALL)
    for line in block.splitlines()
    if re.match(r"(\w+=\$\()?(kubectl )?imagebatch ", line)
]


@pytest.mark.parametrize("line", LINES)
def test_each_line_is_understood_by_the_command(line: str) -> None:
    words = shlex.split(re.search(r"imagebatch ([^<)]*)", line)[1])  # type: ignore[index]
    group = typer.main.get_command(plugin if line.startswith("kubectl") else app)
    name, *rest = words
    command = group.commands[name]  # type: ignore[attr-defined]
    command.make_context(name, rest)


def test_each_command_is_described() -> None:
    group = typer.main.get_command(app)
    described = re.search(r"\| Command \| Does \|.*?\n\n", TEXT, re.DOTALL)
    assert described is not None
    missing = [
        name
        for name in group.commands  # type: ignore[attr-defined]
        if not re.search(rf"^\|[^|]*`{name}\b", described[0], re.MULTILINE)
    ]
    assert missing == []


def test_the_table_of_exit_codes_is_that_of_the_command() -> None:
    assert all(f"| {code.value} | {code.meaning} |" in TEXT for code in Exit)
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    assert all(f"{code.value}: {code.meaning}" in shown for code in Exit)
