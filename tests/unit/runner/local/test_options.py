"""What ``imagebatch-runner`` says of its commands and options."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from imagebatch_runner.cli import app


def said(*arguments: str) -> tuple[int, str]:
    """Exit code and text, in lines that are not wrapped within a word."""
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1"})
    return done.exit_code, done.output


def test_command_for_people_comes_before_those_of_pods() -> None:
    code, text = said("--help")
    assert code == 0
    assert text.index(" local ") < text.index("Steps of a batch in pods") < text.index(" plan ")


def test_every_option_says_what_it_is_for() -> None:
    (local,) = (one for name, one in typer.main.get_group(app).commands.items() if name == "local")
    assert [one.name for one in local.params if not getattr(one, "help", None)] == []


@pytest.mark.parametrize(
    ("option", "value", "bound"),
    [
        ("--jobs", "-1", "greater than or equal to 0"),
        ("--jobs", "257", "less than or equal to 256"),
        ("--quality", "0", "greater than or equal to 1"),
        ("--quality", "101", "less than or equal to 100"),
        ("--max-width", "0", "greater than or equal to 1"),
    ],
)
def test_value_out_of_bounds_is_refused_with_the_bound(
    tmp_path: Path, option: str, value: str, bound: str
) -> None:
    code, text = said("local", str(tmp_path), option, value)
    assert code == 2
    assert option in text
    assert bound in text
